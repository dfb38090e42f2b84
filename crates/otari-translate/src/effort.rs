//! How hard a model should think, in the words and numbers of each API.

/// Ordered from none to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    None,
    Minimal,
    Low,
    Medium,
    High,
    XHigh,
    Max,
}

/// One row per effort: its name, and its budget in tokens at Gemini 2.x and Cohere, and at Claude.
const TABLE: [(Effort, &str, i64, i64); 7] = [
    (Effort::None, "none", 0, 0),
    (Effort::Minimal, "minimal", 256, 1024),
    (Effort::Low, "low", 1024, 2048),
    (Effort::Medium, "medium", 8192, 8192),
    (Effort::High, "high", 24_576, 24_576),
    (Effort::XHigh, "xhigh", 32_768, 32_768),
    (Effort::Max, "max", 32_768, 32_768),
];

impl Effort {
    pub fn parse(name: &str) -> Option<Self> {
        TABLE
            .iter()
            .find(|row| row.1 == name)
            .map(|(effort, ..)| *effort)
    }

    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// Tokens of thinking at Gemini 2.x.
    pub fn gemini_budget(self) -> i64 {
        self.row().2
    }

    /// Tokens of thinking at Claude models that take a budget; they refuse less than 1024.
    pub fn claude_budget(self) -> i64 {
        self.row().3
    }

    /// The effort a budget in tokens stands for.
    pub fn of_budget(tokens: i64) -> Self {
        match tokens {
            ..=0 => Self::None,
            1..=1024 => Self::Minimal,
            1025..=2048 => Self::Low,
            2049..=8192 => Self::Medium,
            8193..=24_576 => Self::High,
            _ => Self::XHigh,
        }
    }

    /// Anthropic's `output_config.effort` has no `minimal`, and `xhigh` on newer models only.
    pub fn anthropic(self, has_xhigh: bool) -> &'static str {
        match self {
            Self::None | Self::Minimal | Self::Low => "low",
            Self::XHigh if !has_xhigh => "high",
            other => other.name(),
        }
    }

    /// Gemini 3's `thinkingLevel`.
    pub fn gemini_level(self) -> &'static str {
        match self {
            Self::None | Self::Minimal => "MINIMAL",
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High | Self::XHigh | Self::Max => "HIGH",
        }
    }

    fn row(self) -> &'static (Self, &'static str, i64, i64) {
        const NONE: &(Effort, &str, i64, i64) = &(Effort::None, "none", 0, 0);
        TABLE.iter().find(|row| row.0 == self).unwrap_or(NONE)
    }
}

//! Token usage as measured, with the convention that says what the numbers include.

use serde::{Deserialize, Serialize};

/// Whether a provider's input count already contains its cached tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CacheConvention {
    /// OpenAI, Gemini: cached tokens are part of the input count.
    #[default]
    Inclusive,
    /// Anthropic: cache reads and writes come on top of the input count.
    Additive,
}

/// What one call consumed, as its provider reported it. Absent usage is `Option::None` around this, never zeros.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenUsage {
    /// As reported: whether cached tokens are inside depends on `convention`.
    pub input: i64,
    pub output: i64,
    pub cache_read: i64,
    pub cache_write: i64,
    /// The part of `cache_write` written with a one-hour lifetime.
    pub cache_write_1h: i64,
    /// The part of `output` spent on reasoning; informational, billed as output.
    pub reasoning: i64,
    pub convention: CacheConvention,
}

impl TokenUsage {
    /// All input tokens, cached ones included, whatever the convention.
    pub fn total_input(&self) -> i64 {
        match self.convention {
            CacheConvention::Inclusive => self.input,
            CacheConvention::Additive => self
                .input
                .saturating_add(self.cache_read)
                .saturating_add(self.cache_write),
        }
    }

    pub fn total(&self) -> i64 {
        self.total_input().saturating_add(self.output)
    }

    /// What two calls consumed together. Where they count differently the sum counts cached tokens as input.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let (a, b) = if self.convention == other.convention {
            (self, other)
        } else {
            (self.inclusive(), other.inclusive())
        };
        Self {
            input: a.input.saturating_add(b.input),
            output: a.output.saturating_add(b.output),
            cache_read: a.cache_read.saturating_add(b.cache_read),
            cache_write: a.cache_write.saturating_add(b.cache_write),
            cache_write_1h: a.cache_write_1h.saturating_add(b.cache_write_1h),
            reasoning: a.reasoning.saturating_add(b.reasoning),
            convention: a.convention,
        }
    }

    fn inclusive(self) -> Self {
        Self {
            input: self.total_input(),
            convention: CacheConvention::Inclusive,
            ..self
        }
    }

    /// Folds a later report of the same call into this one, field by field: a later zero never erases an
    /// earlier count, because providers report input early and output late, or close with a zeroed chunk.
    pub fn merge(&mut self, later: &Self) {
        let fold = |mine: &mut i64, theirs: i64| {
            if theirs != 0 {
                *mine = theirs;
            }
        };
        fold(&mut self.input, later.input);
        fold(&mut self.output, later.output);
        fold(&mut self.cache_read, later.cache_read);
        fold(&mut self.cache_write, later.cache_write);
        fold(&mut self.cache_write_1h, later.cache_write_1h);
        fold(&mut self.reasoning, later.reasoning);
        self.convention = later.convention;
    }
}

//! What Claude models differ in, as far as a request must know it.

/// How a model is told to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dialect) enum ThinkingStyle {
    /// Not at all.
    None,
    /// `enabled` with a budget in tokens.
    Budget,
    /// `adaptive` with an effort.
    Adaptive,
}

#[derive(Clone, Copy, Debug)]
pub(in crate::dialect) struct Model {
    /// The most it writes in one answer, in tokens.
    pub(in crate::dialect) max_output: i64,
    pub(in crate::dialect) thinking: ThinkingStyle,
    /// Takes temperature, `top_p` and `top_k`.
    pub(in crate::dialect) sampling: bool,
    pub(in crate::dialect) xhigh: bool,
    /// Takes `output_config.format`.
    pub(in crate::dialect) structured: bool,
}

const LATEST: Model = Model {
    max_output: 128_000,
    thinking: ThinkingStyle::Adaptive,
    sampling: false,
    xhigh: true,
    structured: true,
};
const V4_6: Model = Model {
    sampling: true,
    xhigh: false,
    ..LATEST
};
const V4_5: Model = Model {
    max_output: 64_000,
    thinking: ThinkingStyle::Budget,
    ..V4_6
};
const V4: Model = Model {
    structured: false,
    ..V4_5
};
const V3: Model = Model {
    max_output: 4096,
    thinking: ThinkingStyle::None,
    ..V4
};

/// The first row whose name is part of the model's id decides.
const TABLE: [(&str, Model); 16] = [
    ("opus-5", LATEST),
    ("sonnet-5", LATEST),
    ("fable-5", LATEST),
    ("opus-4-7", LATEST),
    ("opus-4-8", LATEST),
    ("opus-4-6", V4_6),
    ("sonnet-4-6", V4_6),
    ("opus-4-5", V4_5),
    ("sonnet-4-5", V4_5),
    ("haiku-4-5", V4_5),
    (
        "opus-4-1",
        Model {
            max_output: 32_000,
            ..V4_5
        },
    ),
    ("sonnet-4", V4),
    (
        "opus-4",
        Model {
            max_output: 32_000,
            ..V4
        },
    ),
    ("3-7-sonnet", V4),
    (
        "3-5-",
        Model {
            max_output: 8192,
            ..V3
        },
    ),
    ("claude-3-", V3),
];

/// A model nobody has heard of is taken for one of the newest, but for the limit: too high a limit is refused.
const UNKNOWN: Model = Model {
    max_output: 32_000,
    sampling: true,
    ..LATEST
};

pub(in crate::dialect) fn of(id: &str) -> Model {
    TABLE
        .iter()
        .find(|(name, _)| id.contains(name))
        .map_or(UNKNOWN, |(_, model)| *model)
}

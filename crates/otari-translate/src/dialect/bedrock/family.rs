//! What the model families behind Bedrock differ in: Converse is one format, but not one set of abilities.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Claude,
    Nova,
    Mistral,
    Cohere,
    /// OpenAI's open models.
    GptOss,
    /// Known, and without a choice of tools: Llama, DeepSeek, AI21, Titan.
    Plain,
    /// An inference profile of the customer's own, which can be any of them.
    Unknown,
}

const TABLE: [(&str, Family); 15] = [
    ("claude", Family::Claude),
    ("anthropic", Family::Claude),
    ("nova", Family::Nova),
    ("mistral", Family::Mistral),
    ("magistral", Family::Mistral),
    ("ministral", Family::Mistral),
    ("pixtral", Family::Mistral),
    ("voxtral", Family::Mistral),
    ("cohere", Family::Cohere),
    ("gpt-oss", Family::GptOss),
    ("meta.", Family::Plain),
    ("deepseek", Family::Plain),
    ("ai21.", Family::Plain),
    ("titan", Family::Plain),
    ("writer.", Family::Plain),
];

impl Family {
    /// The first row whose name is part of the model's id decides.
    pub(super) fn of(id: &str) -> Self {
        let id = id.to_ascii_lowercase();
        TABLE
            .iter()
            .find(|(name, _)| id.contains(name))
            .map_or(Self::Unknown, |(_, family)| *family)
    }

    /// Takes `toolChoice` with `any` or one name.
    pub(super) fn can_force_tools(self) -> bool {
        matches!(
            self,
            Self::Claude | Self::Nova | Self::Mistral | Self::Unknown
        )
    }

    /// Takes `cachePoint`; the others refuse it.
    pub(super) fn can_cache(self) -> bool {
        matches!(self, Self::Claude | Self::Nova)
    }
}

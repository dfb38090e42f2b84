//! What a provider's API offers, as a set that can be written in a constant.

use std::fmt;

macro_rules! capabilities {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// One thing a provider's API offers.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Capability {
            $($(#[$doc])* $name,)*
        }

        impl Capability {
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// As configuration, the API and the documentation write it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

capabilities! {
    Chat = "chat",
    Streaming = "streaming",
    /// OpenAI's Responses API, natively.
    Responses = "responses",
    /// Anthropic's Messages API, natively.
    Messages = "messages",
    Embeddings = "embeddings",
    Images = "images",
    ImageEdit = "image_edit",
    Speech = "speech",
    Transcription = "transcription",
    Moderation = "moderation",
    Rerank = "rerank",
    Batch = "batch",
    Files = "files",
    ListModels = "list_models",
    /// Images as input.
    Vision = "vision",
    /// PDF files as input.
    Pdf = "pdf",
    /// Shows or takes reasoning of at least one model.
    Reasoning = "reasoning",
}

/// A set of [`Capability`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Capabilities(u32);

impl Capabilities {
    pub const NONE: Self = Self(0);
    /// What nearly every chat provider has.
    pub const CHAT: Self = Self::of(&[
        Capability::Chat,
        Capability::Streaming,
        Capability::ListModels,
    ]);

    pub const fn of(list: &[Capability]) -> Self {
        Self::NONE.with(list)
    }

    #[must_use]
    pub const fn with(self, mut list: &[Capability]) -> Self {
        let mut bits = self.0;
        while let [first, rest @ ..] = list {
            bits |= 1 << *first as u32;
            list = rest;
        }
        Self(bits)
    }

    pub const fn contains(self, capability: Capability) -> bool {
        self.0 & (1 << capability as u32) != 0
    }

    pub fn iter(self) -> impl Iterator<Item = Capability> {
        Capability::ALL
            .iter()
            .copied()
            .filter(move |capability| self.contains(*capability))
    }
}

impl fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

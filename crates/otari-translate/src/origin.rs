//! Who made an opaque reasoning signature. Signatures are replayed only to their maker: any other provider refuses
//! them, some with an error that ends the conversation.

/// A family of providers that accept each other's signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Claude, wherever it is hosted.
    Anthropic,
    /// Gemini, wherever it is hosted.
    Google,
    /// OpenAI's Responses API (`encrypted_content`).
    OpenAi,
    /// Mistral's own thinking.
    Mistral,
}

/// Opaque proof of a provider's own reasoning, to be handed back unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    pub value: String,
    pub origin: Origin,
}

const TAG: &str = "otari:";

impl Origin {
    pub const ALL: [Self; 4] = [Self::Anthropic, Self::Google, Self::OpenAi, Self::Mistral];

    /// The key under which Chat clients find the signature in `extra_content`, and the name in a tag.
    pub fn name(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::Google => "google",
            Self::OpenAi => "openai",
            Self::Mistral => "mistral",
        }
    }
}

/// Whether a request carries a thought that its provider cannot take as it is: one with a signature that
/// [`Signature::to_client`] tagged, or a `thinking` block without any. A text can look like one, which does no harm.
pub fn has_foreign_thought(body: &[u8]) -> bool {
    // As Messages and Responses carry a tag, as Gemini does, in base64, and what Messages says for no signature.
    const MARKS: [&[u8]; 4] = [
        b"\"otari:",
        b"\"b3Rhcmk6",
        b"\"signature\":\"\"",
        b"\"signature\": \"\"",
    ];
    MARKS
        .iter()
        .any(|mark| memchr::memmem::find(body, mark).is_some())
}

impl Signature {
    pub fn new(origin: Origin, value: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            origin,
        }
    }

    /// As a client of `native`'s own API carries it: a foreign signature says whose it is.
    pub fn to_client(&self, native: Origin) -> String {
        if self.origin == native {
            self.value.clone()
        } else {
            format!("{TAG}{}:{}", self.origin.name(), self.value)
        }
    }

    /// Reads back what [`Signature::to_client`] wrote; without a tag it is `native`'s own.
    pub fn from_client(native: Origin, text: &str) -> Self {
        let tagged = text.strip_prefix(TAG).and_then(|rest| rest.split_once(':'));
        let known = tagged.and_then(|(name, value)| {
            let origin = Origin::ALL
                .into_iter()
                .find(|origin| origin.name() == name)?;
            Some(Self::new(origin, value))
        });
        known.unwrap_or_else(|| Self::new(native, text))
    }
}

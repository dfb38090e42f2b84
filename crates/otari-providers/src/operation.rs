//! What can be asked of a provider, and which of its paths that is.

use crate::provider::{Capability, Paths};

/// One kind of request to a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    Chat,
    Responses,
    Messages,
    CountTokens,
    Embeddings,
    Models,
    Images,
    ImageEdits,
    ImageVariations,
    Speech,
    Transcriptions,
    Translations,
    Moderations,
    Rerank,
    Batches,
    Files,
}

impl Operation {
    pub const ALL: [Self; 16] = [
        Self::Chat,
        Self::Responses,
        Self::Messages,
        Self::CountTokens,
        Self::Embeddings,
        Self::Models,
        Self::Images,
        Self::ImageEdits,
        Self::ImageVariations,
        Self::Speech,
        Self::Transcriptions,
        Self::Translations,
        Self::Moderations,
        Self::Rerank,
        Self::Batches,
        Self::Files,
    ];

    /// What a provider that offers the operation declares; `None` for counting tokens, which none declares.
    pub fn capability(self) -> Option<Capability> {
        Some(match self {
            Self::Chat => Capability::Chat,
            Self::Responses => Capability::Responses,
            Self::Messages => Capability::Messages,
            Self::CountTokens => return None,
            Self::Embeddings => Capability::Embeddings,
            Self::Models => Capability::ListModels,
            Self::Images => Capability::Images,
            Self::ImageEdits | Self::ImageVariations => Capability::ImageEdit,
            Self::Speech => Capability::Speech,
            Self::Transcriptions | Self::Translations => Capability::Transcription,
            Self::Moderations => Capability::Moderation,
            Self::Rerank => Capability::Rerank,
            Self::Batches => Capability::Batch,
            Self::Files => Capability::Files,
        })
    }

    pub(crate) fn path(self, paths: &Paths) -> &'static str {
        match self {
            Self::Chat => paths.chat,
            Self::Responses => paths.responses,
            Self::Messages => paths.messages,
            Self::CountTokens => paths.count_tokens,
            Self::Embeddings => paths.embeddings,
            Self::Models => paths.models,
            Self::Images => paths.images,
            Self::ImageEdits => paths.image_edits,
            Self::ImageVariations => paths.image_variations,
            Self::Speech => paths.speech,
            Self::Transcriptions => paths.transcriptions,
            Self::Translations => paths.translations,
            Self::Moderations => paths.moderations,
            Self::Rerank => paths.rerank,
            Self::Batches => paths.batches,
            Self::Files => paths.files,
        }
    }

    /// The path of a streamed answer. An operation at chat's address streams where chat does.
    pub(crate) fn stream_path(self, paths: &Paths) -> &'static str {
        let path = self.path(paths);
        match paths.chat_stream {
            Some(stream) if path == paths.chat => stream,
            _ => path,
        }
    }
}

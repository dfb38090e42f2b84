//! The routes a line can be a call of.

use otari_translate::Surface;

use crate::Gateway;
use crate::error::GatewayError;
use crate::inbound::{Inbound, Reply};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    Generate(Surface, &'static str),
    Embeddings,
    Moderations,
    Images,
    Rerank,
}

impl Endpoint {
    pub(super) const ALL: [Self; 8] = [
        Self::Generate(Surface::Chat, "/v1/chat/completions"),
        Self::Generate(Surface::Responses, "/v1/responses"),
        Self::Generate(Surface::Messages, "/v1/messages"),
        Self::Generate(Surface::Completions, "/v1/completions"),
        Self::Embeddings,
        Self::Moderations,
        Self::Images,
        Self::Rerank,
    ];

    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Generate(_, path) => path,
            Self::Embeddings => "/v1/embeddings",
            Self::Moderations => "/v1/moderations",
            Self::Images => "/v1/images/generations",
            Self::Rerank => "/v1/rerank",
        }
    }

    /// Under either prefix of the gateway's routes.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let path = path.strip_prefix("/api").unwrap_or(path);
        Self::ALL
            .into_iter()
            .find(|endpoint| endpoint.path() == path)
    }

    /// Whose errors they are.
    pub(super) fn surface(self) -> Surface {
        match self {
            Self::Generate(surface, _) => surface,
            _ => Surface::Chat,
        }
    }

    pub(super) async fn call(
        self,
        gateway: &std::sync::Arc<Gateway>,
        inbound: &Inbound,
    ) -> Result<Reply, GatewayError> {
        match self {
            Self::Generate(surface, _) => Box::pin(gateway.generate(surface, inbound)).await,
            Self::Embeddings => gateway.embed(inbound).await,
            Self::Moderations => gateway.moderate(inbound, false).await,
            Self::Images => gateway.generate_images(inbound).await,
            Self::Rerank => gateway.rerank(inbound).await,
        }
    }
}

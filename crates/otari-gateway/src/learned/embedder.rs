//! Vectors of texts: made in this process, or by a model at a provider.

use otari_config::EmbeddingModel;
use otari_translate::embeddings::{self, Encoding, Input, Purpose};

use super::{EmbedsFor, words};
use crate::encoder::EncoderAway;
use crate::error::GatewayError;
use crate::reserve::Demand;
use crate::side_call::{self, Chosen};
use crate::unit::Unit;

/// The route of the rows of embeddings that a provider makes.
const ENDPOINT: &str = "router/embedding";
/// Of a text, as much as embedding models take.
const TEXT_CHARS_MAX: usize = 8_000;

/// Why there are no vectors.
#[derive(Debug, thiserror::Error)]
pub enum EmbedError {
    #[error(transparent)]
    Encoder(#[from] EncoderAway),
    #[error(transparent)]
    Call(#[from] GatewayError),
}

impl EmbedsFor<'_> {
    /// One vector for each text, of length 1.
    pub(super) async fn embed(&self, texts: Vec<String>) -> Result<Vec<Vec<f32>>, EmbedError> {
        let learned = &self.gateway.learned;
        let beginning = |text: String| text.chars().take(TEXT_CHARS_MAX).collect();
        let texts: Vec<String> = texts.into_iter().map(beginning).collect();
        match &learned.options.embedding_model {
            EmbeddingModel::Words => Ok(texts.iter().map(|text| words::embed(text)).collect()),
            EmbeddingModel::MiniLm => {
                let work = move |encoder: &otari_encoder::Encoder| {
                    // A text has at least one window.
                    let windows = texts.iter().flat_map(|text| encoder.windows(text, 1));
                    windows.map(|window| encoder.embed(&window)).collect()
                };
                Ok(learned.encoder.run(work).await?)
            }
            EmbeddingModel::Provider(model) => {
                Ok(self.at_provider(&model.to_string(), texts).await?)
            }
        }
    }

    /// A call of its own: held, billed to whom it is for, with a row.
    async fn at_provider(
        &self,
        model: &str,
        texts: Vec<String>,
    ) -> Result<Vec<Vec<f32>>, GatewayError> {
        let Self {
            gateway,
            origin,
            billed,
        } = *self;
        let demand = Demand {
            prompt_bytes: texts.iter().map(String::len).sum(),
            max_output: Some(0),
            choices: 1,
            unit: Unit::Tokens,
        };
        let inbound = side_call::inbound(origin, ENDPOINT, String::new());
        let origin = &inbound.origin;
        let chosen = Chosen {
            model,
            reason: "router",
        };
        let begun = side_call::begin(gateway, billed, &inbound, chosen, demand);
        let (plan, mut settlement) = Box::pin(begun).await?;
        let request = embeddings::Request {
            model: model.to_owned(),
            input: Input::Texts(texts),
            dimensions: None,
            encoding: Encoding::Float,
            user: None,
            purpose: Some(Purpose::Clustering),
            extra: Vec::new(),
        };
        let embedded = gateway.embed_paid(origin, &plan.first, &request, &mut settlement);
        let vectors = embedded.await?.vectors;
        Ok(vectors.into_iter().map(words::normalized).collect())
    }
}

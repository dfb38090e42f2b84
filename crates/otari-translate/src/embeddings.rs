//! Embeddings: OpenAI's request in, any provider's calls out, vectors back in OpenAI's shape.
//!
//! Some providers take one text a call, or a limited number: a request becomes as many calls as it needs, in order, and
//! their answers are put together with [`Embedded::append`].

mod decode;
mod encode;
mod render;
mod request;

pub use decode::decode;
pub use encode::encode;
pub use render::render;
pub use request::parse;

use crate::json::Raw;

/// A format providers are asked for embeddings in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmbedWire {
    /// OpenAI's own shape, which most providers have.
    OpenAi,
    /// OpenAI's, but for vectors of signed bytes in base64, which is the only encoding there is.
    OpenAiInt8,
    Mistral,
    /// `batchEmbedContents` of the Gemini API.
    Gemini,
    /// `predict` of Vertex AI; the path is below `publishers/google`.
    Vertex,
    /// `invoke` with Titan's or Cohere's bodies, by the model's id. Cohere's tokens are told only by the header
    /// `x-amzn-bedrock-input-token-count`.
    Bedrock,
    Cohere,
    Ollama,
    Voyage,
    Watsonx,
    /// Hugging Face's pipeline, and containers that were made from it: bare arrays, no word on tokens.
    FeatureExtraction,
}

/// One request for vectors.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// As the client wrote it.
    pub model: String,
    pub input: Input,
    pub dimensions: Option<i64>,
    pub encoding: Encoding,
    pub user: Option<String>,
    /// What the vectors are for, where a provider wants to know.
    pub purpose: Option<Purpose>,
    /// Members without a neutral form, as received.
    pub extra: Vec<(String, Raw)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    Texts(Vec<String>),
    /// Texts as token ids of OpenAI's models.
    Tokens(Vec<Vec<i64>>),
}

/// How vectors are written in the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    #[default]
    Float,
    /// Little-endian 32-bit floats, as the OpenAI SDKs ask by default.
    Base64,
}

/// `input_type`, in the words of any of the APIs that have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Query,
    Document,
    Classification,
    Clustering,
}

/// Vectors in the order of the input.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Embedded {
    pub vectors: Vec<Vec<f32>>,
    /// `None` when the provider does not say.
    pub input_tokens: Option<i64>,
}

impl Input {
    /// How many vectors are asked for.
    pub fn len(&self) -> usize {
        match self {
            Self::Texts(texts) => texts.len(),
            Self::Tokens(lists) => lists.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Embedded {
    /// Adds the answer of the next call.
    pub fn append(&mut self, next: Self) {
        self.vectors.extend(next.vectors);
        self.input_tokens = match (self.input_tokens, next.input_tokens) {
            (Some(known), Some(more)) => Some(known.saturating_add(more)),
            (known, more) => known.or(more),
        };
    }
}

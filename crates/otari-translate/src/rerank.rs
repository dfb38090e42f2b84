//! Rerank: one request in, any provider's call out, scores back in the shape that most of them share (Cohere's).

mod decode;
mod encode;
pub mod listwise;

pub use decode::decode;
pub use encode::encode;

use crate::json::Raw;

/// A format providers are asked in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RerankWire {
    /// Cohere's, which Jina, vLLM, llama.cpp and most hosts took over. <https://docs.cohere.com/reference/rerank>
    Cohere,
    /// <https://docs.voyageai.com/reference/reranker-api>
    Voyage,
    /// `Rerank` of the Bedrock agent runtime.
    Bedrock,
    /// `text/rerank` of watsonx.ai.
    Watsonx,
    /// DeepInfra's: one score a document, in their order.
    Scores,
}

/// One request for an order of documents.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    pub query: String,
    pub documents: Vec<String>,
    pub top_n: Option<usize>,
    pub max_tokens_per_doc: Option<i64>,
    /// Members without a neutral form, as received.
    pub extra: Vec<(String, Raw)>,
}

/// Documents by relevance, best first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ranked {
    pub id: Option<String>,
    pub results: Vec<Scored>,
    /// Cohere's account of the call (`billed_units`, `tokens`).
    pub meta: Option<Raw>,
    /// `None` when the provider does not say.
    pub total_tokens: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored {
    /// Into the documents of the request.
    pub index: usize,
    pub score: f64,
}

//! Vectors that depend on nothing but the text, and the list of models.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::reply::tokens_of;
use super::{Answer, Refusal, fingerprint, mix, read};

const DIMENSIONS: usize = 8;
const DIMENSIONS_MAX: usize = 4_096;

#[derive(Deserialize)]
struct EmbeddingsBody {
    input: Input,
    #[serde(default)]
    dimensions: Option<usize>,
    #[serde(default)]
    encoding_format: Option<String>,
}

/// The four forms of OpenAI's `input`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Input {
    Text(String),
    Texts(Vec<String>),
    Tokens(Vec<u32>),
    TokenLists(Vec<Vec<u32>>),
}

pub(super) fn answer(model: &str, body: &[u8]) -> Result<Answer, Refusal> {
    let request: EmbeddingsBody = read(body)?;
    let dimensions = request.dimensions.unwrap_or(DIMENSIONS);
    if !(1..=DIMENSIONS_MAX).contains(&dimensions) {
        return Err(Refusal {
            param: "dimensions",
            message: format!("dimensions must be between 1 and {DIMENSIONS_MAX}"),
        });
    }
    let as_base64 = request.encoding_format.as_deref() == Some("base64");
    let inputs = request.input.into_bytes_and_tokens();
    let tokens: usize = inputs.iter().map(|(_, tokens)| tokens).sum();
    let tokens = tokens.max(1);
    let data: Vec<Value> = inputs
        .iter()
        .enumerate()
        .map(|(index, (bytes, _))| {
            let vector = vector(bytes, dimensions);
            let embedding = if as_base64 {
                encoded(&vector)
            } else {
                json!(vector)
            };
            json!({ "object": "embedding", "index": index, "embedding": embedding })
        })
        .collect();
    Ok(Answer::document(&json!({
        "object": "list",
        "data": data,
        "model": model,
        "usage": { "prompt_tokens": tokens, "total_tokens": tokens },
    })))
}

impl Input {
    fn into_bytes_and_tokens(self) -> Vec<(Vec<u8>, usize)> {
        let text = |text: String| {
            let tokens = tokens_of(text.chars().count());
            (text.into_bytes(), tokens)
        };
        let tokens = |list: Vec<u32>| {
            let bytes = list.iter().flat_map(|token| token.to_le_bytes()).collect();
            (bytes, list.len())
        };
        match self {
            Self::Text(one) => vec![text(one)],
            Self::Texts(many) => many.into_iter().map(text).collect(),
            Self::Tokens(one) => vec![tokens(one)],
            Self::TokenLists(many) => many.into_iter().map(tokens).collect(),
        }
    }
}

/// A vector of length one whose direction the input decides.
fn vector(input: &[u8], dimensions: usize) -> Vec<f32> {
    let mut state = fingerprint(input);
    let raw: Vec<f32> = (0..dimensions)
        .map(|_| {
            state = mix(state.wrapping_add(0x9e37_79b9_7f4a_7c15));
            // The top 16 bits, spread over -1..1 without zero.
            let [high, low, ..] = state.to_be_bytes();
            (f32::from(u16::from_be_bytes([high, low])) + 0.5) / 32_768.0 - 1.0
        })
        .collect();
    let length = raw.iter().map(|part| part * part).sum::<f32>().sqrt();
    raw.into_iter().map(|part| part / length).collect()
}

/// Little-endian 32-bit floats in base64: what the OpenAI SDKs ask for unasked.
fn encoded(vector: &[f32]) -> Value {
    let bytes: Vec<u8> = vector.iter().flat_map(|part| part.to_le_bytes()).collect();
    Value::String(BASE64_STANDARD.encode(bytes))
}

/// Any name works; two are listed so that discovery finds something.
pub(super) fn model_list() -> Value {
    let model =
        |id: &str| json!({ "id": id, "object": "model", "created": 0, "owned_by": "otari" });
    json!({ "object": "list", "data": [model("chat"), model("embedding")] })
}

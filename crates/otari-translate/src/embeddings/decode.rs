//! Vectors out of answers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::error::DecodeError;

use super::{EmbedWire, Embedded};

type Result<T> = std::result::Result<T, DecodeError>;

/// Reads the answer of one call.
pub fn decode(wire: EmbedWire, body: &[u8]) -> Result<Embedded> {
    match wire {
        EmbedWire::OpenAi | EmbedWire::Mistral | EmbedWire::Voyage => openai(body, Vector::floats),
        EmbedWire::OpenAiInt8 => openai(body, Vector::bytes),
        EmbedWire::Gemini => gemini(body),
        EmbedWire::Vertex => vertex(body),
        EmbedWire::Bedrock => bedrock(body),
        EmbedWire::Cohere => cohere(body),
        EmbedWire::Ollama => ollama(body),
        EmbedWire::Watsonx => watsonx(body),
        EmbedWire::FeatureExtraction => feature_extraction(body),
    }
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T> {
    serde_json::from_slice(body).map_err(|_| DecodeError::Malformed { what: "embeddings" })
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Vector {
    Floats(Vec<f32>),
    /// Base64 of little-endian floats.
    Text(String),
}

impl Vector {
    fn floats(self) -> Result<Vec<f32>> {
        let bytes = match self {
            Self::Floats(floats) => return Ok(floats),
            Self::Text(text) => decoded(&text)?,
        };
        let (floats, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(DecodeError::Malformed { what: "embeddings" });
        }
        Ok(floats.iter().copied().map(f32::from_le_bytes).collect())
    }

    /// Signed bytes, in their own scale: the angle between two vectors is the same in any.
    fn bytes(self) -> Result<Vec<f32>> {
        match self {
            Self::Floats(floats) => Ok(floats),
            Self::Text(text) => {
                let bytes = decoded(&text)?.into_iter();
                Ok(bytes.map(|byte| f32::from(byte.cast_signed())).collect())
            }
        }
    }
}

fn decoded(text: &str) -> Result<Vec<u8>> {
    STANDARD
        .decode(text)
        .map_err(|_| DecodeError::Malformed { what: "embeddings" })
}

fn openai(body: &[u8], numbers: fn(Vector) -> Result<Vec<f32>>) -> Result<Embedded> {
    #[derive(Deserialize)]
    struct Item {
        #[serde(default)]
        index: usize,
        embedding: Vector,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Usage {
        prompt_tokens: Option<i64>,
        total_tokens: Option<i64>,
    }
    #[derive(Deserialize)]
    struct Body {
        data: Vec<Item>,
        #[serde(default)]
        usage: Option<Usage>,
    }
    let mut body: Body = read(body)?;
    body.data.sort_by_key(|item| item.index);
    let usage = body.usage.unwrap_or_default();
    let vectors = body.data.into_iter().map(|item| numbers(item.embedding));
    Ok(Embedded {
        vectors: vectors.collect::<Result<_>>()?,
        input_tokens: usage.prompt_tokens.or(usage.total_tokens),
    })
}

fn gemini(body: &[u8]) -> Result<Embedded> {
    #[derive(Deserialize)]
    struct Item {
        values: Vec<f32>,
    }
    #[derive(Deserialize)]
    struct Body {
        embeddings: Vec<Item>,
    }
    let body: Body = read(body)?;
    Ok(Embedded {
        vectors: body
            .embeddings
            .into_iter()
            .map(|item| item.values)
            .collect(),
        input_tokens: None,
    })
}

fn vertex(body: &[u8]) -> Result<Embedded> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Statistics {
        token_count: Option<f64>,
    }
    #[derive(Deserialize)]
    struct Embeddings {
        values: Vec<f32>,
        #[serde(default)]
        statistics: Statistics,
    }
    #[derive(Deserialize)]
    struct Prediction {
        embeddings: Embeddings,
    }
    #[derive(Deserialize)]
    struct Body {
        predictions: Vec<Prediction>,
    }
    let body: Body = read(body)?;
    let mut embedded = Embedded::default();
    for Prediction { embeddings } in body.predictions {
        embedded.append(Embedded {
            vectors: vec![embeddings.values],
            input_tokens: embeddings.statistics.token_count.map(whole),
        });
    }
    Ok(embedded)
}

/// Titan answers with one vector and its tokens, Cohere with a list or lists by type.
fn bedrock(body: &[u8]) -> Result<Embedded> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Body {
        embedding: Option<Vec<f32>>,
        input_text_token_count: Option<i64>,
        embeddings: Option<Lists>,
    }
    let body: Body = read(body)?;
    let vectors = match (body.embedding, body.embeddings) {
        (Some(vector), _) => vec![vector],
        (None, Some(lists)) => lists.float()?,
        (None, None) => return Err(DecodeError::Malformed { what: "embeddings" }),
    };
    Ok(Embedded {
        vectors,
        input_tokens: body.input_text_token_count,
    })
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Lists {
    Plain(Vec<Vec<f32>>),
    ByType { float: Option<Vec<Vec<f32>>> },
}

impl Lists {
    fn float(self) -> Result<Vec<Vec<f32>>> {
        match self {
            Self::Plain(vectors) => Ok(vectors),
            Self::ByType { float } => float.ok_or(DecodeError::Malformed { what: "embeddings" }),
        }
    }
}

fn cohere(body: &[u8]) -> Result<Embedded> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Units {
        input_tokens: Option<f64>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Meta {
        billed_units: Option<Units>,
    }
    #[derive(Deserialize)]
    struct Body {
        embeddings: Lists,
        #[serde(default)]
        meta: Option<Meta>,
    }
    let body: Body = read(body)?;
    let units = body.meta.unwrap_or_default().billed_units;
    Ok(Embedded {
        vectors: body.embeddings.float()?,
        input_tokens: units.unwrap_or_default().input_tokens.map(whole),
    })
}

fn ollama(body: &[u8]) -> Result<Embedded> {
    #[derive(Deserialize)]
    struct Body {
        embeddings: Vec<Vec<f32>>,
        #[serde(default)]
        prompt_eval_count: Option<i64>,
    }
    let body: Body = read(body)?;
    Ok(Embedded {
        vectors: body.embeddings,
        input_tokens: body.prompt_eval_count,
    })
}

fn watsonx(body: &[u8]) -> Result<Embedded> {
    #[derive(Deserialize)]
    struct Item {
        embedding: Vec<f32>,
    }
    #[derive(Deserialize)]
    struct Body {
        results: Vec<Item>,
        #[serde(default)]
        input_token_count: Option<i64>,
    }
    let body: Body = read(body)?;
    Ok(Embedded {
        vectors: body
            .results
            .into_iter()
            .map(|item| item.embedding)
            .collect(),
        input_tokens: body.input_token_count,
    })
}

/// One vector, a vector a text, or a vector a token of each text, depending on model and server. Some containers wrap
/// them.
fn feature_extraction(body: &[u8]) -> Result<Embedded> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Arrays {
        One(Vec<f32>),
        Texts(Vec<Vec<f32>>),
        Tokens(Vec<Vec<Vec<f32>>>),
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Body {
        Bare(Arrays),
        Wrapped {
            #[serde(alias = "embedding")]
            embeddings: Arrays,
        },
    }
    let (Body::Bare(arrays) | Body::Wrapped { embeddings: arrays }) = read(body)?;
    let vectors = match arrays {
        Arrays::One(vector) if vector.is_empty() => Vec::new(),
        Arrays::One(vector) => vec![vector],
        Arrays::Texts(vectors) => vectors,
        Arrays::Tokens(texts) => texts.iter().map(|tokens| mean(tokens)).collect(),
    };
    Ok(Embedded {
        vectors,
        input_tokens: None,
    })
}

/// What the pipeline's own clients make of a vector a token.
fn mean(tokens: &[Vec<f32>]) -> Vec<f32> {
    let width = tokens.first().map_or(0, Vec::len);
    let sum = |at: usize| tokens.iter().filter_map(|token| token.get(at)).sum::<f32>();
    #[expect(
        clippy::cast_precision_loss,
        reason = "prompts have far fewer tokens than 2^24"
    )]
    let count = tokens.len() as f32;
    (0..width).map(|at| sum(at) / count).collect()
}

/// Counts that are written as floats.
fn whole(count: f64) -> i64 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "`as` saturates, which is what a count wants"
    )]
    let whole = count as i64;
    whole.max(0)
}

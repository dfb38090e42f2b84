//! The built-in provider: answers by a fixed rule, with latency and failures chosen in the model name.
//!
//! Pure: it plans an answer, and the transport plays the plan in time. The same request always gets the same
//! answer. `docs/echo.md` is its manual.

mod chat;
mod embeddings;
mod options;
mod reply;
mod stream;

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use options::{Ending, Options};

/// What the provider would send, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EchoPlan {
    /// Before the response headers.
    pub delay: Duration,
    /// Between the headers and the first chunk of the body.
    pub first_chunk_delay: Duration,
    /// Between two chunks.
    pub chunk_gap: Duration,
    pub outcome: EchoOutcome,
}

/// How the answer goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EchoOutcome {
    /// A complete body: one JSON document, or server-sent events, one a chunk.
    Respond {
        chunks: Vec<Bytes>,
        content_type: &'static str,
    },
    /// The connection breaks after these chunks.
    Cut { chunks: Vec<Bytes> },
    /// These chunks, then silence.
    HangMidStream { chunks: Vec<Bytes> },
    /// Never answers.
    Hang,
    /// An error body in OpenAI's shape. `retry_after` is in seconds.
    Fail {
        status: u16,
        body: String,
        retry_after: Option<u64>,
    },
}

const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream";

/// A request the provider refuses: the message of a 400, and the member it is about.
#[derive(Debug)]
struct Refusal {
    param: &'static str,
    message: String,
}

/// The body of an answer before options are applied.
struct Answer {
    chunks: Vec<Bytes>,
    streamed: bool,
}

/// Plans the answer to a request for `path` (the operation is its last part). A body it cannot read, and an
/// option it does not know, are 400s.
pub fn plan(path: &str, body: &[u8]) -> EchoPlan {
    if path.ends_with("/models") {
        let answer = Answer::document(&embeddings::model_list());
        return at_once(respond(answer));
    }
    let planned = requested_model(body).and_then(|model| {
        let options = Options::parse(&model)?;
        let answer = if path.ends_with("/embeddings") {
            embeddings::answer(&model, body)?
        } else {
            chat::answer(&model, body, &options)?
        };
        Ok((options, answer))
    });
    match planned {
        Ok((options, answer)) => EchoPlan {
            delay: options.latency,
            first_chunk_delay: options.first_chunk,
            chunk_gap: options.gap,
            outcome: outcome(&options, answer, body),
        },
        Err(refusal) => at_once(EchoOutcome::Fail {
            status: 400,
            body: error_body(
                &refusal.message,
                "invalid_request_error",
                Some(refusal.param),
            ),
            retry_after: None,
        }),
    }
}

fn at_once(outcome: EchoOutcome) -> EchoPlan {
    EchoPlan {
        delay: Duration::ZERO,
        first_chunk_delay: Duration::ZERO,
        chunk_gap: Duration::ZERO,
        outcome,
    }
}

fn outcome(options: &Options, answer: Answer, body: &[u8]) -> EchoOutcome {
    if let Some(status) = options.failure_of(fingerprint(body)) {
        return EchoOutcome::Fail {
            status,
            body: error_body("echo fails, as asked", failure_type(status), None),
            retry_after: options.retry_after,
        };
    }
    match options.ending {
        Ending::Whole => respond(answer),
        Ending::Cut(after) => EchoOutcome::Cut {
            chunks: answer.first(after),
        },
        Ending::Hang => EchoOutcome::Hang,
        Ending::HangAfter(after) => EchoOutcome::HangMidStream {
            chunks: answer.first(after),
        },
    }
}

fn respond(answer: Answer) -> EchoOutcome {
    EchoOutcome::Respond {
        content_type: if answer.streamed { EVENTS } else { JSON },
        chunks: answer.chunks,
    }
}

impl Answer {
    fn document(value: &impl Serialize) -> Self {
        Self {
            chunks: vec![to_json(value).into()],
            streamed: false,
        }
    }

    /// The first events of a stream; of a document, which is one chunk, its first half.
    fn first(mut self, events: usize) -> Vec<Bytes> {
        if self.streamed {
            self.chunks.truncate(events);
        } else if let Some(document) = self.chunks.first_mut() {
            document.truncate(document.len() / 2);
        }
        self.chunks
    }
}

fn requested_model(body: &[u8]) -> Result<String, Refusal> {
    #[derive(Deserialize)]
    struct Body {
        model: String,
    }
    read::<Body>(body).map(|body| body.model)
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal {
        param: "body",
        message: format!("echo cannot read this request: {error}"),
    })
}

/// JSON of values built here from texts and numbers, which cannot fail to serialise.
fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn error_body(message: &str, kind: &'static str, param: Option<&str>) -> String {
    to_json(&serde_json::json!({
        "error": { "message": message, "type": kind, "param": param, "code": null }
    }))
}

/// The `type` OpenAI gives errors of that status.
fn failure_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        429 => "rate_limit_error",
        400..500 => "invalid_request_error",
        _ => "server_error",
    }
}

/// A number that is the same for the same request: FNV-1a, then mixed so that its low digits are usable.
fn fingerprint(bytes: &[u8]) -> u64 {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    mix(hash)
}

/// SplitMix64's finaliser: spreads nearby numbers over the whole range.
fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests;

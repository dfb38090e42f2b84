//! Why an upstream call failed: one shape from the socket to the client, for every route and dialect.
//!
//! The body is read before the status is believed: vendors send errors under 200, and billing problems under 400.

mod redact;
#[cfg(test)]
mod tests;

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

pub use redact::client_safe;

/// Longest error body that is read; the rest says nothing more.
pub const ERROR_BODY_BYTES_MAX: usize = 64 * 1024;

/// What kind of failure it was. Failover, retry and the client's status look only at this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamErrorKind {
    /// No answer, or a gap in one, longer than the configured limit.
    Timeout,
    /// Refused, reset, unresolvable, TLS failure: nothing was answered.
    Unreachable,
    /// 400, 422, 413: the request itself.
    InvalidRequest,
    /// The prompt does not fit the model.
    ContextTooLong,
    /// The vendor's own content policy refused.
    ContentFiltered,
    /// 404: no such model or path.
    NotFound,
    /// 401, 403: the gateway's credential.
    Credentials,
    /// The gateway's account with the vendor is out of money.
    BillingExhausted,
    RateLimited,
    /// 503, 529: try later.
    Overloaded,
    /// An answer that is not what the dialect promises: HTML, cut JSON, an empty stream.
    Malformed,
    /// 5xx and everything else.
    Provider,
}

/// A failed upstream call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamError {
    pub kind: UpstreamErrorKind,
    /// The upstream's own status, when it answered.
    pub status: Option<u16>,
    pub retry_after: Option<Duration>,
    /// The vendor's words, for the operator (usage row, log). May hold secrets: use [`UpstreamError::client_message`]
    /// for anything that leaves.
    pub message: Option<String>,
    /// The vendor's machine-readable code, e.g. `context_length_exceeded`.
    pub code: Option<String>,
}

impl UpstreamError {
    pub fn new(kind: UpstreamErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            status: None,
            retry_after: None,
            message: Some(message.into()),
            code: None,
        }
    }

    /// Classifies an answered failure by its body and status.
    pub fn from_answer(status: u16, retry_after: Option<Duration>, body: &[u8]) -> Self {
        let told = Told::read(body);
        // SageMaker and Bedrock: 424 says only that the model behind them answered with a failure.
        let meant = told.original_status.filter(|_| status == 424);
        let kind = classify(meant.unwrap_or(status), &told);
        let retry_after = retry_after.or_else(|| told.retry_delay());
        Self {
            kind,
            status: Some(status),
            retry_after,
            message: told.message,
            code: told.code,
        }
    }

    /// The vendor's message made safe to show to a caller, or `None` when nothing legible remains.
    pub fn client_message(&self) -> Option<String> {
        client_safe(self.message.as_deref()?)
    }

    /// What the usage row keeps as status: the upstream's, 504 for a timeout, 502 otherwise.
    pub fn row_status(&self) -> u16 {
        self.status.unwrap_or(match self.kind {
            UpstreamErrorKind::Timeout => 504,
            _ => 502,
        })
    }
}

/// What an error body says, whichever of the vendors' shapes it has.
#[derive(Debug, Default)]
struct Told {
    message: Option<String>,
    code: Option<String>,
    kind: Option<String>,
    retry_delay: Option<String>,
    /// What the model's own server answered, where another stands before it.
    original_status: Option<u16>,
}

impl Told {
    fn read(body: &[u8]) -> Self {
        let Ok(value) = serde_json::from_slice::<Value>(event_data(body)) else {
            // Proxies answer in HTML; a short plain text is worth keeping.
            let text = String::from_utf8_lossy(body);
            let text = text.trim();
            let is_page = text.starts_with('<');
            return Self {
                message: (!text.is_empty() && !is_page).then(|| clip(text)),
                ..Self::default()
            };
        };
        // Gemini's OpenAI layer wraps the error in an array.
        let value = match value {
            Value::Array(mut items) if !items.is_empty() => items.swap_remove(0),
            other => other,
        };
        Self::from_value(&value)
    }

    fn from_value(value: &Value) -> Self {
        let inner = match value.get("error") {
            Some(Value::String(text)) => {
                return Self {
                    message: Some(clip(text)),
                    code: text_of(value.get("code")),
                    ..Self::default()
                };
            }
            Some(inner @ Value::Object(_)) => inner,
            _ => value,
        };
        let first = value
            .get("errors")
            .and_then(|errors| errors.get(0))
            .unwrap_or(inner);
        let message = [
            "OriginalMessage",
            "message",
            "Message",
            "detail",
            "error_description",
            "msg",
        ]
        .iter()
        .find_map(|name| first.get(name))
        .or_else(|| value.pointer("/base_resp/status_msg"))
        .map(flatten_message);
        // OpenRouter and proxies put the first vendor's JSON into the message as text: unwrap once.
        if let Some(nested) = message
            .as_deref()
            .and_then(|text| serde_json::from_str::<Value>(text).ok())
            && nested.is_object()
        {
            let nested = Self::from_value(&nested);
            if nested.message.is_some() {
                return nested;
            }
        }
        let retry_delay = first
            .get("details")
            .and_then(Value::as_array)
            .and_then(|details| {
                details
                    .iter()
                    .find_map(|detail| text_of(detail.get("retryDelay")))
            });
        Self {
            message: message
                .filter(|text| !text.is_empty())
                .map(|text| clip(&text)),
            code: text_of(first.get("code"))
                .or_else(|| text_of(first.pointer("/details/error_code")))
                .or_else(|| text_of(value.pointer("/base_resp/status_code"))),
            kind: text_of(first.get("type"))
                .or_else(|| text_of(first.get("status")))
                .or_else(|| text_of(value.get("__type"))),
            retry_delay,
            original_status: ["OriginalStatusCode", "originalStatusCode"]
                .iter()
                .find_map(|name| value.get(name)?.as_u64()?.try_into().ok()),
        }
    }

    fn retry_delay(&self) -> Option<Duration> {
        let seconds: f64 = self
            .retry_delay
            .as_deref()?
            .strip_suffix('s')?
            .parse()
            .ok()?;
        Duration::try_from_secs_f64(seconds).ok()
    }

    fn mentions(&self, probes: &[&str]) -> bool {
        [&self.message, &self.code, &self.kind]
            .into_iter()
            .flatten()
            .any(|text| {
                let text = text.to_lowercase();
                probes.iter().any(|probe| text.contains(probe))
            })
    }
}

/// Words for a refusal by the vendor's policy.
const FILTERED: &[&str] = &[
    "content_filter",
    "responsibleaipolicyviolation",
    "content_policy_violation",
    "guardrail",
    // Alibaba's, in two spellings.
    "datainspectionfailed",
    "data_inspection_failed",
];

fn classify(status: u16, told: &Told) -> UpstreamErrorKind {
    use UpstreamErrorKind as Kind;
    const BILLING: &[&str] = &[
        "credit balance too low",
        "credit balance is too low",
        "purchase credits",
        "plans & billing",
        "billing hard limit",
        "insufficient balance",
        "insufficient_quota",
        "exceeded your current quota",
        "insufficient credits",
        "arrearage",
    ];
    const TOO_LONG: &[&str] = &[
        "maximum context length",
        "context_length_exceeded",
        "prompt is too long",
        "input length and max_tokens exceed",
        "input length and `max_tokens` exceed",
        "too many tokens",
        "exceeds the maximum number of tokens",
        "reduce the length",
    ];
    match status {
        402 => Kind::BillingExhausted,
        400 | 413 | 422 if told.mentions(BILLING) => Kind::BillingExhausted,
        400 | 413 | 422 if told.mentions(TOO_LONG) => Kind::ContextTooLong,
        400 | 422 if told.mentions(FILTERED) => Kind::ContentFiltered,
        400 | 405 | 413 | 415 | 422 => Kind::InvalidRequest,
        401 | 403 => Kind::Credentials,
        404 => Kind::NotFound,
        408 | 504 => Kind::Timeout,
        429 => Kind::RateLimited,
        503 | 529 => Kind::Overloaded,
        // An error under a success status: the body is all there is.
        200..300 => classify_by_words(told),
        _ => Kind::Provider,
    }
}

fn classify_by_words(told: &Told) -> UpstreamErrorKind {
    let embedded = told
        .code
        .as_deref()
        .and_then(|code| code.parse::<u16>().ok());
    match embedded {
        // MiniMax's own numbers, sent under 200.
        Some(1002) => UpstreamErrorKind::RateLimited,
        Some(1004) => UpstreamErrorKind::Credentials,
        Some(1008) => UpstreamErrorKind::BillingExhausted,
        Some(1026 | 1027) => UpstreamErrorKind::ContentFiltered,
        Some(code @ 400..600) => classify(code, told),
        _ if told.mentions(FILTERED) => UpstreamErrorKind::ContentFiltered,
        _ if told.mentions(&["rate_limit", "rate limit"]) => UpstreamErrorKind::RateLimited,
        _ if told.mentions(&["overloaded"]) => UpstreamErrorKind::Overloaded,
        _ if told.mentions(&["invalid_request", "invalidparameter"]) => {
            UpstreamErrorKind::InvalidRequest
        }
        _ => UpstreamErrorKind::Provider,
    }
}

/// The first data of a body of events: some refuse a stream in one.
fn event_data(body: &[u8]) -> &[u8] {
    let mut lines = body.split(|byte| *byte == b'\n');
    let data = lines.find_map(|line| line.strip_prefix(b"data:"));
    data.unwrap_or(body)
}

fn flatten_message(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        // FastAPI: a list of {loc, msg}.
        Value::Array(items) => items
            .iter()
            .filter_map(|item| item.get("msg").and_then(Value::as_str))
            .collect::<Vec<_>>()
            .join("; "),
        _ => String::new(),
    }
}

fn text_of(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) if !text.is_empty() => Some(clip(text)),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn clip(text: &str) -> String {
    const CHARS_MAX: usize = 2_000;
    text.chars().take(CHARS_MAX).collect()
}

/// `Retry-After` in its three spellings: milliseconds, seconds, or (ignored, for want of a clock) a date.
pub fn retry_after(headers: &http::HeaderMap) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<f64>().ok();
    let seconds = number("retry-after-ms")
        .map(|ms| ms / 1000.0)
        .or_else(|| number("retry-after"))?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// The error object inside a stream event or a 200 body.
pub fn embedded_error(error: &str) -> UpstreamError {
    #[derive(Deserialize)]
    struct Wrapped {
        error: Value,
    }
    let wrapped = Wrapped {
        error: serde_json::from_str(error).unwrap_or(Value::Null),
    };
    let body = serde_json::json!({ "error": wrapped.error });
    UpstreamError {
        status: None,
        ..UpstreamError::from_answer(200, None, body.to_string().as_bytes())
    }
}

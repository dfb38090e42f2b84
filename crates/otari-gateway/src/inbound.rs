//! What reaches the walk from the edge, and what goes back.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use otari_types::{KeyId, Timestamp, UserId};

use crate::in_flight::Underway;
use crate::pass::ByteStream;
use crate::rate_limit::Window;
use crate::relay::RelayStream;

/// One inference request, as the edge hands it over.
#[derive(Debug)]
pub struct Inbound {
    pub origin: Origin,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Where the address, not the body, says what is called: Gemini's routes.
    pub named: Option<Named>,
    /// `None`: the credential in the headers tells whose call it is, and now is when it was asked for.
    pub behalf: Option<Behalf>,
    /// Outlives the walk: it goes with the answer until the last byte is sent.
    pub underway: Underway,
}

/// Which request a call belongs to, as its rows, its log lines and what it sends on say it.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The route template, for rows and metrics.
    pub endpoint: &'static str,
    pub request_id: Arc<str>,
    /// For latencies; wall-clock time is `received_at`.
    pub started: Instant,
    pub received_at: Timestamp,
    /// W3C trace context, passed on.
    pub traceparent: Option<HeaderValue>,
}

/// Whose call it is, where the gateway makes it later than it was asked for: a line of a batch.
#[derive(Clone, Debug)]
pub struct Behalf {
    pub user: UserId,
    /// `None`: the operator asked for it.
    pub key: Option<KeyId>,
    /// Of the usage row that charges for it: a call that is made again after a crash is charged once.
    pub row_id: Arc<str>,
}

/// What an address says of a call.
#[derive(Clone, Debug)]
pub struct Named {
    pub model: String,
    pub stream: bool,
}

/// The answer to a call.
#[derive(Debug)]
pub struct Reply {
    pub body: ReplyBody,
    /// `X-Otari-Guardrails`, where something was checked.
    pub guardrails: Option<String>,
    /// `X-Otari-Container`, where code ran in a session that stays.
    pub container: Option<String>,
    pub rate: Option<Window>,
}

#[derive(Debug)]
pub enum ReplyBody {
    /// One JSON document.
    Json(Bytes),
    /// One document of another type.
    Typed(HeaderValue, Bytes),
    /// Server-sent events.
    Stream(Box<RelayStream>),
    /// Sound, or a provider's own events.
    Bytes(Box<ByteStream>),
}

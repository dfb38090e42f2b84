//! What reaches the walk from the edge, and what goes back.

use std::time::Instant;

use bytes::Bytes;
use http::HeaderMap;
use otari_types::Timestamp;

use crate::rate_limit::Window;
use crate::relay::RelayStream;

/// One inference request, as the edge hands it over.
#[derive(Debug)]
pub struct Inbound {
    /// The route template, for rows and metrics.
    pub endpoint: &'static str,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub request_id: String,
    /// For latencies; wall-clock time is `received_at`.
    pub started: Instant,
    pub received_at: Timestamp,
}

/// The answer to a call.
#[derive(Debug)]
pub struct Reply {
    pub body: ReplyBody,
    pub rate: Option<Window>,
}

#[derive(Debug)]
pub enum ReplyBody {
    /// One JSON document.
    Json(Bytes),
    /// Server-sent events.
    Stream(Box<RelayStream>),
}

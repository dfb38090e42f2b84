//! Fourth step: encode one attempt, send it, hand over the answer as it arrives, with what reads it.
//!
//! Where the provider speaks the surface's own format the caller's bytes pass but for the members the gateway
//! owns; otherwise the call is translated.

mod neutral;
mod route;
#[cfg(test)]
mod tests;
mod verbatim;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use otari_providers::{Answered, Instance, Operation, Outbound, UpstreamError};
use otari_translate::{Path, Surface, Wire};
use otari_types::UserId;

use crate::Gateway;
use crate::documents::Understanding;
use crate::error::GatewayError;
use crate::guardrails::OutputChecks;
use crate::inbound::{Inbound, Origin};
use crate::plan::Attempt;
use crate::relay::Passage;
use crate::request::Request;
use crate::reserve::Demand;
use crate::thread::{Keep, Thread};
use crate::tool_loop::{Tooling, may_hold_announcements};

pub(crate) use neutral::{Parsed, call_of, encode, envelope, parse, refusal, watch};
pub(crate) use route::{Route, route};
pub(crate) use verbatim::anthropic_headers;

/// Consumed by the gateway, never forwarded.
const GATEWAY_MEMBERS: &[&str] = &[
    "user",
    "mcp_servers",
    "mcp_server_ids",
    "guardrails",
    "tools_header",
    "max_tool_iterations",
    "session_label",
];
/// Would let a caller aim the gateway's credential elsewhere: dropped wherever a caller puts them.
const SENSITIVE_MEMBERS: &[&str] = &[
    "api_key",
    "api_base",
    "base_url",
    "provider",
    "organization",
    "api_version",
    "client",
    "credentials",
    "extra_body",
    "aws_access_key_id",
    "aws_secret_access_key",
    "client_args",
];
const TRACEPARENT: &str = "traceparent";
/// What an answer that comes whole is asked for as.
pub(crate) const JSON: &str = "application/json";
/// The same of one that comes as it is made.
pub(crate) const EVENTS: &str = "text/event-stream";

/// One call, as every attempt of it needs it.
#[derive(Debug)]
pub(crate) struct Outgoing<'a> {
    pub(crate) inbound: &'a Inbound,
    /// What `request` was read from: the caller's, unless a guardrail replaced something.
    pub(crate) body: &'a Bytes,
    pub(crate) request: &'a Request<'a>,
    /// The request with the conversation it goes on from, for whoever does not keep that.
    pub(crate) expanded: Option<&'a Request<'a>>,
    pub(crate) thread: &'a Thread,
    pub(crate) user: &'a UserId,
    /// What answers are labelled with, where it is not the model's own name.
    pub(crate) label: Option<&'a str>,
    /// The neutral form, made when the first attempt needs it.
    pub(crate) parsed: Parsed,
    /// What the answer is checked by.
    pub(crate) output: Option<Arc<OutputChecks>>,
    /// The tools the gateway runs.
    pub(crate) tools: Option<Tooling>,
    /// What reads its attachments for models that cannot.
    pub(crate) understanding: Option<&'a Understanding<'a>>,
}

impl Outgoing<'_> {
    /// What the whole prompt may cost.
    pub(crate) fn demand(&self) -> Demand {
        self.expanded.unwrap_or(self.request).demand
    }

    /// The sandbox session that stays.
    pub(crate) fn container(&self) -> Option<String> {
        let tools = self.tools.as_ref()?;
        tools.pool.container().map(str::to_owned)
    }

    /// A conversation that another provider's model reasoned in is translated: its signatures are left out.
    fn path(&self, route: Route) -> Path {
        let surface = self.request.surface;
        let path = otari_translate::path(surface, route.wire);
        if path == Path::Neutral || matches!(surface, Surface::Chat | Surface::Completions) {
            return path;
        }
        let previous = self.thread.previous.as_ref();
        let body = previous.map_or(self.body, |previous| &previous.expanded);
        if otari_translate::has_foreign_thought(body) || may_hold_announcements(body) {
            Path::Neutral
        } else {
            path
        }
    }
}

/// An attempt that was answered, its body still arriving.
pub(crate) struct Dispatched {
    pub(crate) answered: Answered,
    pub(crate) passage: Passage,
    pub(crate) keep: Option<Keep>,
}

/// A request ready to be sent, and what will read its answer.
pub(crate) struct Prepared {
    pub(crate) body: Bytes,
    headers: HeaderMap,
    pub(crate) passage: Passage,
}

pub(crate) async fn dispatch(
    gateway: &Gateway,
    outgoing: &Outgoing<'_>,
    attempt: &Attempt,
) -> Result<Dispatched, GatewayError> {
    let instance = attempt.instance()?;
    let route = route(outgoing.request.surface, instance)?;
    let (prepared, path) = prepare(gateway, outgoing, attempt, instance, route)?;
    let stream = outgoing.request.stream;
    let post = Post {
        uri: address(instance, route.operation, &attempt.target.model, stream)?,
        accept: accept(route.wire, stream),
        headers: prepared.headers,
        body: prepared.body,
    };
    let answered = post
        .send(gateway, &outgoing.inbound.origin, instance)
        .await
        .map_err(|error| GatewayError::upstream(&instance.name, error))?;
    let keeper = (path == Path::Verbatim).then_some(instance.name.as_str());
    Ok(Dispatched {
        answered,
        passage: prepared.passage,
        keep: outgoing.thread.keep(keeper, &attempt.target.model),
    })
}

fn prepare(
    gateway: &Gateway,
    outgoing: &Outgoing<'_>,
    attempt: &Attempt,
    instance: &Instance,
    route: Route,
) -> Result<(Prepared, Path), GatewayError> {
    let path = outgoing.path(route);
    let prepared = match path {
        Path::Verbatim => verbatim::prepare(outgoing, attempt, instance, route),
        Path::Neutral => neutral::prepare(gateway, outgoing, attempt, instance, route)?,
    };
    Ok((prepared, path))
}

/// What would be sent, for who sends it another way: in a batch of the provider's own.
pub(crate) fn prepare_apart(
    gateway: &Gateway,
    outgoing: &Outgoing<'_>,
    attempt: &Attempt,
) -> Result<(Prepared, Operation), GatewayError> {
    let instance = attempt.instance()?;
    let route = route(outgoing.request.surface, instance)?;
    let (prepared, _) = prepare(gateway, outgoing, attempt, instance, route)?;
    Ok((prepared, route.operation))
}

/// What a dialect asks to be sent along.
pub(crate) fn header_map(headers: Vec<(&'static str, String)>) -> HeaderMap {
    let mut map = HeaderMap::with_capacity(headers.len() + 2);
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            map.insert(HeaderName::from_static(name), value);
        }
    }
    map
}

/// A request to a provider, for whichever call.
pub(crate) struct Post {
    pub(crate) uri: Uri,
    pub(crate) accept: &'static str,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Post {
    pub(crate) async fn send(
        self,
        gateway: &Gateway,
        origin: &Origin,
        instance: &Instance,
    ) -> Result<Answered, UpstreamError> {
        let outbound = self.outbound(origin);
        gateway.transport.send(instance, outbound).await
    }

    /// The same with the instance's first key only.
    pub(crate) async fn send_as_first(
        self,
        gateway: &Gateway,
        origin: &Origin,
        instance: &Instance,
    ) -> Result<Answered, UpstreamError> {
        let outbound = self.outbound(origin);
        gateway.transport.send_as_first(instance, outbound).await
    }

    pub(crate) fn outbound(self, origin: &Origin) -> Outbound {
        let mut headers = self.headers;
        headers
            .entry(header::ACCEPT)
            .or_insert(HeaderValue::from_static(self.accept));
        if let Some(trace) = &origin.traceparent {
            headers.insert(TRACEPARENT, trace.clone());
        }
        Outbound {
            method: Method::POST,
            uri: self.uri,
            headers,
            body: self.body,
        }
    }
}

/// Where an instance is asked for this.
pub(crate) fn address(
    instance: &Instance,
    operation: Operation,
    model: &str,
    stream: bool,
) -> Result<Uri, GatewayError> {
    instance.address(operation, model, stream).map_err(|error| {
        let text = format!("Provider '{}' cannot be addressed: {error}", instance.name);
        GatewayError::InvalidRequest(text)
    })
}

/// What the answer comes as.
pub(crate) fn accept(wire: Wire, stream: bool) -> &'static str {
    match wire {
        _ if !stream => JSON,
        Wire::Bedrock | Wire::Sagemaker => "application/vnd.amazon.eventstream",
        Wire::Ollama => "application/x-ndjson",
        _ => EVENTS,
    }
}

/// Whether a member of the caller's body stays with the gateway.
pub(crate) fn is_kept_back(name: &str) -> bool {
    GATEWAY_MEMBERS.contains(&name) || SENSITIVE_MEMBERS.contains(&name)
}

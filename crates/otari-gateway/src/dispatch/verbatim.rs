//! The provider speaks the surface's format: the caller's members in their order, with ours in place.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use otari_providers::quirk::{Edit, allows_stream_options, top_level_edit};
use otari_providers::{Dialect, Instance};
use otari_translate::Surface;
use otari_wire::members::ObjectWriter;
use serde_json::Value;

use crate::dispatch::route::Route;
use crate::dispatch::{Outgoing, Prepared, is_kept_back};
use crate::inbound::Inbound;
use crate::plan::Attempt;
use crate::relay::Passage;
use crate::request::Request;

pub(super) const ANTHROPIC_VERSION: HeaderName = HeaderName::from_static("anthropic-version");
const ANTHROPIC_BETA: HeaderName = HeaderName::from_static("anthropic-beta");
pub(super) const ANTHROPIC_VERSION_VALUE: &str = "2023-06-01";

pub(super) fn prepare(
    outgoing: &Outgoing<'_>,
    attempt: &Attempt,
    instance: &Instance,
    route: Route,
) -> Prepared {
    let request = match outgoing.expanded {
        Some(expanded) if !outgoing.thread.is_kept_at(&instance.name) => expanded,
        _ => outgoing.request,
    };
    let (body, headers) = match request.surface {
        Surface::Chat => (chat_body(request, attempt, instance), HeaderMap::new()),
        Surface::Messages => (
            messages_body(request, attempt, instance),
            anthropic_headers(outgoing.inbound, request),
        ),
        // Legacy completions pass nowhere as they are.
        Surface::Responses | Surface::Completions => {
            (responses_body(request, attempt), HeaderMap::new())
        }
        Surface::Gemini => (gemini_body(request), HeaderMap::new()),
    };
    Prepared {
        body,
        headers,
        passage: Passage::verbatim(request.surface, route.wire, instance, outgoing.label),
    }
}

pub(super) fn chat_body(request: &Request<'_>, attempt: &Attempt, instance: &Instance) -> Bytes {
    let quirks = instance.provider.quirks;
    let members = &request.members;
    let with_stream_options = request.stream && allows_stream_options(quirks);
    // A platform that keeps the books wants every call counted.
    let must_count = attempt.platform.is_some();
    let mut body = ObjectWriter::with_capacity(request.demand.prompt_bytes + 512);
    for (name, value) in members.iter() {
        if is_kept_back(name) {
            continue;
        }
        match name {
            "model" => body.string("model", &attempt.target.model),
            "stream_options" if !with_stream_options => {}
            "stream_options" if must_count => {
                body.raw("stream_options", &with_usage(value.get()));
            }
            _ => match top_level_edit(quirks, name, request.stream) {
                Edit::Keep => body.raw(name, value.get()),
                // The caller may have given both spellings; the provider's own wins.
                Edit::Rename(new) if members.get(new).is_none() => body.raw(new, value.get()),
                Edit::Drop | Edit::Rename(_) => {}
            },
        }
    }
    // A given `stream_options` is the caller's decision, `{}` and `include_usage: false` included. Without it
    // usage in a stream is opt-in, and every call would be billed by estimate.
    if with_stream_options && members.get("stream_options").is_none() {
        body.raw("stream_options", r#"{"include_usage":true}"#);
    }
    body.finish().into()
}

/// Stream options that ask for usage, whatever they said of it.
fn with_usage(options: &str) -> String {
    let mut options: serde_json::Map<String, Value> =
        serde_json::from_str(options).unwrap_or_default();
    options.insert("include_usage".to_owned(), Value::Bool(true));
    Value::Object(options).to_string()
}

fn messages_body(request: &Request<'_>, attempt: &Attempt, instance: &Instance) -> Bytes {
    // Vertex names the model in the address and the version in the body.
    let on_vertex = instance.provider.dialect == Dialect::VertexAnthropic;
    let mut body = ObjectWriter::with_capacity(request.demand.prompt_bytes + 512);
    for (name, value) in request.members.iter() {
        match name {
            "model" if on_vertex => {}
            "model" => body.string("model", &attempt.target.model),
            // A header of the API, not a member.
            "betas" => {}
            _ if is_kept_back(name) => {}
            _ => body.raw(name, value.get()),
        }
    }
    if on_vertex {
        body.string("anthropic_version", VERTEX_VERSION);
    }
    body.finish().into()
}

pub(super) const VERTEX_VERSION: &str = "vertex-2023-10-16";

fn responses_body(request: &Request<'_>, attempt: &Attempt) -> Bytes {
    let mut body = ObjectWriter::with_capacity(request.demand.prompt_bytes + 512);
    for (name, value) in request.members.iter() {
        match name {
            "model" => body.string("model", &attempt.target.model),
            _ if is_kept_back(name) => {}
            _ => body.raw(name, value.get()),
        }
    }
    body.finish().into()
}

/// The model and whether to stream stand in the address.
fn gemini_body(request: &Request<'_>) -> Bytes {
    let mut body = ObjectWriter::with_capacity(request.demand.prompt_bytes + 512);
    for (name, value) in request.members.iter() {
        if name != "model" && !is_kept_back(name) {
            body.raw(name, value.get());
        }
    }
    body.finish().into()
}

/// The version the caller speaks, and its betas from the header and from the body, where the SDKs' beta clients
/// and older clients put them.
pub(crate) fn anthropic_headers(inbound: &Inbound, request: &Request<'_>) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(4);
    let version = inbound.headers.get(&ANTHROPIC_VERSION).cloned();
    let version = version.unwrap_or(HeaderValue::from_static(ANTHROPIC_VERSION_VALUE));
    headers.insert(ANTHROPIC_VERSION, version);
    let mut betas: Vec<String> = Vec::new();
    for value in inbound.headers.get_all(&ANTHROPIC_BETA) {
        betas.extend(value.to_str().map(str::to_owned));
    }
    let in_body = request.members.get("betas");
    let listed = in_body.and_then(|raw| serde_json::from_str::<Vec<String>>(raw.get()).ok());
    betas.extend(listed.unwrap_or_default());
    if !betas.is_empty()
        && let Ok(value) = HeaderValue::from_str(&betas.join(","))
    {
        headers.insert(ANTHROPIC_BETA, value);
    }
    headers
}

//! Third step: encode one attempt, send it, hand over the answer as it arrives.
//!
//! Chat to an OpenAI-compatible upstream is verbatim: the members that the gateway owns are replaced, the rest
//! is copied as it came.

#[cfg(test)]
mod tests;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use otari_providers::quirk::{Edit, allows_stream_options, top_level_edit};
use otari_providers::{Answered, Outbound, Transport};
use otari_wire::members::{Members, ObjectWriter};

use crate::chat_request::ChatRequest;
use crate::error::GatewayError;
use crate::inbound::Inbound;
use crate::plan::Attempt;

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

pub(crate) async fn dispatch(
    transport: &Transport,
    inbound: &Inbound,
    request: &ChatRequest<'_>,
    attempt: &Attempt,
) -> Result<Answered, GatewayError> {
    let instance = &attempt.instance;
    if !instance.provider.dialect.is_openai_shaped() {
        return Err(GatewayError::InvalidRequest(format!(
            "Provider '{}' does not speak Chat Completions, and translation to it is not available",
            instance.name
        )));
    }
    let outbound = Outbound {
        method: Method::POST,
        uri: instance.chat_uri().clone(),
        headers: outbound_headers(inbound, request.stream),
        body: encode(request, attempt),
    };
    transport
        .send(instance, outbound)
        .await
        .map_err(|error| GatewayError::upstream(&instance.name, error))
}

/// The upstream body: the caller's members in their order, with ours in place.
fn encode(request: &ChatRequest<'_>, attempt: &Attempt) -> Bytes {
    let quirks = attempt.instance.provider.quirks;
    let members = &request.members;
    let with_stream_options = request.stream && allows_stream_options(quirks);
    let mut body = ObjectWriter::with_capacity(request.prompt_bytes + 512);
    for (name, value) in members.iter() {
        if GATEWAY_MEMBERS.contains(&name) || SENSITIVE_MEMBERS.contains(&name) {
            continue;
        }
        match name {
            "model" => body.string("model", &attempt.target.model),
            "stream_options" if !with_stream_options => {}
            _ => match top_level_edit(quirks, name, request.stream) {
                Edit::Keep => body.raw(name, value.get()),
                // The caller may have given both spellings; the provider's own wins.
                Edit::Rename(new) if members.get(new).is_none() => body.raw(new, value.get()),
                Edit::Drop | Edit::Rename(_) => {}
            },
        }
    }
    if with_stream_options && stream_options_absent(members) {
        // Usage in a stream is opt-in; without it every call would be billed by estimate.
        body.raw("stream_options", r#"{"include_usage":true}"#);
    }
    body.finish().into()
}

/// A given `stream_options` is the caller's decision, `{}` and `include_usage: false` included.
fn stream_options_absent(members: &Members<'_>) -> bool {
    members.get("stream_options").is_none()
}

fn outbound_headers(inbound: &Inbound, stream: bool) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(2);
    let accept = if stream {
        "text/event-stream"
    } else {
        "application/json"
    };
    headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
    if let Some(trace) = inbound.headers.get(TRACEPARENT) {
        headers.insert(TRACEPARENT, trace.clone());
    }
    headers
}

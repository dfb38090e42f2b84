//! What passes unchanged or nearly so, and who can be asked that way.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use otari_providers::error::embedded_error;
use otari_providers::quirk::{has_own_shape, own_format};
use otari_providers::{Dialect, Instance, Operation, UpstreamError};
use otari_wire::members::{Members, ObjectWriter};

use super::task::Message;
use crate::dispatch::{EVENTS, JSON, is_kept_back};
use crate::error::GatewayError;
use crate::relay::malformed;

/// That the provider has the operation, and in OpenAI's shape.
pub(crate) fn speaks_openai(
    instance: &Instance,
    operation: Operation,
    what: &str,
) -> Result<(), GatewayError> {
    can(instance, operation, what)?;
    let provider = instance.provider;
    let native = matches!(
        provider.dialect,
        Dialect::Gemini | Dialect::Vertex | Dialect::BedrockConverse
    );
    let is_other = has_own_shape(provider.quirks, operation)
        || own_format(provider.quirks, operation).is_some();
    if native || is_other {
        return Err(GatewayError::InvalidRequest(format!(
            "Provider '{}' has {what} only in a format of its own, which is not translated",
            instance.name
        )));
    }
    Ok(())
}

/// That the provider has the operation.
pub(crate) fn can(
    instance: &Instance,
    operation: Operation,
    what: &str,
) -> Result<(), GatewayError> {
    let capability = operation.capability();
    if capability.is_some_and(|capability| instance.provider.can(capability)) {
        return Ok(());
    }
    Err(GatewayError::InvalidRequest(format!(
        "Provider '{}' has no {what}",
        instance.name
    )))
}

/// The caller's members in their order, with the provider's name of the model in place and the gateway's own left
/// out.
pub(crate) fn forwarded(members: &Members<'_>, model: &str) -> Message {
    let mut body = ObjectWriter::with_capacity(1024);
    for (name, value) in members.iter() {
        match name {
            "model" => body.string("model", model),
            _ if is_kept_back(name) => {}
            _ => body.raw(name, value.get()),
        }
    }
    json(body.finish().into())
}

/// A request in a format of the provider's own, which answers in JSON and nothing else.
pub(crate) fn native(operation: Operation, body: Vec<u8>) -> Message {
    let mut message = json(body.into());
    message.operation = Some(operation);
    message
        .headers
        .insert(header::ACCEPT, HeaderValue::from_static(JSON));
    message
}

/// The same where the answer comes as events.
pub(crate) fn native_stream(operation: Operation, body: Vec<u8>) -> Message {
    let mut message = json(body.into());
    message.operation = Some(operation);
    message.stream = true;
    message
        .headers
        .insert(header::ACCEPT, HeaderValue::from_static(EVENTS));
    message
}

pub(crate) fn json(body: Bytes) -> Message {
    Message {
        operation: None,
        stream: false,
        content_type: HeaderValue::from_static("application/json"),
        headers: HeaderMap::new(),
        body,
    }
}

/// The members of an answer, or the error that came as one.
pub(crate) fn answer_members(body: &[u8]) -> Result<Members<'_>, UpstreamError> {
    let members = Members::parse(body).map_err(|_| malformed("the answer is not a JSON object"))?;
    match members.get("error").filter(|error| error.get() != "null") {
        Some(error) => Err(embedded_error(error.get())),
        None => Ok(members),
    }
}

/// The error inside an answer that may be anything else too.
pub(crate) fn error_in(body: &[u8]) -> Result<(), UpstreamError> {
    match Members::parse(body) {
        Ok(_) => answer_members(body).map(|_| ()),
        Err(_) => Ok(()),
    }
}

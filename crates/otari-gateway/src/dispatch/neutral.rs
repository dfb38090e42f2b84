//! The provider speaks another format than the surface: the call is translated.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::HeaderMap;
use otari_providers::quirk::{Edit, top_level_edit};
use otari_providers::{Dialect, Instance};
use otari_translate::{Call, Surface, TranslateError, Wire, dialect, surface};
use otari_types::new_id;
use otari_wire::members::{Members, ObjectWriter};

use crate::Gateway;
use crate::dispatch::route::Route;
use crate::dispatch::verbatim::{VERTEX_VERSION, anthropic_headers};
use crate::dispatch::{Outgoing, Prepared, header_map, is_kept_back};
use crate::error::GatewayError;
use crate::plan::Attempt;
use crate::reasoning::Watch;
use crate::relay::Passage;
use crate::tool_loop::drop_announcements;

/// The neutral form of a call, once some attempt needed it.
#[derive(Debug, Default)]
pub(crate) struct Parsed(OnceLock<Arc<Call>>);

pub(super) fn prepare(
    gateway: &Gateway,
    outgoing: &Outgoing<'_>,
    attempt: &Attempt,
    instance: &Instance,
    route: Route,
) -> Result<Prepared, GatewayError> {
    let call = call_of(gateway, outgoing)?;
    let anthropic = (call.surface == Surface::Messages)
        .then(|| anthropic_headers(outgoing.inbound, outgoing.request));
    let (body, headers) = encode(&call, attempt, instance, route, anthropic)?;
    Ok(Prepared {
        body,
        headers,
        passage: Passage::translated(
            Arc::clone(&call),
            envelope(outgoing, attempt),
            route.wire,
            instance,
            watch(gateway, outgoing),
        ),
    })
}

/// The neutral form of the call, made once.
pub(crate) fn call_of(
    gateway: &Gateway,
    outgoing: &Outgoing<'_>,
) -> Result<Arc<Call>, GatewayError> {
    if let Some(call) = outgoing.parsed.0.get() {
        return Ok(Arc::clone(call));
    }
    let call = Arc::new(parse(gateway, outgoing)?);
    Ok(Arc::clone(outgoing.parsed.0.get_or_init(|| call)))
}

/// What the gateway says of an answer.
pub(crate) fn envelope(outgoing: &Outgoing<'_>, attempt: &Attempt) -> surface::Envelope {
    surface::Envelope {
        id: new_id().replace('-', ""),
        created: outgoing.inbound.origin.received_at.as_secs(),
        model: outgoing.label.unwrap_or(&attempt.target.model).to_owned(),
    }
}

/// What keeps the signatures of an answer's thoughts. The other surfaces carry them themselves.
pub(crate) fn watch(gateway: &Gateway, outgoing: &Outgoing<'_>) -> Option<Watch> {
    let is_chat = outgoing.request.surface == Surface::Chat;
    is_chat.then(|| gateway.reasoning.watch(outgoing.user))
}

/// The request that asks this attempt for an answer. `anthropic`: what a Messages client said in headers, for a
/// provider that speaks its format.
pub(crate) fn encode(
    call: &Call,
    attempt: &Attempt,
    instance: &Instance,
    route: Route,
    anthropic: Option<HeaderMap>,
) -> Result<(Bytes, HeaderMap), GatewayError> {
    let target = dialect::Target {
        model: &attempt.target.model,
        replay_reasoning: otari_providers::quirk::replays_reasoning(instance.provider.quirks),
        project_id: instance.project(),
        space_id: instance.space(),
        context: instance.context(),
        ..dialect::Target::default()
    };
    let encoded = dialect::encode(route.wire, call, &target).map_err(refusal)?;
    let headers = match anthropic {
        Some(headers) if route.wire == Wire::Anthropic => headers,
        _ => header_map(encoded.headers),
    };
    let body = finish_body(encoded.body, route.wire, instance, call.stream);
    Ok((body, headers))
}

/// The neutral form of the call, with the conversation it goes on from.
pub(crate) fn parse(gateway: &Gateway, outgoing: &Outgoing<'_>) -> Result<Call, GatewayError> {
    let thread = outgoing.thread;
    let previous = thread.previous.as_ref();
    let body = previous.map_or(outgoing.body, |previous| &previous.expanded);
    let mut call = surface::parse(outgoing.request.surface, body).map_err(refusal)?;
    call.extra.retain(|(name, _)| !is_kept_back(name));
    call.user = None;
    if let Some(named) = &outgoing.inbound.named {
        call.model.clone_from(&named.model);
        call.stream = named.stream;
    }
    call.stored = thread.keeps();
    call.previous = previous.map(|previous| previous.id.clone());
    drop_announcements(&mut call, gateway.tools.in_force().intercepts_web_search());
    gateway.reasoning.recall(outgoing.user, &mut call);
    Ok(call)
}

/// What differs between providers of one format.
fn finish_body(body: Vec<u8>, wire: Wire, instance: &Instance, stream: bool) -> Bytes {
    let quirks = instance.provider.quirks;
    let on_vertex = instance.provider.dialect == Dialect::VertexAnthropic;
    // The bodies that quirks are about; the other formats know their own exceptions.
    let is_chat = matches!(wire, Wire::OpenAiChat | Wire::Sagemaker);
    if !(on_vertex || is_chat && !quirks.is_empty()) {
        return body.into();
    }
    let Ok(members) = Members::parse(&body) else {
        return body.into();
    };
    let mut edited = ObjectWriter::with_capacity(body.len() + 64);
    for (name, value) in members.iter() {
        if on_vertex {
            if name != "model" {
                edited.raw(name, value.get());
            }
            continue;
        }
        match top_level_edit(quirks, name, stream) {
            Edit::Keep => edited.raw(name, value.get()),
            Edit::Rename(new) if members.get(new).is_none() => edited.raw(new, value.get()),
            Edit::Drop | Edit::Rename(_) => {}
        }
    }
    if on_vertex {
        edited.string("anthropic_version", VERTEX_VERSION);
    }
    edited.finish().into()
}

pub(crate) fn refusal(error: TranslateError) -> GatewayError {
    match error {
        TranslateError::Unsupported { member } => GatewayError::Unsupported { member },
        TranslateError::Invalid { loc, problem } => {
            let loc: Vec<&str> = loc.split('.').filter(|part| !part.is_empty()).collect();
            GatewayError::field(&loc, "invalid", problem)
        }
    }
}

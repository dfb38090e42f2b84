//! Images of providers with formats of their own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use otari_documents::looks_like_image;
use otari_providers::quirk::{OwnFormat, own_format};
use otari_providers::{Dialect, Operation, UpstreamError};
use otari_translate::images::{self, ImageWire, Picture, Request};
use serde_json::{Map, Value, json};

use crate::dispatch::{is_kept_back, refusal};
use crate::error::GatewayError;
use crate::form::Form;
use crate::inbound::{Inbound, ReplyBody};
use crate::pass::{At, DecodeAll, Raw, Reading, Task, Whole, can, error_in, native};
use crate::relay::{malformed, upstream_error};

/// The provider's own format of image generation; `None` where it speaks OpenAI's.
pub(super) fn wire(at: &At<'_>) -> Result<Option<ImageWire>, GatewayError> {
    can(at.instance, Operation::Images, "image generation")?;
    let provider = at.instance.provider;
    let format = own_format(provider.quirks, Operation::Images);
    Ok(match (provider.dialect, format) {
        (_, Some(OwnFormat::DashScope)) => Some(ImageWire::DashScope),
        (_, Some(OwnFormat::Fireworks)) => Some(ImageWire::Fireworks),
        (_, Some(OwnFormat::MiniMax)) => Some(ImageWire::MiniMax),
        (Dialect::Gemini | Dialect::Vertex, _) => Some(ImageWire::of_google(at.model)),
        (Dialect::BedrockConverse, _) => {
            let wire = ImageWire::of_bedrock(at.model);
            Some(wire.ok_or_else(|| {
                GatewayError::InvalidRequest(format!(
                    "'{}' is not known to make images; on Bedrock Titan Image Generator, Nova Canvas and Stability AI's \
                     models do",
                    at.model
                ))
            })?)
        }
        _ => None,
    })
}

/// The same for edits.
pub(super) fn wire_of_edits(at: &At<'_>) -> Result<Option<ImageWire>, GatewayError> {
    can(at.instance, Operation::ImageEdits, "image editing")?;
    let provider = at.instance.provider;
    let is_own = own_format(provider.quirks, Operation::ImageEdits).is_some();
    if is_own || matches!(provider.dialect, Dialect::Gemini | Dialect::Vertex) {
        return wire(at);
    }
    Ok(None)
}

/// The same for variations.
pub(super) fn wire_of_variations(at: &At<'_>) -> Result<Option<ImageWire>, GatewayError> {
    can(at.instance, Operation::ImageVariations, "image variations")?;
    if at.instance.provider.dialect != Dialect::BedrockConverse {
        return Ok(None);
    }
    let wire = ImageWire::of_bedrock(at.model).filter(|wire| *wire == ImageWire::Canvas);
    wire.map(Some).ok_or_else(|| {
        GatewayError::InvalidRequest(format!(
            "'{}' is not known to vary images; on Bedrock Titan Image Generator and Nova Canvas do",
            at.model
        ))
    })
}

pub(super) fn request(body: &[u8]) -> Result<Request, GatewayError> {
    let invalid = |error: serde_json::Error| GatewayError::InvalidJson {
        offset: error.column(),
    };
    let mut members: Map<String, Value> = serde_json::from_slice(body).map_err(invalid)?;
    members.retain(|name, _| !is_kept_back(name));
    images::parse(&members).map_err(refusal)
}

pub(super) fn request_of_form(form: &Form, count: i64) -> Result<Request, GatewayError> {
    if form.file("mask").is_some() {
        return Err(GatewayError::Unsupported {
            member: "mask".to_owned(),
        });
    }
    let texts = form.texts().filter(|(_, text)| !text.is_empty());
    let mut members: Map<String, Value> = texts
        .map(|(name, text)| (name.to_owned(), text.into()))
        .collect();
    members.insert("n".to_owned(), json!(count));
    let mut request = images::parse(&members).map_err(refusal)?;
    for image in form.files("image") {
        let Some(mime) = looks_like_image(image) else {
            let message = "Input should be a png, jpeg, gif or webp image";
            return Err(GatewayError::field(&["image"], "invalid", message));
        };
        request.pictures.push(Picture {
            mime: mime.to_owned(),
            data: STANDARD.encode(image),
        });
    }
    Ok(request)
}

pub(super) fn encode<'a>(
    at: &At<'_>,
    wire: ImageWire,
    request: &Request,
    read: &'a DecodeAll<'a>,
) -> Result<Task<'a>, GatewayError> {
    let operation = match wire {
        ImageWire::Gemini => Operation::Chat,
        _ => Operation::Images,
    };
    let bodies = images::encode(wire, request, at.model).map_err(refusal)?;
    let messages = bodies.into_iter().map(|body| native(operation, body));
    Ok(Task {
        messages: messages.collect(),
        reading: Reading::All(read),
        demand: None,
    })
}

pub(super) fn decode(at: &At<'_>, inbound: &Inbound, raws: &[Raw]) -> Result<Whole, UpstreamError> {
    let wire = wire(at).ok().flatten();
    let wire = wire.ok_or_else(|| malformed("an answer nobody asked for"))?;
    let mut made = Vec::new();
    for raw in raws {
        // Bedrock's own `error` is a text, and says what the policy kept back.
        if wire != ImageWire::Canvas {
            error_in(&raw.body)?;
        }
        let more = images::decode(wire, &raw.body);
        made.extend(more.map_err(|error| upstream_error(&error))?);
    }
    let body = images::render(&made, inbound.origin.received_at.as_secs());
    Ok(Whole {
        pieces: i64::try_from(made.len()).ok(),
        ..Whole::of(ReplyBody::Json(body.into()))
    })
}

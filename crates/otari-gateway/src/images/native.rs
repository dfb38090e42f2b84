//! Images of providers with formats of their own.

use std::panic::resume_unwind;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue};
use otari_documents::looks_like_image;
use otari_providers::quirk::{OwnFormat, own_format};
use otari_providers::{Dialect, Operation, UpstreamError};
use otari_translate::images::{self, ImageWire, Kind, Picture, Request};
use serde_json::{Map, Value, json};

use crate::dispatch::{is_kept_back, refusal};
use crate::error::GatewayError;
use crate::form::Form;
use crate::inbound::{Inbound, ReplyBody};
use crate::pass::{At, DecodeAll, Raw, Reading, Task, Whole, can, error_in, native};
use crate::relay::{malformed, upstream_error};

/// What makes DashScope begin a task instead of refusing.
const DASHSCOPE_TASKS: (HeaderName, &str) =
    (HeaderName::from_static("x-dashscope-async"), "enable");

/// The provider's own format of image generation; `None` where it speaks OpenAI's.
pub(super) fn wire(at: &At<'_>) -> Result<Option<ImageWire>, GatewayError> {
    can(at.instance, Operation::Images, "image generation")?;
    let provider = at.instance.provider;
    let format = own_format(provider.quirks, Operation::Images);
    Ok(match (provider.dialect, format) {
        (_, Some(OwnFormat::DashScope)) => Some(ImageWire::of_dashscope(at.model)),
        (_, Some(OwnFormat::Fireworks)) => Some(ImageWire::Fireworks),
        (_, Some(OwnFormat::MiniMax)) => Some(ImageWire::MiniMax),
        (Dialect::Gemini | Dialect::Vertex, _) => Some(ImageWire::of_google(at.model)),
        (Dialect::BedrockConverse, _) => {
            let known = "Titan Image Generator, Nova Canvas and Stability AI's models do";
            let unknown = || unknown(at, "make", &format!("on Bedrock {known}"));
            Some(ImageWire::of_bedrock(at.model).ok_or_else(unknown)?)
        }
        _ => None,
    })
}

/// The same for edits.
pub(super) fn wire_of_edits(at: &At<'_>) -> Result<Option<ImageWire>, GatewayError> {
    can(at.instance, Operation::ImageEdits, "image editing")?;
    let provider = at.instance.provider;
    let dialect = provider.dialect;
    if matches!(dialect, Dialect::Gemini | Dialect::Vertex) {
        let wire = ImageWire::of_google_edits(at.model, dialect == Dialect::Vertex);
        let known = "Gemini's image models do, and on Vertex AI imagen-3.0-capability-001";
        return wire.map(Some).ok_or_else(|| unknown(at, "change", known));
    }
    let format = own_format(provider.quirks, Operation::ImageEdits);
    if format == Some(OwnFormat::Xai) {
        return Ok(Some(ImageWire::Xai));
    }
    if format.is_some() || dialect == Dialect::BedrockConverse {
        return wire(at);
    }
    Ok(None)
}

fn unknown(at: &At<'_>, verb: &str, known: &str) -> GatewayError {
    let text = format!("'{}' is not known to {verb} images; {known}", at.model);
    GatewayError::InvalidRequest(text)
}

/// The same for variations.
pub(super) fn wire_of_variations(at: &At<'_>) -> Result<Option<ImageWire>, GatewayError> {
    can(at.instance, Operation::ImageVariations, "image variations")?;
    if at.instance.provider.dialect != Dialect::BedrockConverse {
        return Ok(None);
    }
    let wire = ImageWire::of_bedrock(at.model).filter(|wire| *wire == ImageWire::Canvas);
    let known = "on Bedrock Titan Image Generator and Nova Canvas do";
    wire.map(Some).ok_or_else(|| unknown(at, "vary", known))
}

pub(super) fn request(body: &[u8]) -> Result<Request, GatewayError> {
    let invalid = |error: serde_json::Error| GatewayError::InvalidJson {
        offset: error.column(),
    };
    let mut members: Map<String, Value> = serde_json::from_slice(body).map_err(invalid)?;
    members.retain(|name, _| !is_kept_back(name));
    images::parse(&members).map_err(refusal)
}

pub(super) fn request_of_form(
    form: &Form,
    kind: Kind,
    count: i64,
) -> Result<Request, GatewayError> {
    let texts = form.texts().filter(|(_, text)| !text.is_empty());
    let mut members: Map<String, Value> = texts
        .map(|(name, text)| (name.to_owned(), text.into()))
        .collect();
    members.insert("n".to_owned(), json!(count));
    let mut request = images::parse_form(kind, &members).map_err(refusal)?;
    request.mask = form.file("mask").map(<[u8]>::to_vec);
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
    let bodies = images::encode(wire, request, at.model).map_err(refusal)?;
    Ok(task(at, wire, bodies, read))
}

/// The same for a request with images in it. A mask is painted anew and images are written as text, which takes tenths
/// of a second where they are large: on a thread of its own.
pub(super) async fn encode_images<'a>(
    at: &At<'_>,
    wire: ImageWire,
    request: Request,
    read: &'a DecodeAll<'a>,
) -> Result<Task<'a>, GatewayError> {
    let model = at.model.to_owned();
    let encoding = tokio::task::spawn_blocking(move || images::encode(wire, &request, &model));
    let bodies = encoding
        .await
        .unwrap_or_else(|error| resume_unwind(error.into_panic()));
    Ok(task(at, wire, bodies.map_err(refusal)?, read))
}

fn task<'a>(
    at: &At<'_>,
    wire: ImageWire,
    bodies: Vec<Vec<u8>>,
    read: &'a DecodeAll<'a>,
) -> Task<'a> {
    let operation = match wire {
        ImageWire::Gemini => Operation::Chat,
        ImageWire::Xai => Operation::ImageEdits,
        _ => Operation::Images,
    };
    let messages = bodies.into_iter().map(|body| {
        let mut message = native(operation, body);
        if wire == ImageWire::DashScopeTask {
            let (name, value) = DASHSCOPE_TASKS;
            message
                .headers
                .insert(name, HeaderValue::from_static(value));
        }
        message
    });
    Task {
        messages: messages.collect(),
        reading: match wire {
            ImageWire::DashScopeTask => Reading::Followed(images::begin(at.model), read),
            _ => Reading::All(read),
        },
        demand: None,
    }
}

pub(super) fn decode(at: &At<'_>, inbound: &Inbound, raws: &[Raw]) -> Result<Whole, UpstreamError> {
    let of_edits = || wire_of_edits(at).ok().flatten();
    let wire = wire(at).ok().flatten().or_else(of_edits);
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

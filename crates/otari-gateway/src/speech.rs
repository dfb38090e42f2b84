//! The walk of a speech call: a flat price, the sound passed on as it comes; whole where a provider answers it as JSON.

use http::HeaderValue;
use otari_providers::quirk::{OwnFormat, own_format};
use otari_providers::{Dialect, Operation, UpstreamError};
use otari_translate::speech::{self, SoundFormat, SpeechWire};
use serde_json::{Map, Value};

use crate::Gateway;
use crate::dispatch::{is_kept_back, refusal};
use crate::error::GatewayError;
use crate::inbound::{Inbound, Reply, ReplyBody};
use crate::pass::{
    At, Errand, Raw, Reading, Task, Whole, can, error_in, forwarded, native, speaks_openai,
};
use crate::relay::{malformed, upstream_error};
use crate::request::{parse_members, present, problem, required_string, string_member};
use crate::reserve::Demand;
use crate::unit::Unit;

impl Gateway {
    /// Answers one request for speech.
    pub async fn speak(&self, inbound: &Inbound) -> Result<Reply, GatewayError> {
        let members = parse_members(&inbound.body)?;
        let mut problems = Vec::new();
        let model = required_string(&members, "model", &mut problems);
        let user = string_member(&members, "user", &mut problems);
        required_string(&members, "input", &mut problems);
        // OpenAI's own voices have names, a customer's an id in an object.
        if !present(&members, "voice").is_some_and(|voice| voice.starts_with('{')) {
            required_string(&members, "voice", &mut problems);
        }
        let format = string_member(&members, "response_format", &mut problems);
        let framing = string_member(&members, "stream_format", &mut problems);
        let speed = present(&members, "speed");
        if speed.is_some_and(|speed| serde_json::from_str::<f64>(speed).is_err()) {
            let message = "Input should be a valid number";
            problems.push(problem(&["speed"], "float_type", message));
        }
        if !problems.is_empty() {
            return Err(GatewayError::InvalidBody(problems));
        }
        let errand = Errand {
            inbound,
            operation: Operation::Speech,
            model: &model,
            user: user.as_deref(),
            demand: Demand {
                choices: 1,
                unit: Unit::Calls,
                ..Demand::default()
            },
        };
        let usual = if framing.as_deref() == Some("sse") {
            "text/event-stream"
        } else {
            content_type(format.as_deref())
        };
        let spoken = |at: &At<'_>, raw: Raw| decode(at, inbound, &raw);
        let encode = |at: &At<'_>| {
            if let Some(wire) = wire(at)? {
                let request = request(&inbound.body)?;
                let body = speech::encode(wire, &request, at.model).map_err(refusal)?;
                let message = native(Operation::Speech, body);
                return Ok(Task::one(message, Reading::Whole(&spoken)));
            }
            speaks_openai(at.instance, Operation::Speech, "speech")?;
            let message = forwarded(&members, at.model);
            Ok(Task::one(message, Reading::AsItComes(usual)))
        };
        self.pass(&errand, &encode).await
    }
}

/// The provider's own format; `None` where it speaks OpenAI's.
fn wire(at: &At<'_>) -> Result<Option<SpeechWire>, GatewayError> {
    can(at.instance, Operation::Speech, "speech")?;
    let provider = at.instance.provider;
    let format = own_format(provider.quirks, Operation::Speech);
    Ok(match (provider.dialect, format) {
        (_, Some(OwnFormat::MiniMax)) => Some(SpeechWire::MiniMax),
        (Dialect::Gemini | Dialect::Vertex, _) => Some(SpeechWire::Gemini),
        _ => None,
    })
}

fn request(body: &[u8]) -> Result<speech::Request, GatewayError> {
    let invalid = |error: serde_json::Error| GatewayError::InvalidJson {
        offset: error.column(),
    };
    let mut members: Map<String, Value> = serde_json::from_slice(body).map_err(invalid)?;
    members.retain(|name, _| !is_kept_back(name));
    speech::parse(&members).map_err(refusal)
}

fn decode(at: &At<'_>, inbound: &Inbound, raw: &Raw) -> Result<Whole, UpstreamError> {
    error_in(&raw.body)?;
    let asked = || malformed("an answer nobody asked for");
    let wire = wire(at).ok().flatten().ok_or_else(asked)?;
    let request = request(&inbound.body).map_err(|_| asked())?;
    let sound = speech::decode(wire, &request, &raw.body);
    let sound = sound.map_err(|error| upstream_error(&error))?;
    let kind = HeaderValue::from_static(sound.format.mime());
    Ok(Whole::of(ReplyBody::Typed(kind, sound.bytes.into())))
}

fn content_type(format: Option<&str>) -> &'static str {
    match SoundFormat::named(format.unwrap_or("mp3")) {
        Some(format) => format.mime(),
        None => "application/octet-stream",
    }
}

//! The walk of a speech call: a flat price, the sound passed on as it comes.

use http::{HeaderName, HeaderValue, header};
use otari_providers::quirk::{OwnFormat, own_format};
use otari_providers::{Dialect, Operation};
use otari_translate::speech::{self, SoundFormat, SpeechWire};
use serde_json::{Map, Value};

use crate::Gateway;
use crate::dispatch::{EVENTS, is_kept_back, refusal};
use crate::error::GatewayError;
use crate::inbound::{Inbound, Reply};
use crate::pass::{
    At, Errand, Reading, Task, can, forwarded, native, native_stream, speaks_openai,
};
use crate::request::{parse_members, present, problem, required_string, string_member};
use crate::reserve::Demand;
use crate::unit::Unit;

/// <https://www.alibabacloud.com/help/en/model-studio/qwen-tts-api>
const DASHSCOPE_STREAMS: (HeaderName, &str) =
    (HeaderName::from_static("x-dashscope-sse"), "enable");

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
            EVENTS
        } else {
            content_type(format.as_deref())
        };
        let encode = |at: &At<'_>| {
            if let Some(wire) = wire(at)? {
                return task(at, wire, &request(&inbound.body)?);
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
        (_, Some(OwnFormat::DashScope)) => Some(SpeechWire::DashScope),
        (_, Some(OwnFormat::MiniMax)) => Some(SpeechWire::MiniMax),
        (_, Some(OwnFormat::Mistral)) => Some(SpeechWire::Mistral),
        (_, Some(OwnFormat::Xai)) => Some(SpeechWire::Xai),
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

fn task<'a>(
    at: &At<'_>,
    wire: SpeechWire,
    request: &speech::Request,
) -> Result<Task<'a>, GatewayError> {
    let body = speech::encode(wire, request, at.model).map_err(refusal)?;
    let mut message = if speech::is_streamed(wire, request) {
        native_stream(Operation::Speech, body)
    } else {
        native(Operation::Speech, body)
    };
    if wire == SpeechWire::Xai {
        let sound = HeaderValue::from_static("audio/*, */*;q=0.5");
        message.headers.insert(header::ACCEPT, sound);
    }
    if wire == SpeechWire::DashScope {
        let (name, value) = DASHSCOPE_STREAMS;
        message
            .headers
            .insert(name, HeaderValue::from_static(value));
    }
    let reading = Reading::Reshaped(
        speech::media_type(wire, request),
        speech::reader(wire, request),
    );
    Ok(Task::one(message, reading))
}

fn content_type(format: Option<&str>) -> &'static str {
    match SoundFormat::named(format.unwrap_or("mp3")) {
        Some(format) => format.mime(),
        None => "application/octet-stream",
    }
}

//! Transcripts of providers with formats of their own.

use otari_providers::quirk::{OwnFormat, own_format};
use otari_providers::{Dialect, Operation, UpstreamError};
use otari_translate::transcription::{self, Ear, Granularity, Request};

use super::plain;
use crate::dispatch::{EVENTS, refusal};
use crate::error::GatewayError;
use crate::form::Form;
use crate::inbound::ReplyBody;
use crate::pass::{At, Raw, Reading, Task, Whole, can, error_in, native, native_stream};
use crate::relay::upstream_error;

/// What the transcript is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    Json,
    Text,
    Verbose(Granularity),
    Srt,
    Vtt,
}

/// Who hears, where the provider has a format of its own; `None` where it speaks OpenAI's.
pub(super) fn ear(
    at: &At<'_>,
    operation: Operation,
    what: &str,
) -> Result<Option<Ear>, GatewayError> {
    can(at.instance, operation, what)?;
    let provider = at.instance.provider;
    let refused = |why: &str| GatewayError::InvalidRequest(format!("'{}' {why}", at.model));
    let ear = match own_format(provider.quirks, Operation::Transcriptions) {
        Some(OwnFormat::DashScope) => Ear::of_dashscope(at.model).ok_or_else(|| {
            refused("takes links to recordings only, not uploads; qwen3-asr-flash takes those")
        })?,
        _ if matches!(provider.dialect, Dialect::Gemini | Dialect::Vertex) => {
            Ear::of_google(at.model)
        }
        _ => return Ok(None),
    };
    if operation == Operation::Translations && !ear.translates() {
        let why =
            "writes down what is said in the language it is said in: use /v1/audio/transcriptions";
        return Err(refused(why));
    }
    Ok(Some(ear))
}

/// `stream`: that the words were asked for as they are heard.
pub(super) fn task<'a>(
    at: &At<'_>,
    ear: Ear,
    form: &Form,
    operation: Operation,
    stream: bool,
) -> Result<Task<'a>, GatewayError> {
    let (request, written) = read(ear, form, operation)?;
    let body = transcription::encode(ear, &request, at.model).map_err(refusal)?;
    if stream && request.times {
        let message = "transcripts with times come whole: leave stream out";
        return Err(GatewayError::field(&["stream"], "invalid", message));
    }
    if stream && ear.streams() {
        let message = native_stream(Operation::Chat, body);
        let reader = Box::new(transcription::Reader::default());
        return Ok(Task::one(message, Reading::Reshaped(EVENTS, reader)));
    }
    let told = match operation {
        Operation::Translations => "translate",
        _ => "transcribe",
    };
    let place = match ear {
        Ear::DashScope => Operation::Transcriptions,
        Ear::Chat | Ear::Transcriber => Operation::Chat,
    };
    let reading = Reading::Made(Box::new(move |_, raw| heard(&raw, ear, written, told)));
    Ok(Task::one(native(place, body), reading))
}

/// What the form asks for. What this ear has no place for is refused by name.
fn read(
    ear: Ear,
    form: &Form,
    operation: Operation,
) -> Result<(Request<'_>, Written), GatewayError> {
    let mut request = Request {
        sound: form.file("file").unwrap_or_default(),
        translate: operation == Operation::Translations,
        language: None,
        prompt: None,
        temperature: None,
        times: false,
    };
    let mut written = Written::Json;
    let (mut segments, mut words) = (false, false);
    let invalid = |name: &str, message: &str| GatewayError::field(&[name], "invalid", message);
    for (name, text) in form.texts().filter(|(_, text)| !text.is_empty()) {
        match name {
            "model" => {}
            "language" => request.language = Some(text),
            "prompt" => request.prompt = Some(text),
            "temperature" => {
                let number = text.trim().parse().map_err(|_| {
                    GatewayError::field(&[name], "float_parsing", "Input should be a valid number")
                })?;
                request.temperature = Some(number);
            }
            "response_format" => {
                written = Written::named(text, ear).map_err(|allowed| {
                    invalid(name, &format!("this model answers {allowed} only"))
                })?;
            }
            "timestamp_granularities[]" | "timestamp_granularities" => match text {
                "segment" => segments = true,
                "word" if ear.knows_times_of_words() => words = true,
                "word" => {
                    let message = "this model knows no times of words; ask for segment";
                    return Err(invalid(name, message));
                }
                _ => return Err(invalid(name, "should be segment or word")),
            },
            // OpenAI streams transcripts only.
            "stream" if operation == Operation::Transcriptions => {}
            "stream" if matches!(text, "false" | "False" | "0") => {}
            _ => {
                return Err(GatewayError::Unsupported {
                    member: name.to_owned(),
                });
            }
        }
    }
    if let Written::Verbose(of) = &mut written {
        *of = Granularity {
            segments: segments || !words,
            words,
        };
    } else if segments || words {
        let message = "is for response_format verbose_json";
        return Err(invalid("timestamp_granularities", message));
    }
    request.times = !matches!(written, Written::Json | Written::Text);
    Ok((request, written))
}

impl Written {
    /// The format of that name, or the names of those there are.
    fn named(name: &str, ear: Ear) -> Result<Self, &'static str> {
        const SEGMENTS: Granularity = Granularity {
            segments: true,
            words: false,
        };
        Ok(match name {
            "json" => Self::Json,
            "text" => Self::Text,
            _ if !ear.knows_times() => return Err("json and text"),
            "verbose_json" => Self::Verbose(SEGMENTS),
            "srt" => Self::Srt,
            "vtt" => Self::Vtt,
            _ => return Err("json, text, verbose_json, srt and vtt"),
        })
    }
}

fn heard(
    raw: &Raw,
    ear: Ear,
    written: Written,
    task: &'static str,
) -> Result<Whole, UpstreamError> {
    error_in(&raw.body)?;
    let times = !matches!(written, Written::Json | Written::Text);
    let heard = transcription::decode(ear, &raw.body, times);
    let heard = heard.map_err(|error| upstream_error(&error))?;
    let text = |text: String| ReplyBody::Typed(plain(), text.into());
    Ok(Whole::of(match written {
        Written::Json => ReplyBody::Json(heard.json().into()),
        Written::Text => text(heard.text),
        Written::Verbose(of) => ReplyBody::Json(heard.verbose(task, of).into()),
        Written::Srt => text(heard.srt()),
        Written::Vtt => text(heard.vtt()),
    }))
}

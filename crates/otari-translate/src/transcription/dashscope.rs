//! Alibaba's Qwen3-ASR-Flash. What is only taken as a link to a file (Paraformer, `…-filetrans`) cannot be shown a
//! recording.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::error::{DecodeError, TranslateError};
use crate::json::{Json, Object};

use super::{Heard, Request, unsupported};

pub(super) fn encode(
    request: &Request<'_>,
    mime: &str,
    model: &str,
) -> Result<Object, TranslateError> {
    let refused = [
        (request.translate, "translation"),
        (request.times, "response_format"),
        (request.temperature.is_some(), "temperature"),
    ];
    if let Some((_, member)) = refused.iter().find(|(is_asked, _)| *is_asked) {
        return Err(unsupported(member));
    }
    let message = |role: &'static str, name: &'static str, value: String| {
        let part = Object::new().with(name, value);
        let message = Object::new()
            .with("role", role)
            .with("content", vec![Json::Object(part)]);
        Json::Object(message)
    };
    let link = format!("data:{mime};base64,{}", STANDARD.encode(request.sound));
    let mut messages = Vec::new();
    if let Some(prompt) = request.prompt {
        messages.push(message("system", "text", prompt.to_owned()));
    }
    messages.push(message("user", "audio", link));
    let options = Object::new().with_some("language", request.language);
    let mut body = Object::new()
        .with("model", model)
        .with("input", Object::new().with("messages", messages));
    if !options.is_empty() {
        body.set("parameters", Object::new().with("asr_options", options));
    }
    Ok(body)
}

#[derive(Deserialize)]
struct Answer {
    output: Option<Output>,
    code: Option<String>,
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
struct Output {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    content: Vec<Part>,
    #[serde(default)]
    annotations: Vec<Annotation>,
}

#[derive(Deserialize)]
struct Part {
    text: Option<String>,
}

#[derive(Deserialize)]
struct Annotation {
    language: Option<String>,
}

pub(super) fn decode(body: &[u8]) -> Result<Heard, DecodeError> {
    let malformed = || DecodeError::Malformed { what: "transcript" };
    let answer: Answer = serde_json::from_slice(body).map_err(|_| malformed())?;
    if let Some(code) = answer.code.filter(|code| !code.is_empty()) {
        return Err(DecodeError::Upstream {
            code,
            status: None,
            message: answer.message,
        });
    }
    let choices = answer.output.map(|output| output.choices);
    let choice = choices.into_iter().flatten().next().ok_or_else(malformed)?;
    let Message {
        content,
        annotations,
    } = choice.message;
    let parts = content.into_iter().filter_map(|part| part.text);
    Ok(Heard {
        text: parts.collect::<String>().trim().to_owned(),
        language: annotations.into_iter().find_map(|one| one.language),
        ..Heard::default()
    })
}

//! Pictures of Alibaba's DashScope: asked for in a conversation, answered as links.

use serde::Deserialize;

use crate::error::{DecodeError, TranslateError};
use crate::json::{Json, Object};

use super::decode::read;
use super::encode::own;
use super::{Image, Made, Request};

pub(super) fn encode(request: &Request, model: &str, count: i64) -> Result<Object, TranslateError> {
    let pictures = request.pictures.iter().map(|picture| {
        let link = format!("data:{};base64,{}", picture.mime, picture.data);
        Json::Object(Object::new().with("image", link))
    });
    let text = Json::Object(Object::new().with("text", &request.prompt));
    let content: Json = pictures.chain([text]).collect();
    let message = Object::new().with("role", "user").with("content", content);
    let pixels = request.size.pixels()?;
    let mut parameters = Object::new()
        .with("n", count)
        .with_some(
            "size",
            pixels.map(|(width, height)| format!("{width}*{height}")),
        )
        .with_some("negative_prompt", request.negative_prompt.as_ref());
    own(request, &mut parameters);
    let input = Object::new().with("messages", vec![Json::Object(message)]);
    Ok(Object::new()
        .with("model", model)
        .with("input", input)
        .with("parameters", parameters))
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
    #[serde(default)]
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
}

#[derive(Deserialize)]
struct Part {
    image: Option<String>,
}

/// Links, which hold for a day.
pub(super) fn decode(body: &[u8]) -> Result<Vec<Made>, DecodeError> {
    let answer: Answer = read(body)?;
    if let Some(code) = answer.code.filter(|code| !code.is_empty()) {
        return Err(DecodeError::Upstream {
            code,
            status: None,
            message: answer.message,
        });
    }
    let choices = answer.output.map(|output| output.choices);
    let choices = choices.unwrap_or_default().into_iter();
    let parts = choices.flat_map(|choice| choice.message.content);
    let links = parts.filter_map(|part| part.image).map(|url| Made {
        image: Image::Url(url),
        mime: None,
        revised_prompt: None,
    });
    Ok(links.collect())
}

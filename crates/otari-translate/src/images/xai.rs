//! Changes by xAI's models: OpenAI's answer, but asked for in JSON.
//! <https://docs.x.ai/developers/model-capabilities/images/editing>

use serde::Deserialize;

use crate::error::{DecodeError, TranslateError};
use crate::json::{Json, Object};

use super::decode::read;
use super::encode::own;
use super::{Image, Made, Request};

const SHAPES: &[&str] = &["1:1", "4:3", "3:4", "16:9", "9:16", "3:2", "2:3"];

pub(super) fn encode(request: &Request, model: &str, count: i64) -> Result<Object, TranslateError> {
    let kind = if request.wants_url { "url" } else { "b64_json" };
    let mut pictures = request.pictures.iter().map(|picture| {
        let link = format!("data:{};base64,{}", picture.mime, picture.data);
        Json::Object(Object::typed("image_url").with("url", link))
    });
    let mut body = Object::new()
        .with("model", model)
        .with("prompt", &request.prompt)
        .with("n", count)
        .with("response_format", kind)
        .with_some("aspect_ratio", request.size.shape(SHAPES)?);
    if request.pictures.len() == 1 {
        body.set("image", pictures.next().unwrap_or(Json::Null));
    } else {
        body.set("images", pictures.collect::<Json>());
    }
    own(request, &mut body);
    Ok(body)
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<Drawn>,
}

#[derive(Deserialize)]
struct Drawn {
    b64_json: Option<String>,
    url: Option<String>,
    mime_type: Option<String>,
    revised_prompt: Option<String>,
}

pub(super) fn decode(body: &[u8]) -> Result<Vec<Made>, DecodeError> {
    let answer: Answer = read(body)?;
    let made = answer.data.into_iter().filter_map(|drawn| {
        let data = drawn.b64_json.filter(|data| !data.is_empty());
        Some(Made {
            image: data.map(Image::Data).or(drawn.url.map(Image::Url))?,
            mime: drawn.mime_type,
            revised_prompt: drawn.revised_prompt.filter(|prompt| !prompt.is_empty()),
        })
    });
    Ok(made.collect())
}

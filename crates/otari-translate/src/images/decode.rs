//! Pictures from an answer.

use serde::Deserialize;

use crate::call::{MediaKind, Source};
use crate::dialect::decode_reply;
use crate::error::DecodeError;
use crate::event::{Event, FinishReason};
use crate::route::Wire;

use super::{Image, ImageWire, Made, dashscope, task, xai};

type Result<T> = std::result::Result<T, DecodeError>;

/// Reads one call's answer. One without a picture is an error: most often the provider's policy kept it back.
pub fn decode(wire: ImageWire, body: &[u8]) -> Result<Vec<Made>> {
    let made = match wire {
        ImageWire::Gemini => gemini(body),
        ImageWire::Imagen | ImageWire::ImagenEdit => imagen(body),
        ImageWire::Canvas => canvas(body),
        ImageWire::Stability | ImageWire::StabilityService(_) => stability(body),
        ImageWire::StabilityXl => stability_xl(body),
        ImageWire::DashScope => dashscope::decode(body),
        ImageWire::DashScopeTask => task::decode(body),
        ImageWire::Fireworks => fireworks(body),
        ImageWire::MiniMax => minimax(body),
        ImageWire::Xai => xai::decode(body),
    }?;
    if made.is_empty() {
        return Err(DecodeError::Malformed {
            what: "answer without a picture",
        });
    }
    Ok(made)
}

pub(super) fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T> {
    serde_json::from_slice(body).map_err(|_| DecodeError::Malformed {
        what: "image answer",
    })
}

fn data(data: String, mime: Option<&str>) -> Made {
    Made {
        image: Image::Data(data),
        mime: mime.map(str::to_owned),
        revised_prompt: None,
    }
}

/// The provider's policy kept the picture back.
fn filtered(reason: &str) -> DecodeError {
    DecodeError::Upstream {
        code: "content_filter".to_owned(),
        status: None,
        message: reason.to_owned(),
    }
}

/// The provider could not make it.
fn failed(reason: &str) -> DecodeError {
    DecodeError::Upstream {
        code: "inference_error".to_owned(),
        status: None,
        message: reason.to_owned(),
    }
}

fn gemini(body: &[u8]) -> Result<Vec<Made>> {
    let mut made = Vec::new();
    let (mut words, mut kept_back) = (String::new(), false);
    for event in decode_reply(Wire::Gemini, body, "image")? {
        match event {
            Event::Media(media) if media.kind == MediaKind::Image => {
                if let Source::Data(base64) = media.source {
                    made.push(data(base64, media.mime.as_deref()));
                }
            }
            Event::Delta(text) => words.push_str(&text),
            Event::Finish(finish) => kept_back = finish.reason == FinishReason::ContentFilter,
            _ => {}
        }
    }
    match (made.is_empty(), kept_back, words.is_empty()) {
        (true, true, _) => Err(filtered("the picture was kept back")),
        // It says why not.
        (true, false, false) => Err(filtered(&words)),
        _ => Ok(made),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Imagen {
    #[serde(default)]
    predictions: Vec<Prediction>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Prediction {
    bytes_base64_encoded: Option<String>,
    mime_type: Option<String>,
    /// As it was rewritten.
    prompt: Option<String>,
    rai_filtered_reason: Option<String>,
}

fn imagen(body: &[u8]) -> Result<Vec<Made>> {
    let answer: Imagen = read(body)?;
    let mut reason = None;
    let mut made = Vec::new();
    for prediction in answer.predictions {
        reason = reason.or(prediction.rai_filtered_reason);
        if let Some(base64) = prediction.bytes_base64_encoded {
            made.push(Made {
                revised_prompt: prediction.prompt,
                ..data(base64, prediction.mime_type.as_deref())
            });
        }
    }
    // Pictures that are kept back are left out, all of them without a word.
    if made.is_empty() {
        let reason = reason.as_deref();
        return Err(filtered(reason.unwrap_or("the pictures were kept back")));
    }
    Ok(made)
}

#[derive(Deserialize)]
struct Canvas {
    #[serde(default)]
    images: Vec<String>,
    error: Option<String>,
}

fn canvas(body: &[u8]) -> Result<Vec<Made>> {
    let answer: Canvas = read(body)?;
    if let (true, Some(error)) = (answer.images.is_empty(), answer.error) {
        // There is no other reason to draw nothing and answer so.
        return Err(filtered(&error));
    }
    let images = answer.images.into_iter();
    Ok(images.map(|image| data(image, Some("image/png"))).collect())
}

#[derive(Deserialize)]
struct Stability {
    #[serde(default)]
    images: Vec<String>,
    #[serde(default)]
    finish_reasons: Vec<Option<String>>,
}

fn stability(body: &[u8]) -> Result<Vec<Made>> {
    let answer: Stability = read(body)?;
    match answer.finish_reasons.into_iter().flatten().next() {
        Some(reason) if reason.starts_with("Filter") => return Err(filtered(&reason)),
        Some(reason) => return Err(failed(&reason)),
        None => {}
    }
    let images = answer.images.into_iter();
    Ok(images.map(|image| data(image, None)).collect())
}

#[derive(Deserialize)]
struct StabilityXl {
    #[serde(default)]
    artifacts: Vec<Artifact>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Artifact {
    base64: String,
    #[serde(default)]
    finish_reason: String,
}

fn stability_xl(body: &[u8]) -> Result<Vec<Made>> {
    let answer: StabilityXl = read(body)?;
    let artifacts = answer.artifacts.into_iter();
    artifacts
        .map(|artifact| match artifact.finish_reason.as_str() {
            "CONTENT_FILTERED" => Err(filtered("the picture was kept back")),
            "ERROR" => Err(failed("the picture could not be made")),
            _ => Ok(data(artifact.base64, Some("image/png"))),
        })
        .collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fireworks {
    #[serde(default)]
    base64: Vec<String>,
    #[serde(default)]
    finish_reason: String,
}

fn fireworks(body: &[u8]) -> Result<Vec<Made>> {
    let answer: Fireworks = read(body)?;
    if answer.finish_reason == "CONTENT_FILTERED" {
        return Err(filtered("the picture was kept back"));
    }
    // Some of its pages show them as `data:` addresses.
    let bare = |image: String| match image.split_once(";base64,") {
        Some((_, bare)) => bare.to_owned(),
        None => image,
    };
    let images = answer.base64.into_iter().map(bare);
    Ok(images.map(|image| data(image, Some("image/png"))).collect())
}

#[derive(Deserialize)]
struct MiniMax {
    data: Option<MiniMaxData>,
    base_resp: Option<BaseResp>,
}

#[derive(Deserialize)]
struct MiniMaxData {
    image_urls: Option<Vec<String>>,
    image_base64: Option<Vec<String>>,
}

/// How MiniMax says what went wrong, under a status of success.
#[derive(Deserialize)]
pub(crate) struct BaseResp {
    #[serde(default)]
    status_code: i64,
    #[serde(default)]
    status_msg: String,
}

impl BaseResp {
    pub(crate) fn check(self) -> Result<()> {
        if self.status_code == 0 {
            return Ok(());
        }
        Err(DecodeError::Upstream {
            code: self.status_code.to_string(),
            status: None,
            message: self.status_msg,
        })
    }
}

fn minimax(body: &[u8]) -> Result<Vec<Made>> {
    let answer: MiniMax = read(body)?;
    answer.base_resp.map_or(Ok(()), BaseResp::check)?;
    let Some(answer) = answer.data else {
        return Ok(Vec::new());
    };
    let urls = answer.image_urls.unwrap_or_default().into_iter();
    let made = urls.map(|url| Made {
        image: Image::Url(url),
        mime: None,
        revised_prompt: None,
    });
    let images = answer.image_base64.unwrap_or_default().into_iter();
    Ok(made
        .chain(images.map(|image| data(image, Some("image/jpeg"))))
        .collect())
}

#[cfg(test)]
mod tests;

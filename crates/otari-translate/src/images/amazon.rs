//! Amazon's models on Bedrock. <https://docs.aws.amazon.com/nova/latest/userguide/image-gen-access.html>,
//! <https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-image.html>

use crate::error::TranslateError;
use crate::json::{Json, Object};

use super::encode::{Drawing, missing};
use super::mask::Changed;
use super::{Kind, Request};

/// Members of the task; the rest are the configuration's.
const OF_THE_TASK: [&str; 3] = [MASK_PROMPT, OUTSIDE, "similarityStrength"];
/// The mask in words.
const MASK_PROMPT: &str = "maskPrompt";
/// How the surroundings of what the mask keeps are drawn; asking for it is asking for that.
const OUTSIDE: &str = "outPaintingMode";

/// Members clients may send along.
pub(super) fn own_members(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Make => &["cfgScale"],
        Kind::Change => &["cfgScale", MASK_PROMPT, OUTSIDE],
        Kind::Vary => &["cfgScale", "similarityStrength"],
    }
}

/// Inside of a mask black is what changes, outside of one white.
pub(super) fn changed(request: &Request) -> Changed {
    if request.own(OUTSIDE).is_some() {
        Changed::White
    } else {
        Changed::Black
    }
}

pub(super) fn canvas(drawing: &Drawing<'_>, count: i64) -> Result<Object, TranslateError> {
    let request = drawing.request;
    let prompt = (!request.prompt.is_empty()).then_some(&request.prompt);
    let mut task = Object::new()
        .with_some("text", prompt)
        .with_some("negativeText", request.negative_prompt.as_ref());
    let pictures = request.pictures.iter();
    let mut pictures = pictures.map(|picture| Json::from(&picture.data));
    let (kind, member) = match request.kind {
        Kind::Make => ("TEXT_IMAGE", "textToImageParams"),
        Kind::Vary => {
            task.set("images", pictures.collect::<Json>());
            ("IMAGE_VARIATION", "imageVariationParams")
        }
        Kind::Change => {
            if drawing.mask.is_none() && request.own(MASK_PROMPT).is_none() {
                return Err(missing(
                    "mask",
                    "this model changes what a mask shows: send one, or name what to change in maskPrompt",
                ));
            }
            task.set("image", pictures.next().unwrap_or(Json::Null));
            if let Some(mask) = &drawing.mask {
                task.set("maskImage", mask);
            }
            if request.own(OUTSIDE).is_some() {
                ("OUTPAINTING", "outPaintingParams")
            } else {
                ("INPAINTING", "inPaintingParams")
            }
        }
    };
    let pixels = request.size.pixels()?;
    let mut config = Object::new()
        .with("numberOfImages", count)
        .with_some("quality", request.is_fine.then_some("premium"))
        .with_some("width", pixels.map(|(width, _)| width))
        .with_some("height", pixels.map(|(_, height)| height));
    for (name, raw) in &request.extra {
        if OF_THE_TASK.contains(&name.as_str()) {
            task.set(name.clone(), raw);
        } else {
            config.set(name.clone(), raw);
        }
    }
    Ok(Object::new()
        .with("taskType", kind)
        .with(member, task)
        .with("imageGenerationConfig", config))
}

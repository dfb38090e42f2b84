//! Google's models: Gemini's own, and Imagen.

use crate::error::TranslateError;
use crate::json::{Json, Object};

use super::encode::{Drawing, missing, own};
use super::size::invalid;
use super::{Format, Request};

type Result<T> = std::result::Result<T, TranslateError>;

const GEMINI_SHAPES: &[&str] = &[
    "1:1", "3:2", "2:3", "4:3", "3:4", "5:4", "4:5", "16:9", "9:16", "21:9",
];
const IMAGEN_SHAPES: &[&str] = &["1:1", "4:3", "3:4", "16:9", "9:16"];
/// Members of an edit that are told elsewhere than beside the rest.
const STEPS: &str = "baseSteps";
const DILATION: &str = "dilation";
const MASK_MODE: &str = "maskMode";

/// Members of Imagen that clients may send along.
pub(super) const IMAGEN: &[&str] = &[
    "addWatermark",
    "enhancePrompt",
    "language",
    "personGeneration",
    "safetySetting",
];
pub(super) const IMAGEN_EDIT: &[&str] = &[
    "addWatermark",
    "language",
    "personGeneration",
    "safetySetting",
    "editMode",
    STEPS,
    DILATION,
    MASK_MODE,
];

pub(super) fn gemini(request: &Request) -> Result<Object> {
    let pictures = request.pictures.iter().map(|picture| {
        let data = Object::new()
            .with("mimeType", &picture.mime)
            .with("data", &picture.data);
        Json::Object(Object::new().with("inlineData", data))
    });
    let text = Json::Object(Object::new().with("text", &request.prompt));
    let parts: Json = pictures.chain([text]).collect();
    let content = Object::new().with("role", "user").with("parts", parts);
    let fine = request.size.longest().unwrap_or_default();
    let image = Object::new()
        .with_some("aspectRatio", request.size.shape(GEMINI_SHAPES)?)
        .with_some("imageSize", resolution(fine));
    // Vertex AI refuses pictures alone.
    let kinds = ["TEXT", "IMAGE"].into_iter().map(Json::from);
    let mut config = Object::new().with("responseModalities", kinds.collect::<Json>());
    if !image.is_empty() {
        config.set("imageConfig", image);
    }
    Ok(Object::new()
        .with("contents", vec![Json::Object(content)])
        .with("generationConfig", config))
}

/// What is more than the usual thousand pixels.
fn resolution(longest: u32) -> Option<&'static str> {
    match longest {
        0..2048 => None,
        2048..4096 => Some("2K"),
        _ => Some("4K"),
    }
}

pub(super) fn imagen(request: &Request, count: i64) -> Result<Object> {
    let size = resolution(request.size.longest().unwrap_or_default());
    if size == Some("4K") {
        return Err(invalid("the model draws up to 2048 pixels".to_owned()));
    }
    let mut parameters = Object::new()
        .with("sampleCount", count)
        .with_some("aspectRatio", request.size.shape(IMAGEN_SHAPES)?)
        .with_some("sampleImageSize", size)
        .with_some("negativePrompt", request.negative_prompt.as_ref());
    output(request, &mut parameters);
    own(request, &mut parameters);
    let instance = Object::new().with("prompt", &request.prompt);
    Ok(Object::new()
        .with("instances", vec![Json::Object(instance)])
        .with("parameters", parameters))
}

fn output(request: &Request, parameters: &mut Object) {
    if request.format.is_some() || request.compression.is_some() {
        let format = request.format.unwrap_or(Format::Jpeg);
        let output = Object::new()
            .with("mimeType", format!("image/{}", format.name()))
            .with_some("compressionQuality", request.compression);
        parameters.set("outputOptions", output);
    }
}

/// White pixels of the mask change. <https://cloud.google.com/vertex-ai/generative-ai/docs/image/edit-insert-objects>,
/// <https://firebase.google.com/docs/reference/kotlin/com/google/firebase/ai/type/ImagenMaskReference>
pub(super) fn imagen_edit(drawing: &Drawing<'_>, count: i64) -> Result<Object> {
    let request = drawing.request;
    if drawing.mask.is_none() && request.own(MASK_MODE).is_none() {
        return Err(missing(
            "mask",
            "this model changes what a mask shows: send one, or maskMode (MASK_MODE_FOREGROUND, MASK_MODE_BACKGROUND)",
        ));
    }
    let image = |data: Option<&String>| Object::new().with_some("bytesBase64Encoded", data);
    let raw = Object::new()
        .with("referenceType", "REFERENCE_TYPE_RAW")
        .with("referenceId", 1_i64)
        .with(
            "referenceImage",
            image(request.pictures.first().map(|picture| &picture.data)),
        );
    let mut config = Object::new().with("maskMode", "MASK_MODE_USER_PROVIDED");
    for name in [MASK_MODE, DILATION] {
        if let Some(value) = request.own(name) {
            config.set(name, value);
        }
    }
    let mut mask = Object::new()
        .with("referenceType", "REFERENCE_TYPE_MASK")
        .with("referenceId", 2_i64);
    if drawing.mask.is_some() {
        mask.set("referenceImage", image(drawing.mask.as_ref()));
    }
    mask.set("maskImageConfig", config);
    let instance = Object::new().with("prompt", &request.prompt).with(
        "referenceImages",
        vec![Json::Object(raw), Json::Object(mask)],
    );
    let mut parameters = Object::new()
        .with("sampleCount", count)
        .with("editMode", "EDIT_MODE_INPAINT_INSERTION")
        .with_some("negativePrompt", request.negative_prompt.as_ref());
    output(request, &mut parameters);
    for (name, raw) in &request.extra {
        match name.as_str() {
            STEPS => parameters.set("editConfig", Object::new().with(STEPS, raw)),
            MASK_MODE | DILATION => {}
            _ => parameters.set(name.clone(), raw),
        }
    }
    Ok(Object::new()
        .with("instances", vec![Json::Object(instance)])
        .with("parameters", parameters))
}

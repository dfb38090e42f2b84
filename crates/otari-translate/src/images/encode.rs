//! The calls a request becomes.

use crate::error::TranslateError;
use crate::json::{Json, Object};

use super::size::invalid;
use super::{Format, ImageWire, Request, dashscope};

type Result<T> = std::result::Result<T, TranslateError>;

const GEMINI_SHAPES: &[&str] = &[
    "1:1", "3:2", "2:3", "4:3", "3:4", "5:4", "4:5", "16:9", "9:16", "21:9",
];
const IMAGEN_SHAPES: &[&str] = &["1:1", "4:3", "3:4", "16:9", "9:16"];
const STABILITY_SHAPES: &[&str] = &[
    "1:1", "3:2", "2:3", "5:4", "4:5", "16:9", "9:16", "21:9", "9:21",
];
const FIREWORKS_SHAPES: &[&str] = &[
    "1:1", "3:2", "2:3", "4:3", "3:4", "5:4", "4:5", "16:9", "9:16", "21:9", "9:21",
];
const MINIMAX_SHAPES: &[&str] = &["1:1", "3:2", "2:3", "4:3", "3:4", "16:9", "9:16", "21:9"];

/// Writes the bodies of the calls; their pictures follow each other. `model` as the provider knows it.
pub fn encode(wire: ImageWire, request: &Request, model: &str) -> Result<Vec<Vec<u8>>> {
    check(wire, request)?;
    let most = at_once(wire);
    let mut left = request.count;
    let mut bodies = Vec::with_capacity(left.div_ceil(most));
    while left > 0 {
        let count = left.min(most);
        let mut body = body(wire, request, model, count)?;
        // Seeds are for the same picture again: the second of two calls must not draw the first's.
        let more = i64::try_from(request.count - left).unwrap_or_default();
        if let Some(seed) = request.seed {
            set_seed(wire, &mut body, seed.saturating_add(more));
        }
        bodies.push(Json::Object(body).to_vec());
        left -= count;
    }
    Ok(bodies)
}

/// The most pictures one call makes.
fn at_once(wire: ImageWire) -> usize {
    match wire {
        ImageWire::Imagen => 4,
        ImageWire::Canvas => 5,
        ImageWire::MiniMax => 9,
        ImageWire::Gemini
        | ImageWire::Stability
        | ImageWire::StabilityXl
        | ImageWire::DashScope
        | ImageWire::Fireworks => 1,
    }
}

/// What has no place is refused by name.
fn check(wire: ImageWire, request: &Request) -> Result<()> {
    let negative = matches!(
        wire,
        ImageWire::Imagen
            | ImageWire::Canvas
            | ImageWire::Stability
            | ImageWire::StabilityXl
            | ImageWire::DashScope
    );
    let links = matches!(wire, ImageWire::MiniMax | ImageWire::DashScope);
    let formats: &[Format] = match wire {
        ImageWire::Imagen | ImageWire::Stability => &[Format::Png, Format::Jpeg],
        ImageWire::MiniMax => &[Format::Jpeg],
        ImageWire::Gemini
        | ImageWire::Canvas
        | ImageWire::StabilityXl
        | ImageWire::DashScope
        | ImageWire::Fireworks => &[Format::Png],
    };
    let refused = [
        (request.wants_url && !links, "response_format 'url'"),
        (
            request.wants_data && wire == ImageWire::DashScope,
            "response_format 'b64_json'",
        ),
        (request.is_fine && wire != ImageWire::Canvas, "quality"),
        (
            request
                .format
                .is_some_and(|format| !formats.contains(&format)),
            "output_format",
        ),
        (
            request.compression.is_some() && wire != ImageWire::Imagen,
            "output_compression",
        ),
        (
            request.negative_prompt.is_some() && !negative,
            "negative_prompt",
        ),
        (
            !request.pictures.is_empty()
                && !matches!(
                    wire,
                    ImageWire::Gemini | ImageWire::Canvas | ImageWire::DashScope
                ),
            "image",
        ),
    ];
    let refused = refused.iter().find(|(is_asked, _)| *is_asked);
    let unknown = || {
        let mut names = request.extra.iter().map(|(name, _)| name.as_str());
        names.find(|name| !own_members(wire).contains(name))
    };
    match refused.map(|(_, member)| *member).or_else(unknown) {
        Some(member) => Err(TranslateError::Unsupported {
            member: member.to_owned(),
        }),
        None => Ok(()),
    }
}

/// The provider's own members, which clients may send along.
fn own_members(wire: ImageWire) -> &'static [&'static str] {
    match wire {
        ImageWire::Gemini => &[],
        ImageWire::Imagen => &[
            "addWatermark",
            "enhancePrompt",
            "language",
            "personGeneration",
            "safetySetting",
        ],
        ImageWire::Canvas => &["cfgScale"],
        ImageWire::Stability => &["mode", "style_preset"],
        ImageWire::StabilityXl => &["cfg_scale", "steps", "style_preset", "sampler"],
        ImageWire::DashScope => &["prompt_extend", "watermark"],
        ImageWire::Fireworks => &["guidance_scale", "num_inference_steps"],
        ImageWire::MiniMax => &["prompt_optimizer", "style", "subject_reference"],
    }
}

pub(super) fn own(request: &Request, into: &mut Object) {
    for (name, raw) in &request.extra {
        into.set(name.clone(), raw);
    }
}

fn body(wire: ImageWire, request: &Request, model: &str, count: usize) -> Result<Object> {
    let count = i64::try_from(count).unwrap_or(1);
    match wire {
        ImageWire::Gemini => gemini(request),
        ImageWire::Imagen => imagen(request, count),
        ImageWire::Canvas => canvas(request, count),
        ImageWire::Stability => {
            let mut body = Object::new()
                .with("prompt", &request.prompt)
                .with_some("aspect_ratio", request.size.shape(STABILITY_SHAPES)?)
                .with_some("output_format", request.format.map(Format::name))
                .with_some("negative_prompt", request.negative_prompt.as_ref());
            own(request, &mut body);
            Ok(body)
        }
        ImageWire::StabilityXl => stability_xl(request),
        ImageWire::DashScope => dashscope::encode(request, model, count),
        ImageWire::Fireworks => {
            let mut body = Object::new()
                .with("prompt", &request.prompt)
                .with_some("aspect_ratio", request.size.shape(FIREWORKS_SHAPES)?);
            own(request, &mut body);
            Ok(body)
        }
        ImageWire::MiniMax => {
            let kind = if request.wants_url { "url" } else { "base64" };
            let mut body = Object::new()
                .with("model", model)
                .with("prompt", &request.prompt)
                .with_some("aspect_ratio", request.size.shape(MINIMAX_SHAPES)?)
                .with("response_format", kind)
                .with("n", count);
            own(request, &mut body);
            Ok(body)
        }
    }
}

fn gemini(request: &Request) -> Result<Object> {
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

fn imagen(request: &Request, count: i64) -> Result<Object> {
    let size = resolution(request.size.longest().unwrap_or_default());
    if size == Some("4K") {
        return Err(invalid("the model draws up to 2048 pixels".to_owned()));
    }
    let mut parameters = Object::new()
        .with("sampleCount", count)
        .with_some("aspectRatio", request.size.shape(IMAGEN_SHAPES)?)
        .with_some("sampleImageSize", size)
        .with_some("negativePrompt", request.negative_prompt.as_ref());
    if request.format.is_some() || request.compression.is_some() {
        let format = request.format.unwrap_or(Format::Jpeg);
        let output = Object::new()
            .with("mimeType", format!("image/{}", format.name()))
            .with_some("compressionQuality", request.compression);
        parameters.set("outputOptions", output);
    }
    own(request, &mut parameters);
    let instance = Object::new().with("prompt", &request.prompt);
    Ok(Object::new()
        .with("instances", vec![Json::Object(instance)])
        .with("parameters", parameters))
}

fn canvas(request: &Request, count: i64) -> Result<Object> {
    let prompt = (!request.prompt.is_empty()).then_some(&request.prompt);
    let mut task = Object::new()
        .with_some("text", prompt)
        .with_some("negativeText", request.negative_prompt.as_ref());
    let (kind, member) = if request.pictures.is_empty() {
        ("TEXT_IMAGE", "textToImageParams")
    } else {
        let pictures = request.pictures.iter();
        let pictures = pictures.map(|picture| Json::from(&picture.data));
        task.set("images", pictures.collect::<Json>());
        ("IMAGE_VARIATION", "imageVariationParams")
    };
    let pixels = request.size.pixels()?;
    let mut config = Object::new()
        .with("numberOfImages", count)
        .with_some("quality", request.is_fine.then_some("premium"))
        .with_some("width", pixels.map(|(width, _)| width))
        .with_some("height", pixels.map(|(_, height)| height));
    own(request, &mut config);
    Ok(Object::new()
        .with("taskType", kind)
        .with(member, task)
        .with("imageGenerationConfig", config))
}

fn stability_xl(request: &Request) -> Result<Object> {
    let weighted = |text: &String, weight: i64| {
        Json::Object(Object::new().with("text", text).with("weight", weight))
    };
    let mut prompts = vec![weighted(&request.prompt, 1)];
    prompts.extend(
        request
            .negative_prompt
            .iter()
            .map(|text| weighted(text, -1)),
    );
    let pixels = request.size.pixels()?;
    let mut body = Object::new()
        .with("text_prompts", prompts)
        .with_some("width", pixels.map(|(width, _)| width))
        .with_some("height", pixels.map(|(_, height)| height));
    own(request, &mut body);
    Ok(body)
}

fn set_seed(wire: ImageWire, body: &mut Object, seed: i64) {
    let within = match wire {
        ImageWire::Gemini => Some("generationConfig"),
        ImageWire::Imagen | ImageWire::DashScope => Some("parameters"),
        ImageWire::Canvas => Some("imageGenerationConfig"),
        _ => None,
    };
    let Some(name) = within else {
        body.set("seed", seed);
        return;
    };
    if let Some(Json::Object(mut inner)) = body.remove(name) {
        inner.set("seed", seed);
        body.set(name, inner);
    }
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Webp => "webp",
        }
    }
}

#[cfg(test)]
mod tests;

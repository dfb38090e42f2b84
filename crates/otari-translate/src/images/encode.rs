//! The calls a request becomes.

use crate::error::TranslateError;
use crate::json::{Json, Object};

use super::mask::{self, Changed};
use super::{Format, ImageWire, Kind, Request, amazon, dashscope, google, stability, task, xai};

type Result<T> = std::result::Result<T, TranslateError>;

const FIREWORKS_SHAPES: &[&str] = &[
    "1:1", "3:2", "2:3", "4:3", "3:4", "5:4", "4:5", "16:9", "9:16", "21:9", "9:21",
];
const MINIMAX_SHAPES: &[&str] = &["1:1", "3:2", "2:3", "4:3", "3:4", "16:9", "9:16", "21:9"];

/// A request, and what was made of it for all of its calls.
pub(super) struct Drawing<'a> {
    pub(super) request: &'a Request,
    /// Base64 of a PNG in black and white.
    pub(super) mask: Option<String>,
}

/// Writes the bodies of the calls; their pictures follow each other. `model` as the provider knows it.
pub fn encode(wire: ImageWire, request: &Request, model: &str) -> Result<Vec<Vec<u8>>> {
    check(wire, request, model)?;
    let painted = |mask: &Vec<u8>| mask::painted(mask, changed(wire, request));
    let drawing = Drawing {
        request,
        mask: request.mask.as_ref().map(painted).transpose()?,
    };
    let most = at_once(wire);
    let mut left = request.count;
    let mut bodies = Vec::with_capacity(left.div_ceil(most));
    while left > 0 {
        let count = left.min(most);
        let mut body = body(wire, &drawing, model, count)?;
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
        ImageWire::Imagen | ImageWire::ImagenEdit | ImageWire::DashScopeTask => 4,
        ImageWire::Canvas => 5,
        ImageWire::MiniMax => 9,
        ImageWire::Xai => 10,
        ImageWire::Gemini
        | ImageWire::Stability
        | ImageWire::StabilityXl
        | ImageWire::StabilityService(_)
        | ImageWire::DashScope
        | ImageWire::Fireworks => 1,
    }
}

fn changed(wire: ImageWire, request: &Request) -> Changed {
    match wire {
        ImageWire::Canvas => amazon::changed(request),
        _ => Changed::White,
    }
}

/// What has no place is refused by name.
fn check(wire: ImageWire, request: &Request, model: &str) -> Result<()> {
    let refused = refused_settings(wire, request)
        .or_else(|| refused_pictures(wire, request, model))
        .or_else(|| {
            let own = own_members(wire, request.kind);
            let mut names = request.extra.iter().map(|(name, _)| name.as_str());
            names.find(|name| !own.contains(name))
        });
    if let Some(member) = refused {
        return Err(TranslateError::Unsupported {
            member: member.to_owned(),
        });
    }
    let must_see = match wire {
        ImageWire::ImagenEdit | ImageWire::StabilityService(_) => true,
        ImageWire::DashScopeTask => task::changes(model),
        _ => false,
    };
    if must_see && request.pictures.is_empty() {
        let problem = "this model changes images: send them to /v1/images/edits";
        return Err(missing("image", problem));
    }
    let most = match wire {
        ImageWire::StabilityService(service) => service.pictures(),
        ImageWire::ImagenEdit | ImageWire::Stability => 1,
        ImageWire::Canvas if request.kind == Kind::Change => 1,
        ImageWire::DashScopeTask if task::is_function(model) => 1,
        _ => usize::MAX,
    };
    let shown = request.pictures.len();
    let too_few = matches!(wire, ImageWire::StabilityService(_)) && shown < most;
    if shown > most || too_few {
        let problem = format!("this model wants exactly {most} of them");
        return Err(missing("image", &problem));
    }
    Ok(())
}

fn refused_settings(wire: ImageWire, request: &Request) -> Option<&'static str> {
    let service = match wire {
        ImageWire::StabilityService(service) => Some(service),
        _ => None,
    };
    let negative = match wire {
        ImageWire::Imagen
        | ImageWire::ImagenEdit
        | ImageWire::Canvas
        | ImageWire::Stability
        | ImageWire::StabilityXl
        | ImageWire::DashScope
        | ImageWire::DashScopeTask => true,
        ImageWire::StabilityService(service) => service.takes_prompt(),
        ImageWire::Gemini | ImageWire::Fireworks | ImageWire::MiniMax | ImageWire::Xai => false,
    };
    let links_only = matches!(wire, ImageWire::DashScope | ImageWire::DashScopeTask);
    let links = links_only || matches!(wire, ImageWire::MiniMax | ImageWire::Xai);
    let formats: &[Format] = match wire {
        ImageWire::Imagen | ImageWire::ImagenEdit | ImageWire::Stability => {
            &[Format::Png, Format::Jpeg]
        }
        ImageWire::StabilityService(_) => &[Format::Png, Format::Jpeg, Format::Webp],
        ImageWire::MiniMax | ImageWire::Xai => &[Format::Jpeg],
        ImageWire::Gemini
        | ImageWire::Canvas
        | ImageWire::StabilityXl
        | ImageWire::DashScope
        | ImageWire::DashScopeTask
        | ImageWire::Fireworks => &[Format::Png],
    };
    let is_unknown = |format| !formats.contains(&format);
    let keeps_size = match wire {
        ImageWire::ImagenEdit => true,
        ImageWire::Stability => !request.pictures.is_empty(),
        _ => service.is_some_and(|service| !service.takes_size()),
    };
    let imagens = matches!(wire, ImageWire::Imagen | ImageWire::ImagenEdit);
    let refused = [
        (request.wants_url && !links, "response_format 'url'"),
        (
            request.wants_data && links_only,
            "response_format 'b64_json'",
        ),
        (request.is_fine && wire != ImageWire::Canvas, "quality"),
        (request.format.is_some_and(is_unknown), "output_format"),
        (
            request.compression.is_some() && !imagens,
            "output_compression",
        ),
        (
            request.negative_prompt.is_some() && !negative,
            "negative_prompt",
        ),
        (
            request.seed.is_some()
                && (wire == ImageWire::Xai || service.is_some_and(|service| !service.takes_seed())),
            "seed",
        ),
        (keeps_size && request.size.is_given(), "size"),
    ];
    let refused = refused.iter().find(|(is_asked, _)| *is_asked);
    refused.map(|(_, member)| *member)
}

fn refused_pictures(wire: ImageWire, request: &Request, model: &str) -> Option<&'static str> {
    let sees = match wire {
        ImageWire::Gemini
        | ImageWire::ImagenEdit
        | ImageWire::Canvas
        | ImageWire::StabilityService(_)
        | ImageWire::DashScope
        | ImageWire::Xai => true,
        ImageWire::DashScopeTask => task::changes(model),
        // Core and Ultra only draw. https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-diffusion-3-5-large.html
        ImageWire::Stability => model.contains("sd3"),
        ImageWire::Imagen | ImageWire::StabilityXl | ImageWire::Fireworks | ImageWire::MiniMax => {
            false
        }
    };
    let takes_mask = match wire {
        ImageWire::ImagenEdit | ImageWire::Canvas => true,
        ImageWire::StabilityService(service) => service.takes_mask(),
        ImageWire::DashScopeTask => task::is_function(model),
        _ => false,
    };
    if !sees && !request.pictures.is_empty() {
        return Some("image");
    }
    (!takes_mask && request.mask.is_some()).then_some("mask")
}

/// The provider's own members, which clients may send along.
fn own_members(wire: ImageWire, kind: Kind) -> &'static [&'static str] {
    match wire {
        ImageWire::Gemini => &[],
        ImageWire::Imagen => google::IMAGEN,
        ImageWire::ImagenEdit => google::IMAGEN_EDIT,
        ImageWire::Canvas => amazon::own_members(kind),
        ImageWire::Stability => &["mode", "style_preset", "strength"],
        ImageWire::StabilityXl => &["cfg_scale", "steps", "style_preset", "sampler"],
        ImageWire::StabilityService(service) => service.own_members(),
        ImageWire::DashScope => &["prompt_extend", "watermark"],
        ImageWire::DashScopeTask => task::OWN,
        ImageWire::Fireworks => &["guidance_scale", "num_inference_steps"],
        ImageWire::MiniMax => &["prompt_optimizer", "style", "subject_reference"],
        ImageWire::Xai => &["resolution"],
    }
}

pub(super) fn own(request: &Request, into: &mut Object) {
    for (name, raw) in &request.extra {
        into.set(name.clone(), raw);
    }
}

/// What the model cannot do without, or not with.
pub(super) fn missing(member: &str, problem: &str) -> TranslateError {
    TranslateError::Invalid {
        loc: member.to_owned(),
        problem: problem.to_owned(),
    }
}

fn body(wire: ImageWire, drawing: &Drawing<'_>, model: &str, count: usize) -> Result<Object> {
    let count = i64::try_from(count).unwrap_or(1);
    let request = drawing.request;
    match wire {
        ImageWire::Gemini => google::gemini(request),
        ImageWire::Imagen => google::imagen(request, count),
        ImageWire::ImagenEdit => google::imagen_edit(drawing, count),
        ImageWire::Canvas => amazon::canvas(drawing, count),
        ImageWire::Stability => stability::image(request),
        ImageWire::StabilityXl => stability::xl(request),
        ImageWire::StabilityService(service) => stability::service(service, drawing),
        ImageWire::DashScope => dashscope::encode(request, model, count),
        ImageWire::DashScopeTask => task::encode(drawing, model, count),
        ImageWire::Xai => xai::encode(request, model, count),
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

fn set_seed(wire: ImageWire, body: &mut Object, seed: i64) {
    let within = match wire {
        ImageWire::Gemini => Some("generationConfig"),
        ImageWire::Imagen
        | ImageWire::ImagenEdit
        | ImageWire::DashScope
        | ImageWire::DashScopeTask => Some("parameters"),
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
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Webp => "webp",
        }
    }
}

#[cfg(test)]
mod edits;
#[cfg(test)]
mod tests;

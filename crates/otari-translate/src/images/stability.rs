//! Stability AI's models on Bedrock.
//! <https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-stability-diffusion.html>

use crate::error::TranslateError;
use crate::json::{Json, Object};

use super::Request;
use super::encode::{Drawing, missing, own};

type Result<T> = std::result::Result<T, TranslateError>;

const SHAPES: &[&str] = &[
    "1:1", "3:2", "2:3", "5:4", "4:5", "16:9", "9:16", "21:9", "9:21",
];

/// A model that does one thing to a picture.
/// <https://docs.aws.amazon.com/bedrock/latest/userguide/stable-image-services.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    Inpaint,
    Erase,
    SearchReplace,
    SearchRecolor,
    RemoveBackground,
    Outpaint,
    Sketch,
    Structure,
    StyleGuide,
    StyleTransfer,
    UpscaleConservative,
    UpscaleCreative,
    UpscaleFast,
}

/// What a service takes beside its picture.
struct Takes {
    /// And a negative one.
    prompt: bool,
    mask: bool,
    shape: bool,
    /// Members of its own.
    own: &'static [&'static str],
    /// One of these must be there.
    needs: &'static [&'static str],
}

const NOTHING: Takes = Takes {
    prompt: false,
    mask: false,
    shape: false,
    own: &[],
    needs: &[],
};
const PROMPT: Takes = Takes {
    prompt: true,
    own: &["style_preset"],
    ..NOTHING
};

impl Service {
    /// By the id of a model.
    pub(super) fn of(model: &str) -> Option<Self> {
        const NAMES: [(&str, Service); 13] = [
            ("image-inpaint", Service::Inpaint),
            ("image-erase-object", Service::Erase),
            ("image-search-replace", Service::SearchReplace),
            ("image-search-recolor", Service::SearchRecolor),
            ("image-remove-background", Service::RemoveBackground),
            ("stable-outpaint", Service::Outpaint),
            ("image-control-sketch", Service::Sketch),
            ("image-control-structure", Service::Structure),
            ("image-style-guide", Service::StyleGuide),
            ("stable-style-transfer", Service::StyleTransfer),
            ("conservative-upscale", Service::UpscaleConservative),
            ("creative-upscale", Service::UpscaleCreative),
            ("fast-upscale", Service::UpscaleFast),
        ];
        let known = NAMES.iter().find(|(name, _)| model.contains(name));
        known.map(|(_, service)| *service)
    }

    fn takes(self) -> Takes {
        match self {
            Self::Inpaint => Takes {
                mask: true,
                own: &["grow_mask", "style_preset"],
                ..PROMPT
            },
            Self::Erase => Takes {
                mask: true,
                own: &["grow_mask"],
                ..NOTHING
            },
            Self::SearchReplace => Takes {
                own: &["search_prompt", "grow_mask", "style_preset"],
                needs: &["search_prompt"],
                ..PROMPT
            },
            Self::SearchRecolor => Takes {
                own: &["select_prompt", "grow_mask", "style_preset"],
                needs: &["select_prompt"],
                ..PROMPT
            },
            Self::RemoveBackground | Self::UpscaleFast => NOTHING,
            Self::Outpaint => Takes {
                own: &["left", "right", "up", "down", "creativity", "style_preset"],
                needs: &["left", "right", "up", "down"],
                ..PROMPT
            },
            Self::Sketch | Self::Structure => Takes {
                own: &["control_strength", "style_preset"],
                ..PROMPT
            },
            Self::StyleGuide => Takes {
                shape: true,
                own: &["fidelity", "style_preset"],
                ..PROMPT
            },
            Self::StyleTransfer => Takes {
                own: &["composition_fidelity", "style_strength", "change_strength"],
                ..PROMPT
            },
            Self::UpscaleConservative => Takes {
                own: &["creativity"],
                ..PROMPT
            },
            Self::UpscaleCreative => Takes {
                own: &["creativity", "style_preset"],
                ..PROMPT
            },
        }
    }

    pub(super) fn own_members(self) -> &'static [&'static str] {
        self.takes().own
    }

    pub(super) fn takes_mask(self) -> bool {
        self.takes().mask
    }

    /// And a negative one.
    pub(super) fn takes_prompt(self) -> bool {
        self.takes().prompt
    }

    pub(super) fn takes_seed(self) -> bool {
        self.takes().prompt || self == Self::Erase
    }

    pub(super) fn takes_size(self) -> bool {
        self.takes().shape
    }

    /// How many pictures it is shown.
    pub(super) fn pictures(self) -> usize {
        if self == Self::StyleTransfer { 2 } else { 1 }
    }
}

/// What becomes of one picture. Masks of these are white where it changes.
pub(super) fn service(service: Service, drawing: &Drawing<'_>) -> Result<Object> {
    let request = drawing.request;
    let takes = service.takes();
    if !takes.needs.is_empty() && !takes.needs.iter().any(|name| request.own(name).is_some()) {
        let problem = format!("this model wants {}", takes.needs.join(", or "));
        return Err(missing(
            takes.needs.first().copied().unwrap_or_default(),
            &problem,
        ));
    }
    if service == Service::Inpaint && drawing.mask.is_none() {
        return Err(missing("mask", "this model changes what a mask shows"));
    }
    let mut pictures = request.pictures.iter().map(|picture| &picture.data);
    let mut body = Object::new();
    if service == Service::StyleTransfer {
        body.set("init_image", pictures.next().map_or("", |data| data));
        body.set("style_image", pictures.next().map_or("", |data| data));
    } else {
        body.set("image", pictures.next().map_or("", |data| data));
    }
    if takes.prompt {
        body.set("prompt", &request.prompt);
    }
    let mut body = body
        .with_some("mask", drawing.mask.as_ref())
        .with_some("aspect_ratio", request.size.shape(SHAPES)?)
        .with_some("output_format", request.format.map(super::Format::name))
        .with_some("negative_prompt", request.negative_prompt.as_ref());
    own(request, &mut body);
    Ok(body)
}

/// Pictures of words; Stable Diffusion 3 also starts from a picture.
pub(super) fn image(request: &Request) -> Result<Object> {
    let mut body = Object::new()
        .with("prompt", &request.prompt)
        .with_some("aspect_ratio", request.size.shape(SHAPES)?)
        .with_some("output_format", request.format.map(super::Format::name))
        .with_some("negative_prompt", request.negative_prompt.as_ref());
    if let Some(picture) = request.pictures.first() {
        if request.own("strength").is_none() {
            let problem = "say how much may change, from 0 to 1";
            return Err(missing("strength", problem));
        }
        body.set("mode", "image-to-image");
        body.set("image", &picture.data);
    }
    own(request, &mut body);
    Ok(body)
}

pub(super) fn xl(request: &Request) -> Result<Object> {
    let weighted = |text: &String, weight: i64| {
        Json::Object(Object::new().with("text", text).with("weight", weight))
    };
    let mut prompts = vec![weighted(&request.prompt, 1)];
    let negative = request.negative_prompt.iter();
    prompts.extend(negative.map(|text| weighted(text, -1)));
    let pixels = request.size.pixels()?;
    let mut body = Object::new()
        .with("text_prompts", prompts)
        .with_some("width", pixels.map(|(width, _)| width))
        .with_some("height", pixels.map(|(_, height)| height));
    own(request, &mut body);
    Ok(body)
}

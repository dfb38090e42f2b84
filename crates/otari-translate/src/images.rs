//! Pictures: OpenAI's request in, the calls of providers with formats of their own out, OpenAI's answer back.
//!
//! Some make one picture a call: a request becomes as many calls as it needs. What a format has no place for is
//! refused by name, because a picture cannot be compared with what was asked for.

mod amazon;
mod dashscope;
mod decode;
mod encode;
mod google;
mod mask;
mod request;
mod size;
mod stability;
mod task;
mod xai;

pub(crate) use decode::BaseResp;
pub use decode::decode;
pub use encode::encode;
pub use request::{parse, parse_form};
pub use stability::Service;
pub use task::{Progress, begin, progress};

use crate::json::{Json, Object, Raw};
use size::Size;

/// A format providers are asked for pictures in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageWire {
    /// `generateContent` of Gemini's own image models. <https://ai.google.dev/gemini-api/docs/image-generation>
    Gemini,
    /// `predict` of Imagen. <https://ai.google.dev/gemini-api/docs/imagen>
    Imagen,
    /// The same of the model that changes pictures, on Vertex AI.
    /// <https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/imagen-api-edit>
    ImagenEdit,
    /// Amazon's Titan Image Generator and Nova Canvas, by `InvokeModel`.
    /// <https://docs.aws.amazon.com/nova/latest/userguide/image-gen-access.html>
    Canvas,
    /// Stable Image and Stable Diffusion 3, by `InvokeModel`.
    /// <https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-stability-diffusion.html>
    Stability,
    /// Stable Diffusion XL, by `InvokeModel`.
    StabilityXl,
    /// Stability AI's models that change pictures, by `InvokeModel`.
    StabilityService(Service),
    /// Qwen-Image and newer Wan models, by DashScope's call without a task.
    /// <https://www.alibabacloud.com/help/en/model-studio/qwen-image-api>
    DashScope,
    /// Older Wan models, by DashScope's tasks.
    DashScopeTask,
    /// Fireworks' workflows. <https://docs.fireworks.ai/api-reference/generate-a-new-image-from-a-text-prompt>
    Fireworks,
    /// <https://platform.minimax.io/docs/api-reference/image-generation-t2i>
    MiniMax,
    /// Changes by xAI's models. <https://docs.x.ai/developers/model-capabilities/images/editing>
    Xai,
}

impl ImageWire {
    /// By the name of a model of Google's.
    pub fn of_google(model: &str) -> Self {
        let name = model.rsplit('/').next().unwrap_or(model);
        if name.starts_with("imagen") || name.starts_with("imagegeneration") {
            Self::Imagen
        } else {
            Self::Gemini
        }
    }

    /// By the name of a model of Google's that shall change pictures; on the Gemini API only Gemini's own do.
    pub fn of_google_edits(model: &str, on_vertex: bool) -> Option<Self> {
        match Self::of_google(model) {
            Self::Imagen if !(on_vertex && model.contains("capability")) => None,
            Self::Imagen => Some(Self::ImagenEdit),
            other => Some(other),
        }
    }

    /// By the name of a model of Alibaba's.
    pub fn of_dashscope(model: &str) -> Self {
        if task::is_for(model) {
            Self::DashScopeTask
        } else {
            Self::DashScope
        }
    }

    /// By the id of a model on Bedrock; `None` for one that is not known to make pictures.
    pub fn of_bedrock(model: &str) -> Option<Self> {
        if model.contains("titan-image") || model.contains("nova-canvas") {
            Some(Self::Canvas)
        } else if model.contains("stable-diffusion-xl") {
            Some(Self::StabilityXl)
        } else if model.contains("stability.") {
            Some(Service::of(model).map_or(Self::Stability, Self::StabilityService))
        } else {
            None
        }
    }
}

/// What is wanted of the pictures that are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// There are none.
    #[default]
    Make,
    Change,
    /// Others like them.
    Vary,
}

/// One request for pictures.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    pub kind: Kind,
    pub prompt: String,
    /// At least one.
    pub count: usize,
    /// As links, where there are any.
    pub wants_url: bool,
    /// Not as links.
    pub wants_data: bool,
    pub seed: Option<i64>,
    pub negative_prompt: Option<String>,
    /// To draw after, for an edit.
    pub pictures: Vec<Picture>,
    /// A PNG whose transparent pixels are what changes.
    pub mask: Option<Vec<u8>>,
    size: Size,
    is_fine: bool,
    format: Option<Format>,
    /// Per cent.
    compression: Option<i64>,
    /// Members that only some provider knows.
    extra: Vec<(String, Raw)>,
}

/// A picture to draw after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// IANA media type.
    pub mime: String,
    /// Base64.
    pub data: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Png,
    Jpeg,
    Webp,
}

/// A picture that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    pub image: Image,
    /// IANA media type, where the provider says.
    pub mime: Option<String>,
    /// The prompt as the provider rewrote it.
    pub revised_prompt: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Image {
    /// Base64.
    Data(String),
    Url(String),
}

/// OpenAI's answer. `created`: Unix seconds.
pub fn render(made: &[Made], created: i64) -> Vec<u8> {
    let data = made.iter().map(|made| {
        let (name, value) = match &made.image {
            Image::Data(data) => ("b64_json", data),
            Image::Url(url) => ("url", url),
        };
        Json::Object(
            Object::new()
                .with(name, value)
                .with_some("revised_prompt", made.revised_prompt.as_ref()),
        )
    });
    let mimes = made.iter().map(|made| made.mime.as_deref());
    let format = mimes
        .reduce(|all, one| all.filter(|all| Some(*all) == one))
        .flatten()
        .and_then(|mime| mime.strip_prefix("image/"));
    Object::new()
        .with("created", created)
        .with("data", data.collect::<Json>())
        .with_some("output_format", format)
        .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_known_by_name() {
        use ImageWire as W;
        for (model, wire) in [
            ("imagen-4.0-generate-001", W::Imagen),
            ("publishers/google/models/imagen-3.0-fast", W::Imagen),
            ("gemini-2.5-flash-image", W::Gemini),
        ] {
            assert_eq!(W::of_google(model), wire, "{model}");
        }
        for (model, wire) in [
            ("amazon.titan-image-generator-v2:0", Some(W::Canvas)),
            ("us.amazon.nova-canvas-v1:0", Some(W::Canvas)),
            ("stability.stable-diffusion-xl-v1", Some(W::StabilityXl)),
            ("us.stability.stable-image-core-v1:1", Some(W::Stability)),
            (
                "us.stability.stable-image-inpaint-v1:0",
                Some(W::StabilityService(Service::Inpaint)),
            ),
            (
                "stability.stable-creative-upscale-v1:0",
                Some(W::StabilityService(Service::UpscaleCreative)),
            ),
            ("anthropic.claude-opus-4-1-v1:0", None),
        ] {
            assert_eq!(W::of_bedrock(model), wire, "{model}");
        }
        for (model, on_vertex, wire) in [
            ("imagen-3.0-capability-001", true, Some(W::ImagenEdit)),
            ("imagen-3.0-capability-001", false, None),
            ("imagen-4.0-generate-001", true, None),
            ("gemini-2.5-flash-image", false, Some(W::Gemini)),
        ] {
            assert_eq!(W::of_google_edits(model, on_vertex), wire, "{model}");
        }
    }

    #[test]
    fn an_answer_is_openais() {
        let made = |image, mime: Option<&str>| Made {
            image,
            mime: mime.map(str::to_owned),
            revised_prompt: None,
        };
        let png = made(Image::Data("AA==".to_owned()), Some("image/png"));
        let other = Made {
            revised_prompt: Some("a \"cat\"".to_owned()),
            ..png.clone()
        };
        assert_eq!(
            String::from_utf8(render(&[png.clone(), other], 7)).unwrap(),
            r#"{"created":7,"data":[{"b64_json":"AA=="},{"b64_json":"AA==","revised_prompt":"a \"cat\""}],"output_format":"png"}"#
        );
        let link = made(Image::Url("https://x/1".to_owned()), None);
        assert_eq!(
            String::from_utf8(render(&[png, link], 7)).unwrap(),
            r#"{"created":7,"data":[{"b64_json":"AA=="},{"url":"https://x/1"}]}"#
        );
    }
}

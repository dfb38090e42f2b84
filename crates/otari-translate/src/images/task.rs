//! Pictures of DashScope's models that take tasks: Wanx, and Wan up to 2.5.
//! <https://www.alibabacloud.com/help/en/model-studio/text-to-image-v2-api-reference>,
//! <https://www.alibabacloud.com/help/en/model-studio/wan2-5-image-edit-api-reference>,
//! <https://www.alibabacloud.com/help/en/model-studio/wanx-image-edit-api-reference>

use serde::Deserialize;

use crate::error::{DecodeError, TranslateError};
use crate::json::{Json, Object};

use super::decode::read;
use super::encode::{Drawing, own};
use super::{Image, Made, Picture};

/// Which of its tricks `wanx2.1-imageedit` shall do.
const FUNCTION: &str = "function";

/// Members clients may send along.
pub(super) const OWN: &[&str] = &["prompt_extend", "watermark", "strength", FUNCTION];

/// How far a task is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// To be asked after, by this id.
    Waiting(String),
    Done,
}

/// Whether the model is known to take tasks only.
pub(super) fn is_for(model: &str) -> bool {
    let minor = model.strip_prefix("wan2.").and_then(|rest| {
        let digits = rest.split(|byte: char| !byte.is_ascii_digit()).next()?;
        digits.parse::<u32>().ok()
    });
    model.starts_with("wanx") || minor.is_some_and(|minor| minor <= 5)
}

/// Whether the model changes pictures; the others draw.
pub(super) fn changes(model: &str) -> bool {
    model.contains("i2i") || is_function(model)
}

/// It is told by name what to do, and takes masks.
pub(super) fn is_function(model: &str) -> bool {
    model.contains("imageedit")
}

/// Where the task is begun, from where pictures without a task are made.
pub fn begin(model: &str) -> &'static str {
    if changes(model) {
        "../image2image/image-synthesis"
    } else {
        "../text2image/image-synthesis"
    }
}

/// White pixels of the mask change.
pub(super) fn encode(
    drawing: &Drawing<'_>,
    model: &str,
    count: i64,
) -> Result<Object, TranslateError> {
    let request = drawing.request;
    let link = |picture: &Picture| format!("data:{};base64,{}", picture.mime, picture.data);
    let mut pictures = request.pictures.iter().map(link);
    let mut input = Object::new().with("prompt", &request.prompt);
    if is_function(model) {
        let usual = if drawing.mask.is_some() {
            "description_edit_with_mask"
        } else {
            "description_edit"
        };
        input.set(FUNCTION, usual);
        if let Some(function) = request.own(FUNCTION) {
            input.set(FUNCTION, function);
        }
        input.set("base_image_url", pictures.next().unwrap_or_default());
        if let Some(mask) = &drawing.mask {
            input.set("mask_image_url", format!("data:image/png;base64,{mask}"));
        }
    } else if changes(model) {
        input.set("images", pictures.map(Json::from).collect::<Json>());
    }
    let input = input.with_some("negative_prompt", request.negative_prompt.as_ref());
    let pixels = request.size.pixels()?;
    let size = pixels.map(|(width, height)| format!("{width}*{height}"));
    let mut parameters = Object::new().with("n", count).with_some("size", size);
    own(request, &mut parameters);
    parameters.remove(FUNCTION);
    Ok(Object::new()
        .with("model", model)
        .with("input", input)
        .with("parameters", parameters))
}

#[derive(Deserialize)]
struct Answer {
    output: Option<Output>,
    code: Option<String>,
    message: Option<String>,
}

#[derive(Deserialize)]
struct Output {
    #[serde(default)]
    task_id: String,
    #[serde(default)]
    task_status: String,
    code: Option<String>,
    message: Option<String>,
    #[serde(default)]
    results: Vec<Outcome>,
}

#[derive(Deserialize)]
struct Outcome {
    url: Option<String>,
    actual_prompt: Option<String>,
    code: Option<String>,
    message: Option<String>,
}

/// Reads what is said of a task, when it is begun or asked after. One that failed is an error.
/// <https://www.alibabacloud.com/help/en/model-studio/manage-asynchronous-tasks>
pub fn progress(body: &[u8]) -> Result<Progress, DecodeError> {
    let answer: Answer = read(body)?;
    let Some(output) = answer.output else {
        return Err(failed(answer.code, answer.message, "no task was begun"));
    };
    match output.task_status.as_str() {
        "SUCCEEDED" => Ok(Progress::Done),
        "PENDING" | "RUNNING" | "SUSPENDED" if !output.task_id.is_empty() => {
            Ok(Progress::Waiting(output.task_id))
        }
        _ => Err(failed(
            output.code.or(answer.code),
            output.message.or(answer.message),
            "the task was given up",
        )),
    }
}

/// Links, which hold for a day. Where some pictures of a task fail the others are its answer.
pub(super) fn decode(body: &[u8]) -> Result<Vec<Made>, DecodeError> {
    let answer: Answer = read(body)?;
    let results = answer.output.map(|output| output.results);
    let mut why = None;
    let mut made = Vec::new();
    for outcome in results.unwrap_or_default() {
        match outcome.url {
            Some(url) => made.push(Made {
                image: Image::Url(url),
                mime: None,
                revised_prompt: outcome.actual_prompt,
            }),
            None => why = why.or(Some((outcome.code, outcome.message))),
        }
    }
    match why {
        Some((code, message)) if made.is_empty() => {
            Err(failed(code, message, "no picture was made"))
        }
        _ => Ok(made),
    }
}

fn failed(code: Option<String>, message: Option<String>, otherwise: &str) -> DecodeError {
    DecodeError::Upstream {
        code: code.unwrap_or_default(),
        status: None,
        message: message.unwrap_or_else(|| otherwise.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_that_take_tasks_are_known_by_name() {
        for (model, takes, changing) in [
            ("wanx-v1", true, false),
            ("wanx2.1-t2i-turbo", true, false),
            ("wanx2.1-imageedit", true, true),
            ("wan2.2-t2i-flash", true, false),
            ("wan2.5-i2i-preview", true, true),
            ("wan2.6-t2i", false, false),
            ("wan2.10-image", false, false),
            ("qwen-image-plus", false, false),
            ("wan3.0", false, false),
        ] {
            assert_eq!(
                (is_for(model), changes(model)),
                (takes, changing),
                "{model}"
            );
        }
    }

    #[test]
    fn a_task_waits_is_done_or_fails() {
        let read = |body: &str| {
            progress(body.as_bytes()).map_err(|error| match error {
                DecodeError::Upstream { code, message, .. } => format!("{code}: {message}"),
                other => other.to_string(),
            })
        };
        let waiting = Ok(Progress::Waiting("7-a".to_owned()));
        for status in ["PENDING", "RUNNING", "SUSPENDED"] {
            let body = format!(r#"{{"output":{{"task_id":"7-a","task_status":"{status}"}}}}"#);
            assert_eq!(read(&body), waiting, "{status}");
        }
        let done = r#"{"output":{"task_id":"7-a","task_status":"SUCCEEDED","results":[]}}"#;
        assert_eq!(read(done), Ok(Progress::Done));
        for (body, says) in [
            (
                r#"{"output":{"task_id":"7-a","task_status":"FAILED","code":"DataInspectionFailed","message":"no"}}"#,
                "DataInspectionFailed: no",
            ),
            (
                r#"{"output":{"task_id":"7-a","task_status":"UNKNOWN"}}"#,
                ": the task was given up",
            ),
            (
                r#"{"code":"Throttling","message":"slow"}"#,
                "Throttling: slow",
            ),
            (
                r#"{"output":{"task_status":"PENDING"}}"#,
                ": the task was given up",
            ),
            ("<html>", "malformed image answer from the provider"),
        ] {
            assert_eq!(read(body), Err(says.to_owned()), "{body}");
        }
    }
}

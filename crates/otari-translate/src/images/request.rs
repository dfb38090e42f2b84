//! OpenAI's request, read for providers of other formats.

use serde_json::{Map, Value};

use crate::error::TranslateError;
use crate::json::Raw;

use super::size::Size;
use super::{Format, Kind, Request};

type Result<T> = std::result::Result<T, TranslateError>;

/// OpenAI's own limit.
const COUNT_MAX: usize = 10;

/// Reads the members of a request; those of a form are texts, but for `n`.
pub fn parse(members: &Map<String, Value>) -> Result<Request> {
    let mut request = Request {
        count: 1,
        ..Request::default()
    };
    for (name, value) in members {
        if !value.is_null() {
            read(&mut request, name, value)?;
        }
    }
    Ok(request)
}

/// The same where they came in a form, which has texts only: a provider's own members are numbers and truths again.
pub fn parse_form(kind: Kind, members: &Map<String, Value>) -> Result<Request> {
    let mut request = parse(members)?;
    request.kind = kind;
    for (_, raw) in &mut request.extra {
        let Value::String(text) = raw.value() else {
            continue;
        };
        if let Ok(value @ (Value::Number(_) | Value::Bool(_))) = serde_json::from_str(&text) {
            *raw = Raw::from(&value);
        }
    }
    Ok(request)
}

impl Request {
    /// A member that only some provider knows.
    pub(super) fn own(&self, name: &str) -> Option<&Raw> {
        let mut extra = self.extra.iter();
        extra
            .find(|(known, _)| known == name)
            .map(|(_, value)| value)
    }
}

fn read(request: &mut Request, name: &str, value: &Value) -> Result<()> {
    match name {
        // The model is the target's; links to partial pictures belong to streams.
        "model" | "partial_images" => {}
        "prompt" => text(name, value)?.clone_into(&mut request.prompt),
        "n" => request.count = count(value)?,
        "size" => request.size = Size::parse(text(name, value)?)?,
        "seed" => request.seed = Some(int(name, value)?),
        "negative_prompt" => request.negative_prompt = Some(text(name, value)?.to_owned()),
        "output_compression" => request.compression = Some(int(name, value)?),
        "response_format" => {
            request.wants_url = one_of(name, value, &["b64_json"], "url")?;
            request.wants_data = value == "b64_json";
        }
        "quality" => {
            const FINE: [&str; 3] = ["hd", "high", "premium"];
            request.is_fine = FINE.contains(&text(name, value)?);
            if !request.is_fine {
                only(name, value, &["auto", "standard", "medium", ""])?;
            }
        }
        "output_format" => {
            request.format = Some(match text(name, value)? {
                "png" => Format::Png,
                "jpeg" | "jpg" => Format::Jpeg,
                "webp" => Format::Webp,
                _ => return Err(invalid(name, "should be png, jpeg or webp")),
            });
        }
        "background" => only(name, value, &["auto", "opaque", ""])?,
        "moderation" => only(name, value, &["auto", ""])?,
        "stream" if !truth(value) => {}
        _ => request.extra.push((name.to_owned(), Raw::from(value))),
    }
    Ok(())
}

fn count(value: &Value) -> Result<usize> {
    let count = int("n", value)?;
    match usize::try_from(count) {
        Ok(count @ 1..=COUNT_MAX) => Ok(count),
        _ => Err(invalid("n", "should be between 1 and 10")),
    }
}

fn text<'a>(name: &str, value: &'a Value) -> Result<&'a str> {
    value
        .as_str()
        .ok_or_else(|| invalid(name, "should be a string"))
}

fn int(name: &str, value: &Value) -> Result<i64> {
    let read = value
        .as_i64()
        .or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()));
    read.ok_or_else(|| invalid(name, "should be an integer"))
}

/// As JSON says it, or a form.
fn truth(value: &Value) -> bool {
    match value {
        Value::Bool(is_true) => *is_true,
        Value::String(text) => !matches!(text.as_str(), "" | "false" | "False" | "0"),
        _ => true,
    }
}

/// Whether the value is `special`, not one of `usual`.
fn one_of(name: &str, value: &Value, usual: &[&str], special: &str) -> Result<bool> {
    match text(name, value)? {
        text if text == special => Ok(true),
        text if usual.contains(&text) || text.is_empty() => Ok(false),
        _ => Err(invalid(
            name,
            &format!("should be {} or {special}", usual.join(", ")),
        )),
    }
}

/// What is the same as not to ask. Anything else is more than these providers can do.
fn only(name: &str, value: &Value, usual: &[&str]) -> Result<()> {
    if usual.contains(&text(name, value)?) {
        return Ok(());
    }
    Err(TranslateError::Unsupported {
        member: name.to_owned(),
    })
}

fn invalid(name: &str, problem: &str) -> TranslateError {
    TranslateError::Invalid {
        loc: name.to_owned(),
        problem: problem.to_owned(),
    }
}

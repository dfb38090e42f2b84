//! A `multipart/form-data` body (RFC 7578) while it arrives, and as far as it has: its fields read, the bytes that are for
//! a provider kept as they came but for the gateway's own fields.

mod disposition;
mod pieces;
mod scan;
#[cfg(test)]
mod tests;
mod upload;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue};

use crate::dispatch::is_kept_back;
use crate::error::{FieldProblem, GatewayError};
use crate::pass::Message;
use crate::request::problem;

use pieces::{Kind, Pieces};
use scan::Found;

pub use upload::UploadForm;

const MODEL: &str = "model";
/// Fields that something is decided by: read as such also where they have a file's name.
const READ: &[&str] = &[MODEL, "stream", "response_format", "n", "prompt"];

/// Of a field that is no file; far above any prompt.
const FIELD_BYTES_MAX: usize = 1024 * 1024;

/// A form as far as it is known.
#[derive(Debug)]
pub(crate) struct Form {
    content_type: HeaderValue,
    parts: Vec<Part>,
    pieces: Pieces,
    is_complete: bool,
}

#[derive(Debug)]
struct Part {
    name: String,
    is_file: bool,
    length: usize,
    value: Value,
}

#[derive(Debug)]
enum Value {
    /// A field's, still arriving.
    Arriving(BytesMut),
    Whole(Bytes),
    /// A file's: among the pieces only.
    Pieces,
}

impl Form {
    fn new(content_type: HeaderValue) -> Self {
        Self {
            content_type,
            parts: Vec::new(),
            pieces: Pieces::default(),
            is_complete: false,
        }
    }

    pub(crate) fn content_type(&self) -> HeaderValue {
        self.content_type.clone()
    }

    /// Whether every field is known.
    pub(crate) fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Bytes of a field; of a file where it was gathered. `None`: it is not there, or not yet.
    pub(crate) fn value(&self, name: &str) -> Option<&[u8]> {
        let part = self.parts.iter().find(|part| part.name == name)?;
        part.whole()
    }

    /// A gathered file.
    pub(crate) fn file(&self, name: &str) -> Option<&[u8]> {
        let mut files = self.parts.iter().filter(|part| part.is_file);
        files.find(|part| part.name == name)?.whole()
    }

    /// Gathered files of that name, or in a list of that name.
    pub(crate) fn files(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let parts = self.parts.iter().filter(move |part| part.is_in(name));
        parts.filter_map(Part::whole)
    }

    /// Whether there is a file of that name, or in a list of that name.
    pub(crate) fn has_files(&self, name: &str) -> bool {
        self.parts.iter().any(|part| part.is_in(name))
    }

    /// How much has come of the file of that name.
    pub(crate) fn file_length(&self, name: &str) -> Option<usize> {
        let mut files = self.parts.iter().filter(|part| part.is_file);
        let file = files.find(|part| part.name == name);
        file.map(|file| file.length)
    }

    /// The fields that are for a provider, but for files; those that are no text are left out.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        let parts = self.parts.iter();
        let parts = parts.filter(|part| !part.is_file && !is_kept_back(&part.name));
        parts
            .filter_map(|part| Some((part.name.as_str(), std::str::from_utf8(part.whole()?).ok()?)))
    }

    /// A field's text; one that is no text is a problem.
    pub(crate) fn text(&self, name: &str, problems: &mut Vec<FieldProblem>) -> Option<&str> {
        let value = std::str::from_utf8(self.value(name)?).ok();
        if value.is_none() {
            let message = "Input should be a valid string";
            problems.push(problem(&[name], "string_type", message));
        }
        value
    }

    /// A text that must be there when the form is complete; blank is as good as missing.
    pub(crate) fn required_text(&self, name: &str, problems: &mut Vec<FieldProblem>) -> &str {
        let before = problems.len();
        let text = self.text(name, problems);
        let may_come = text.is_none() && !self.is_complete;
        let text = text.unwrap_or_default();
        if text.trim().is_empty() && problems.len() == before && !may_come {
            problems.push(problem(&[name], "missing", "Field required"));
        }
        text
    }

    /// As the SDKs of several languages write booleans.
    pub(crate) fn flag(&self, name: &str, problems: &mut Vec<FieldProblem>) -> bool {
        match self.text(name, problems) {
            None | Some("" | "false" | "False" | "0") => false,
            Some("true" | "True" | "1") => true,
            Some(_) => {
                let message = "Input should be a valid boolean";
                problems.push(problem(&[name], "bool_parsing", message));
                false
            }
        }
    }

    /// The complete form as a provider gets it.
    pub(crate) fn message(&self, model: &str) -> Message {
        Message {
            operation: None,
            stream: false,
            content_type: self.content_type.clone(),
            headers: HeaderMap::new(),
            body: self.pieces.whole(model),
        }
    }

    /// Whether a file has begun that is handed on as it comes.
    fn has_streamed(&self) -> bool {
        let mut parts = self.parts.iter();
        parts.any(|part| matches!(part.value, Value::Pieces))
    }

    /// Of what a provider gets of it, as far as it is there.
    fn length(&self, model: &str) -> u64 {
        let arriving = match self.parts.last() {
            Some(Part {
                name,
                value: Value::Arriving(value),
                ..
            }) if passes(name) => value.len(),
            _ => 0,
        };
        self.pieces.length(model) + u64::try_from(arriving).unwrap_or_default()
    }

    /// Makes the files readable.
    fn gather(&mut self) {
        for (number, part) in self.parts.iter_mut().enumerate() {
            if matches!(part.value, Value::Pieces) {
                part.value = Value::Whole(self.pieces.gather(number));
            }
        }
    }

    /// `true`: a field is known now that was not before.
    fn take(&mut self, found: Found) -> Result<bool, GatewayError> {
        match found {
            Found::Part {
                name,
                is_file,
                lead,
            } => self.begin(name, is_file, lead),
            Found::Value(bytes) => {
                self.add(bytes)?;
                return Ok(false);
            }
            Found::End(bytes) => {
                self.end_part();
                self.is_complete = true;
                self.push(Kind::Frame, bytes);
            }
        }
        Ok(true)
    }

    fn begin(&mut self, name: String, is_file: bool, lead: Bytes) {
        self.end_part();
        if !is_kept_back(&name) {
            self.push(Kind::Frame, lead);
        }
        if name == MODEL {
            self.pieces.push(Kind::Model, Bytes::new());
        }
        let is_field = !is_file || READ.contains(&name.as_str()) || is_kept_back(&name);
        self.parts.push(Part {
            name,
            is_file,
            length: 0,
            value: if is_field {
                Value::Arriving(BytesMut::new())
            } else {
                Value::Pieces
            },
        });
    }

    fn add(&mut self, bytes: Bytes) -> Result<(), GatewayError> {
        let number = self.parts.len().saturating_sub(1);
        let Some(part) = self.parts.last_mut() else {
            return Ok(());
        };
        part.length += bytes.len();
        match &mut part.value {
            Value::Arriving(_) if part.length > FIELD_BYTES_MAX => {
                let message = format!("Input is longer than {FIELD_BYTES_MAX} bytes");
                return Err(GatewayError::field(
                    &[&part.name],
                    "string_too_long",
                    message,
                ));
            }
            Value::Arriving(value) => value.extend_from_slice(&bytes),
            Value::Whole(_) => {}
            Value::Pieces => self.pieces.push(Kind::Value(number), bytes),
        }
        Ok(())
    }

    /// A field's value goes out when it is whole.
    fn end_part(&mut self) {
        let number = self.parts.len().saturating_sub(1);
        let Some(part) = self.parts.last_mut() else {
            return;
        };
        let Value::Arriving(value) = &mut part.value else {
            return;
        };
        let value = std::mem::take(value).freeze();
        if passes(&part.name) && !value.is_empty() {
            self.pieces.push(Kind::Value(number), value.clone());
        }
        part.value = Value::Whole(value);
    }

    fn push(&mut self, kind: Kind, mut bytes: Bytes) {
        // The first delimiter has no line before it.
        if self.pieces.is_empty() && bytes.starts_with(b"\r\n") {
            let _ = bytes.split_to(2);
        }
        self.pieces.push(kind, bytes);
    }
}

impl Part {
    fn whole(&self) -> Option<&[u8]> {
        match &self.value {
            Value::Whole(value) => Some(value),
            Value::Arriving(_) | Value::Pieces => None,
        }
    }

    fn is_in(&self, name: &str) -> bool {
        self.is_file && self.name.strip_suffix("[]").unwrap_or(&self.name) == name
    }
}

/// Whether a value goes to the provider as it came.
fn passes(name: &str) -> bool {
    name != MODEL && !is_kept_back(name)
}

fn invalid(message: &str) -> GatewayError {
    GatewayError::InvalidBody(vec![problem(&[], "invalid_body", message)])
}

//! A `multipart/form-data` body (RFC 7578): read without copying, forwarded byte-true but for the gateway's own fields.
//!
//! Strict about what a provider could read differently: a field that is named twice, or in a way that needs decoding,
//! is refused, because a rule checked on our reading (`model`) would be evaded by another's.

use std::ops::Range;

use bytes::{Buf, Bytes};
use http::{HeaderMap, HeaderValue, header};
use memchr::memmem;

use crate::dispatch::is_kept_back;
use crate::error::{FieldProblem, GatewayError};
use crate::inbound::Inbound;
use crate::pass::Message;
use crate::request::problem;

/// Far above any API's.
const PARTS_MAX: usize = 128;
/// RFC 2046.
const BOUNDARY_BYTES_MAX: usize = 70;

#[derive(Debug)]
pub(crate) struct Form<'a> {
    content_type: HeaderValue,
    body: &'a [u8],
    parts: Vec<Part<'a>>,
    /// From the last delimiter on.
    end: Range<usize>,
}

#[derive(Debug)]
struct Part<'a> {
    name: &'a str,
    is_file: bool,
    /// With its delimiter.
    whole: Range<usize>,
    value: Range<usize>,
}

impl<'a> Form<'a> {
    pub(crate) fn of(inbound: &'a Inbound) -> Result<Self, GatewayError> {
        let given = inbound.headers.get(header::CONTENT_TYPE);
        let boundary = given.and_then(|given| boundary(given.to_str().ok()?));
        let (Some(content_type), Some(boundary)) = (given, boundary) else {
            let text = "Content-Type must be multipart/form-data with a boundary";
            return Err(invalid(text));
        };
        let broken = || invalid("The form is malformed or ends early");
        let mut form = Self {
            content_type: content_type.clone(),
            body: &inbound.body,
            parts: Vec::new(),
            end: 0..0,
        };
        form.read(&boundary).ok_or_else(broken)?;
        form.check()?;
        Ok(form)
    }

    /// Bytes of a field that is no file.
    pub(crate) fn value(&self, name: &str) -> Option<&'a [u8]> {
        let part = self.parts.iter().find(|part| part.name == name)?;
        self.body.get(part.value.clone())
    }

    pub(crate) fn file(&self, name: &str) -> Option<&'a [u8]> {
        let mut files = self.parts.iter().filter(|part| part.is_file);
        let part = files.find(|part| part.name == name)?;
        self.body.get(part.value.clone())
    }

    /// Files of that name, or in a list of that name.
    pub(crate) fn files(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let parts = self.parts.iter().filter(move |part| {
            part.is_file && part.name.strip_suffix("[]").unwrap_or(part.name) == name
        });
        parts.filter_map(|part| self.body.get(part.value.clone()))
    }

    /// The fields that are for a provider, but for files; those that are no text are left out.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let parts = self.parts.iter();
        let parts = parts.filter(|part| !part.is_file && !is_kept_back(part.name));
        parts.filter_map(|part| {
            let value = self.body.get(part.value.clone())?;
            Some((part.name, std::str::from_utf8(value).ok()?))
        })
    }

    /// A field's text; one that is no text is a problem.
    pub(crate) fn text(&self, name: &str, problems: &mut Vec<FieldProblem>) -> Option<&'a str> {
        let value = std::str::from_utf8(self.value(name)?).ok();
        if value.is_none() {
            let message = "Input should be a valid string";
            problems.push(problem(&[name], "string_type", message));
        }
        value
    }

    /// A text that must be there; blank is as good as missing.
    pub(crate) fn required_text(&self, name: &str, problems: &mut Vec<FieldProblem>) -> &'a str {
        let before = problems.len();
        let text = self.text(name, problems).unwrap_or_default();
        if text.trim().is_empty() && problems.len() == before {
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

    /// The form as a provider gets it.
    pub(crate) fn message(&self, model: &str) -> Message {
        Message {
            operation: None,
            stream: false,
            content_type: self.content_type.clone(),
            headers: HeaderMap::new(),
            body: self.rewritten("model", model, is_kept_back),
        }
    }

    /// The form with `name` set to `value`, and without the fields that `drop` says.
    fn rewritten(&self, name: &str, value: &str, drop: impl Fn(&str) -> bool) -> Bytes {
        let mut out = Vec::with_capacity(self.body.len() + value.len());
        let slice = |range: Range<usize>| self.body.get(range).unwrap_or_default();
        for part in &self.parts {
            if part.name == name {
                out.extend_from_slice(slice(part.whole.start..part.value.start));
                out.extend_from_slice(value.as_bytes());
            } else if !drop(part.name) {
                out.extend_from_slice(slice(part.whole.clone()));
            }
        }
        out.extend_from_slice(slice(self.end.clone()));
        // The first delimiter has no line before it.
        let mut out = Bytes::from(out);
        if out.starts_with(b"\r\n") {
            out.advance(2);
        }
        out
    }

    fn read(&mut self, boundary: &str) -> Option<()> {
        let body: &'a [u8] = self.body;
        let dashes = format!("--{boundary}");
        let delimiter = format!("\r\n{dashes}");
        let finder = memmem::Finder::new(delimiter.as_bytes());
        let find = |from: usize| {
            let at = finder.find(body.get(from..)?)?;
            Some((from + at, from + at + delimiter.len()))
        };
        let (mut start, mut after) = if body.starts_with(dashes.as_bytes()) {
            (0, dashes.len())
        } else {
            find(0)?
        };
        loop {
            let rest = body.get(after..)?;
            if rest.starts_with(b"--") {
                self.end = start..body.len();
                return Some(());
            }
            let padding = rest
                .iter()
                .take_while(|b| matches!(b, b' ' | b'\t'))
                .count();
            rest.get(padding..)?.strip_prefix(b"\r\n")?;
            let head = after + padding;
            // The head's own line break may be that of the delimiter: a part without headers.
            let blank = memmem::find(body.get(head..)?, b"\r\n\r\n")?;
            let value = head + blank + 4;
            // An empty value ends in the line break that ends its head.
            let (end, next) = find(value - 2)?;
            let header = std::str::from_utf8(body.get(head..head + blank)?).ok()?;
            let (name, is_file) = disposition(header)?;
            if self.parts.len() >= PARTS_MAX {
                return None;
            }
            self.parts.push(Part {
                name,
                is_file,
                whole: start..end,
                value: value..end.max(value),
            });
            (start, after) = (end, next);
        }
    }

    fn check(&self) -> Result<(), GatewayError> {
        for (at, part) in self.parts.iter().enumerate() {
            let is_list = part.name.ends_with("[]");
            let earlier = self.parts.get(..at).unwrap_or_default();
            if !is_list && earlier.iter().any(|other| other.name == part.name) {
                let twice = problem(&[part.name], "invalid_body", "Field appears twice");
                return Err(GatewayError::InvalidBody(vec![twice]));
            }
        }
        Ok(())
    }
}

fn boundary(content_type: &str) -> Option<String> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let value = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let is_it = name.trim().eq_ignore_ascii_case("boundary");
        is_it.then(|| value.trim().trim_matches('"'))
    })?;
    (1..=BOUNDARY_BYTES_MAX)
        .contains(&value.len())
        .then(|| value.to_owned())
}

/// The name in a part's headers, and whether it is a file's.
fn disposition(header: &str) -> Option<(&str, bool)> {
    let is_folded = |line: &str| line.contains(['\r', '\n']) || line.starts_with([' ', '\t']);
    if header.split("\r\n").any(is_folded) {
        return None;
    }
    let mut lines = header.split("\r\n").filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_it = name.trim().eq_ignore_ascii_case("content-disposition");
        is_it.then_some(value)
    });
    let (value, None) = (lines.next()?, lines.next()) else {
        return None;
    };
    let (mut name, mut is_file) = (None, false);
    let mut parameters = parameters(value).into_iter();
    if !parameters.next()?.trim().eq_ignore_ascii_case("form-data") {
        return None;
    }
    for parameter in parameters {
        let (key, value) = parameter.split_once('=')?;
        match key.trim().to_ascii_lowercase().as_str() {
            "name" if name.is_some() => return None,
            "name" => name = Some(value.trim().trim_matches('"')),
            "name*" => return None,
            "filename" | "filename*" => is_file = true,
            _ => {}
        }
    }
    let is_plain = |name: &&str| {
        let mut bytes = name.bytes();
        !name.is_empty() && bytes.all(|b| b.is_ascii_alphanumeric() || b"_-.[]".contains(&b))
    };
    Some((name.filter(is_plain)?, is_file))
}

/// Split at semicolons outside quotes.
fn parameters(value: &str) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    value
        .split(|c: char| {
            let ends = c == ';' && !quoted;
            if c == '"' && !escaped {
                quoted = !quoted;
            }
            escaped = c == '\\' && !escaped;
            ends
        })
        .collect()
}

fn invalid(message: &str) -> GatewayError {
    GatewayError::InvalidBody(vec![problem(&[], "invalid_body", message)])
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use otari_types::Timestamp;

    use super::*;
    use crate::inbound::Origin;

    fn inbound(content_type: &'static str, body: &[u8]) -> Inbound {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        Inbound {
            origin: Origin {
                endpoint: "/v1/audio/transcriptions",
                request_id: "".into(),
                started: Instant::now(),
                received_at: Timestamp(0),
                traceparent: None,
            },
            headers,
            body: Bytes::copy_from_slice(body),
            named: None,
            behalf: None,
            underway: crate::in_flight::Underway::default(),
        }
    }

    const TYPE: &str = "multipart/form-data; boundary=\"b\"";
    const BODY: &str = "--b\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\nann\r\n\
        --b\r\ncontent-disposition: form-data; name=model\r\n\r\nmock:whisper\r\n\
        --b\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\n\r\n\
        --b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a; name=\\\"model\\\".wav\"\r\n\
        Content-Type: audio/wav\r\n\r\n\r\n--bRIFF\r\n--b--\r\n";

    #[test]
    fn a_form_is_read_and_forwarded_with_its_own_fields_replaced() {
        // The file holds what only looks like a delimiter's beginning.
        let body = BODY.replace("--bRIFF", "--\0RIFF");
        let inbound = inbound(TYPE, body.as_bytes());
        let form = Form::of(&inbound).unwrap();
        assert_eq!(form.value("model"), Some(&b"mock:whisper"[..]));
        assert_eq!(form.value("prompt"), Some(&b""[..]));
        assert_eq!(form.file("file"), Some(&b"\r\n--\0RIFF"[..]));
        assert_eq!(form.file("model"), None);
        let expected = body.replace("mock:whisper", "whisper-1").replace(
            "--b\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\nann\r\n",
            "",
        );
        let rewritten = form.rewritten("model", "whisper-1", |name| name == "user");
        assert_eq!(String::from_utf8_lossy(&rewritten), expected);
    }

    #[test]
    fn what_could_be_read_differently_is_refused() {
        let part = |head: &str| format!("--b\r\n{head}\r\n\r\nv\r\n--b--\r\n");
        let twice = "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nv\r\n".repeat(2);
        for body in [
            String::new(),
            BODY.to_owned(),
            part("Content-Type: text/plain"),
            part("Content-Disposition: form-data"),
            part("Content-Disposition: attachment; name=\"model\""),
            part("Content-Disposition: form-data; name*=utf-8''model"),
            part("Content-Disposition: form-data; name=\"a\"; name=\"model\""),
            part("Content-Disposition: form-data; name=\"mod%65l\""),
            part(
                "Content-Disposition: form-data; name=\"a\"\r\nContent-Disposition: form-data; name=\"model\"",
            ),
            part(
                "Content-Disposition: form-data; name=\"a\"\nContent-Disposition: form-data; name=\"model\"",
            ),
            part("Content-Disposition: form-data; name=\"a\";\r\n name=\"model\""),
            format!("{twice}--b--\r\n"),
            BODY.replace("--b--", "--c--"),
            part("Content-Disposition: form-data; name=\"a\"")
                .repeat(200)
                .replace("--b--\r\n", ""),
        ] {
            let inbound = inbound(TYPE, body.as_bytes());
            assert!(Form::of(&inbound).is_err(), "{body:?}");
        }
        for content_type in [
            "application/json",
            "multipart/form-data",
            "multipart/form-data; boundary=",
        ] {
            let inbound = inbound(content_type, BODY.replace("--bRIFF", "RIFF").as_bytes());
            assert!(Form::of(&inbound).is_err(), "{content_type}");
        }
    }
}

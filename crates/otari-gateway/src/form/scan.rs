//! Where the parts of a form begin and end, found while it arrives, however it is cut into pieces.
//!
//! Strict about what a provider could read differently: a field that is named twice, or in a way that needs decoding,
//! is refused, because a rule checked on our reading (`model`) would be evaded by another's.

use bytes::{Buf, Bytes};
use memchr::{memmem, memrchr};

use super::disposition::disposition;
use super::invalid;
use crate::error::GatewayError;
use crate::request::problem;

/// Far above any API's.
const PARTS_MAX: usize = 128;
/// Of one part, with its delimiter.
const HEADERS_BYTES_MAX: usize = 16 * 1024;

/// What comes next in a form.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A part begins.
    Part {
        name: String,
        is_file: bool,
        /// Its delimiter, its headers, and the line break after them.
        lead: Bytes,
    },
    /// More of the value of the part that began last.
    Value(Bytes),
    /// The closing delimiter, and what stands behind it.
    End(Bytes),
}

#[derive(Debug)]
pub(super) struct Scanner {
    /// With the line break before it. Its only CR is its first byte.
    delimiter: memmem::Finder<'static>,
    place: Place,
    /// What cannot be told yet.
    rest: Bytes,
    names: Vec<String>,
}

/// What the bytes in hand begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Start,
    Preamble,
    /// A delimiter, so long.
    Delimiter(usize),
    Value,
    Epilogue,
}

enum Head {
    Part {
        name: String,
        is_file: bool,
        /// Where the line break ends that follows the last header.
        end: usize,
    },
    Closing,
}

impl Scanner {
    pub(super) fn new(boundary: &str) -> Self {
        let delimiter = format!("\r\n--{boundary}");
        Self {
            delimiter: memmem::Finder::new(delimiter.as_bytes()).into_owned(),
            place: Place::Start,
            rest: Bytes::new(),
            names: Vec::new(),
        }
    }

    /// Bytes that were taken in and are not told of yet.
    pub(super) fn untold(&self) -> usize {
        self.rest.len()
    }

    /// Adds to `found` what these bytes make certain. An error is the form's end.
    pub(super) fn push(
        &mut self,
        bytes: Bytes,
        found: &mut Vec<Found>,
    ) -> Result<(), GatewayError> {
        let mut data = if self.rest.is_empty() {
            bytes
        } else {
            // Rarely more than a few bytes were left over.
            Bytes::from([self.rest.as_ref(), &bytes].concat())
        };
        while self.step(&mut data, found)? {}
        self.rest = data;
        Ok(())
    }

    /// That a form may end here.
    pub(super) fn finish(&self) -> Result<(), GatewayError> {
        if self.place == Place::Epilogue {
            Ok(())
        } else {
            Err(broken())
        }
    }

    /// `false`: what is left of `data` needs more to be told.
    fn step(&mut self, data: &mut Bytes, found: &mut Vec<Found>) -> Result<bool, GatewayError> {
        let delimiter = self.delimiter.needle();
        match self.place {
            Place::Start => {
                // The first delimiter may have no line before it.
                let dashes = delimiter.get(2..).unwrap_or_default();
                if data.len() < dashes.len() && dashes.starts_with(data) {
                    return Ok(false);
                }
                self.place = if data.starts_with(dashes) {
                    Place::Delimiter(dashes.len())
                } else {
                    Place::Preamble
                };
            }
            Place::Preamble => {
                let (before, is_found) = self.before_delimiter(data);
                data.advance(before);
                if !is_found {
                    return Ok(false);
                }
                self.place = Place::Delimiter(delimiter.len());
            }
            Place::Delimiter(length) => {
                let Some(head) = self.head(data, length)? else {
                    return Ok(false);
                };
                self.place = self.enter(head, data, found)?;
            }
            Place::Value => {
                let (before, is_found) = self.before_delimiter(data);
                if before > 0 {
                    found.push(Found::Value(data.split_to(before)));
                }
                if !is_found {
                    return Ok(false);
                }
                self.place = Place::Delimiter(delimiter.len());
            }
            Place::Epilogue => {
                if !data.is_empty() {
                    found.push(Found::End(std::mem::take(data)));
                }
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// How many bytes stand before a delimiter, or before what may become one; and whether it is one.
    fn before_delimiter(&self, data: &[u8]) -> (usize, bool) {
        if let Some(at) = self.delimiter.find(data) {
            return (at, true);
        }
        let begins = |at: &usize| {
            let tail = data.get(*at..).unwrap_or_default();
            self.delimiter.needle().starts_with(tail)
        };
        let begun = memrchr(b'\r', data).filter(begins);
        (begun.unwrap_or(data.len()), false)
    }

    /// What follows the delimiter at the beginning of `data`; `None` where that needs more.
    fn head(&self, data: &[u8], length: usize) -> Result<Option<Head>, GatewayError> {
        let delimiter = self.delimiter.needle();
        let head = read_head(data, length).ok_or_else(broken)?;
        let complete = head.filter(|head| match head {
            Head::Closing => true,
            // An empty value ends in the line break that ends its head.
            Head::Part { end, .. } => {
                let tail = data.get(end - 2..).unwrap_or_default();
                tail.len() >= delimiter.len() || !delimiter.starts_with(tail)
            }
        });
        let reached = match &complete {
            Some(Head::Part { end, .. }) => *end,
            Some(Head::Closing) => 0,
            None => data.len().saturating_sub(delimiter.len()),
        };
        if reached > HEADERS_BYTES_MAX {
            return Err(broken());
        }
        Ok(complete)
    }

    fn enter(
        &mut self,
        head: Head,
        data: &mut Bytes,
        found: &mut Vec<Found>,
    ) -> Result<Place, GatewayError> {
        let Head::Part { name, is_file, end } = head else {
            return Ok(Place::Epilogue);
        };
        if self.names.len() >= PARTS_MAX {
            return Err(broken());
        }
        if !name.ends_with("[]") && self.names.contains(&name) {
            let twice = problem(&[&name], "invalid_body", "Field appears twice");
            return Err(GatewayError::InvalidBody(vec![twice]));
        }
        self.names.push(name.clone());
        let tail = data.get(end - 2..).unwrap_or_default();
        let is_empty = tail.starts_with(self.delimiter.needle());
        let lead = data.split_to(if is_empty { end - 2 } else { end });
        found.push(Found::Part {
            name,
            is_file,
            lead,
        });
        Ok(Place::Value)
    }
}

/// `None`: it cannot be one. `Some(None)`: there is not enough of it.
fn read_head(data: &[u8], length: usize) -> Option<Option<Head>> {
    let rest = data.get(length..)?;
    if rest.starts_with(b"--") {
        return Some(Some(Head::Closing));
    }
    let blanks = rest.iter().take_while(|b| matches!(b, b' ' | b'\t'));
    let start = length + blanks.count();
    let after = data.get(start..)?;
    if !after.starts_with(b"\r\n") {
        let may_become = b"\r\n".starts_with(after) || rest == b"-";
        return may_become.then_some(None);
    }
    // The head's own line break may be that of the delimiter: a part without headers.
    let Some(blank) = memmem::find(after, b"\r\n\r\n") else {
        return Some(None);
    };
    let header = std::str::from_utf8(after.get(..blank)?).ok()?;
    let (name, is_file) = disposition(header)?;
    Some(Some(Head::Part {
        name: name.to_owned(),
        is_file,
        end: start + blank + 4,
    }))
}

pub(super) fn broken() -> GatewayError {
    invalid("The form is malformed or ends early")
}

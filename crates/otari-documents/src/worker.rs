//! Extraction in a process of its own: the order and the document come in on standard input, what was read goes out
//! on standard output, and the process ends.
//!
//! A message is a big-endian `u32`, the length of a header, the header as JSON, and bytes: the document, up to the end
//! of input, or the drawn pages one after the other.

use std::io::{self, Read, Write};
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

use crate::{Document, DocumentError, Kind, Label, Limits, Segment, extract};

/// The first argument of a worker process.
pub const WORKER_ARGUMENT: &str = "__document-worker";

/// Labels are short, and texts have their own bound; a text of control characters is six times as long in JSON.
const ORDER_BYTES_MAX: usize = 64 * 1024;
const REPLY_BYTES_PER_TEXT_BYTE: usize = 6;
const REPLY_BYTES_BESIDE: usize = 1024 * 1024;

#[derive(Debug, Serialize, Deserialize)]
struct Order {
    label: Label,
    limits: Limits,
}

#[derive(Debug, Serialize, Deserialize)]
enum Reply {
    Read {
        kind: Kind,
        pages: Option<usize>,
        truncated: bool,
        segments: Vec<Part>,
    },
    Refused(DocumentError),
}

#[derive(Debug, Serialize, Deserialize)]
enum Part {
    Text(String),
    /// So many of the bytes that follow the header.
    Page {
        number: usize,
        bytes: usize,
    },
}

/// A worker's answer that cannot be understood: it went bad.
#[derive(Debug, thiserror::Error)]
#[error("a document worker's answer is no answer")]
pub struct Garbled;

/// What stands before the document.
pub fn order(label: &Label, limits: &Limits) -> Vec<u8> {
    let order = Order {
        label: label.clone(),
        limits: *limits,
    };
    message(&order)
}

/// The most bytes an answer has.
pub fn reply_bytes_max(limits: &Limits) -> usize {
    let side = usize::from(limits.picture_side);
    limits
        .text_bytes
        .saturating_mul(REPLY_BYTES_PER_TEXT_BYTE)
        .saturating_add(side.saturating_mul(side).saturating_mul(limits.pictures))
        .saturating_add(REPLY_BYTES_BESIDE)
}

/// Reads what a worker wrote.
pub fn reply(bytes: &[u8]) -> Result<Result<Document, DocumentError>, Garbled> {
    let (header, mut rest) = split(bytes).ok_or(Garbled)?;
    let (kind, pages, truncated, parts) = match serde_json::from_slice(header) {
        Ok(Reply::Read {
            kind,
            pages,
            truncated,
            segments,
        }) => (kind, pages, truncated, segments),
        Ok(Reply::Refused(error)) => return Ok(Err(error)),
        Err(_) => return Err(Garbled),
    };
    let mut segments = Vec::with_capacity(parts.len().min(bytes.len()));
    for part in parts {
        segments.push(match part {
            Part::Text(text) => Segment::Text(text),
            Part::Page { number, bytes } => {
                let (jpeg, after) = rest.split_at_checked(bytes).ok_or(Garbled)?;
                rest = after;
                Segment::Page {
                    number,
                    jpeg: jpeg.to_vec(),
                }
            }
        });
    }
    Ok(Ok(Document {
        kind,
        segments,
        pages,
        truncated,
    }))
}

/// Does one order. Call it before anything else in `main`, confined.
pub fn run() -> ExitCode {
    match serve(&mut io::stdin().lock(), &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "document worker: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(input: &mut impl Read, output: &mut impl Write) -> io::Result<()> {
    let mut length = [0; 4];
    input.read_exact(&mut length)?;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > ORDER_BYTES_MAX {
        return Err(io::Error::other("an order over its bound"));
    }
    let mut header = vec![0; length];
    input.read_exact(&mut header)?;
    let order: Order = serde_json::from_slice(&header)?;
    let mut bytes = Vec::new();
    let most = order.limits.input_bytes as u64;
    input.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    let extracted = extract(&bytes, &order.label, &order.limits);
    drop(bytes);
    let (reply, pages) = told(extracted);
    output.write_all(&message(&reply))?;
    for page in pages {
        output.write_all(&page)?;
    }
    output.flush()
}

fn told(extracted: Result<Document, DocumentError>) -> (Reply, Vec<Vec<u8>>) {
    let document = match extracted {
        Ok(document) => document,
        Err(error) => return (Reply::Refused(error), Vec::new()),
    };
    let mut pages = Vec::new();
    let mut segments = Vec::with_capacity(document.segments.len());
    for segment in document.segments {
        segments.push(match segment {
            Segment::Text(text) => Part::Text(text),
            Segment::Page { number, jpeg } => {
                let bytes = jpeg.len();
                pages.push(jpeg);
                Part::Page { number, bytes }
            }
        });
    }
    let reply = Reply::Read {
        kind: document.kind,
        pages: document.pages,
        truncated: document.truncated,
        segments,
    };
    (reply, pages)
}

fn message(header: &impl Serialize) -> Vec<u8> {
    // Strings and numbers: they are always written.
    let header = serde_json::to_vec(header).unwrap_or_default();
    let length = u32::try_from(header.len()).unwrap_or(u32::MAX);
    let mut message = length.to_be_bytes().to_vec();
    message.extend(header);
    message
}

fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    rest.split_at_checked(length)
}

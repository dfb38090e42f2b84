//! Files to compare with. `OTARI_GOLDEN=write` rewrites them; the diff is the review.

use std::fs;
use std::path::{Path, PathBuf};

use otari_translate::{Surface, Wire};
use otari_wire::eventstream::write_frame;

pub(crate) const SURFACES: [(&str, Surface); 5] = [
    ("chat", Surface::Chat),
    ("messages", Surface::Messages),
    ("responses", Surface::Responses),
    ("completions", Surface::Completions),
    ("gemini", Surface::Gemini),
];

pub(crate) const WIRES: [(&str, Wire); 10] = [
    ("openai_chat", Wire::OpenAiChat),
    ("openai_responses", Wire::OpenAiResponses),
    ("anthropic", Wire::Anthropic),
    ("gemini", Wire::Gemini),
    ("cohere", Wire::Cohere),
    ("bedrock", Wire::Bedrock),
    ("sagemaker", Wire::Sagemaker),
    ("mistral", Wire::Mistral),
    ("ollama", Wire::Ollama),
    ("watsonx", Wire::Watsonx),
];

pub(crate) fn dir(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("golden")
        .join(path)
}

/// The inputs of a folder, by name: files whose stem has no further dot.
pub(crate) fn cases(path: &str, extension: &str) -> Vec<(String, Vec<u8>)> {
    let mut cases = Vec::new();
    for entry in fs::read_dir(dir(path)).unwrap() {
        let file = entry.unwrap().path();
        let stem = file.file_stem().unwrap().to_str().unwrap().to_owned();
        if file.extension().is_some_and(|found| found == extension) && !stem.contains('.') {
            cases.push((stem, fs::read(&file).unwrap()));
        }
    }
    cases.sort();
    assert!(!cases.is_empty(), "no cases in {path}");
    cases
}

/// The recorded streams of a dialect, as bytes. Binary ones are written down as a line for each frame: the event's or
/// (after `!`) exception's type, and its payload.
pub(crate) fn streams(name: &str, wire: Wire) -> Vec<(String, Vec<u8>)> {
    let folder = format!("streams/{name}");
    match wire {
        Wire::Bedrock => cases(&folder, "frames")
            .into_iter()
            .map(|(case, lines)| (case, frames(&String::from_utf8(lines).unwrap())))
            .collect(),
        Wire::Sagemaker => cases(&folder, "sse")
            .into_iter()
            .map(|(case, bytes)| (case, payload_parts(&bytes)))
            .collect(),
        Wire::Ollama => cases(&folder, "ndjson"),
        _ => cases(&folder, "sse"),
    }
}

/// Payloads end anywhere, also inside a letter.
fn payload_parts(bytes: &[u8]) -> Vec<u8> {
    let headers = [(":event-type", "PayloadPart"), (":message-type", "event")];
    let parts = bytes.chunks(37).map(|part| write_frame(&headers, part));
    parts.flatten().collect()
}

fn frames(lines: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in lines.lines() {
        let (kind, payload) = line.split_once(' ').unwrap();
        let content = (":content-type", "application/json");
        let frame = match kind.strip_prefix('!') {
            Some(kind) => [
                (":exception-type", kind),
                content,
                (":message-type", "exception"),
            ],
            None => [(":event-type", kind), content, (":message-type", "event")],
        };
        bytes.extend(write_frame(&frame, payload.as_bytes()));
    }
    bytes
}

/// Compares with the golden file; says whether it differs.
pub(crate) fn differs(file: &Path, actual: &str) -> bool {
    #[expect(
        clippy::disallowed_methods,
        reason = "a switch of the test itself, not of the gateway"
    )]
    let write = std::env::var("OTARI_GOLDEN").is_ok_and(|value| value == "write");
    if write {
        fs::write(file, actual).unwrap();
        return false;
    }
    let expected = fs::read_to_string(file).unwrap_or_default();
    if expected != actual {
        eprintln!(
            "--- {}\nexpected:\n{expected}\nactual:\n{actual}",
            file.display()
        );
    }
    expected != actual
}

//! OpenAI's answer.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use otari_wire::members::write_json_string;

use super::{Embedded, Encoding};

/// Renders the answer; `model` as the client named it. Tokens that no provider told are 0.
///
/// Written straight into the buffer: a batch of long vectors makes megabytes.
pub fn render(encoding: Encoding, model: &str, embedded: &Embedded) -> Vec<u8> {
    let numbers: usize = embedded.vectors.iter().map(Vec::len).sum();
    let mut out = Vec::with_capacity(128 + numbers * 12);
    out.extend_from_slice(br#"{"object":"list","data":["#);
    for (index, vector) in embedded.vectors.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(br#"{"object":"embedding","index":"#);
        out.extend_from_slice(index.to_string().as_bytes());
        out.extend_from_slice(br#","embedding":"#);
        match encoding {
            Encoding::Float => floats(vector, &mut out),
            Encoding::Base64 => base64(vector, &mut out),
        }
        out.push(b'}');
    }
    out.extend_from_slice(br#"],"model":"#);
    write_json_string(&mut out, model);
    let tokens = embedded.input_tokens.unwrap_or(0);
    let usage = format!(r#","usage":{{"prompt_tokens":{tokens},"total_tokens":{tokens}}}}}"#);
    out.extend_from_slice(usage.as_bytes());
    out
}

fn floats(vector: &[f32], out: &mut Vec<u8>) {
    out.push(b'[');
    for (at, number) in vector.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        if number.is_finite() {
            // The shortest digits that read back as the same 32-bit number; writing to memory cannot fail.
            let _ = write!(out, "{number}");
        } else {
            out.extend_from_slice(b"null");
        }
    }
    out.push(b']');
}

fn base64(vector: &[f32], out: &mut Vec<u8>) {
    let bytes: Vec<u8> = vector
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect();
    out.push(b'"');
    out.extend_from_slice(STANDARD.encode(bytes).as_bytes());
    out.push(b'"');
}

//! Vectors of texts, as JSON lines of `{"row", "label", "vector"}` for JSON lines of `{"text", "label"}`: what the head
//! is trained on. `embed DATA_DIR < train.jsonl`

use std::io::{BufRead as _, Write as _, stdin, stdout};
use std::path::Path;

use otari_encoder::{Encoder, installed};
use serde_json::{Value, json};

/// Of a text without an attack every window is without one; of an attack the first is read.
const WINDOWS_MAX: usize = 3;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let data_dir = std::env::args().nth(1).ok_or("which data directory?")?;
    let folder = installed(Path::new(&data_dir)).ok_or("the encoder is not installed there")?;
    let encoder = Encoder::open(&folder)?;
    let mut out = stdout().lock();
    for (row, line) in stdin().lock().lines().enumerate() {
        let line: Value = serde_json::from_str(&line?)?;
        let text = line.get("text").and_then(Value::as_str).unwrap_or_default();
        let label = line.get("label").and_then(Value::as_bool).unwrap_or_default();
        for window in encoder.windows(text, if label { 1 } else { WINDOWS_MAX }) {
            let told = json!({"row": row, "label": label, "vector": encoder.embed(&window)});
            writeln!(out, "{told}")?;
        }
    }
    Ok(())
}

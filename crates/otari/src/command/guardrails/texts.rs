//! Texts with labels, as JSON lines.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};
use serde::Deserialize;
use serde_json::Value;

const WITH: [&str; 8] = [
    "attack",
    "injection",
    "jailbreak",
    "malicious",
    "pii",
    "positive",
    "secret",
    "unsafe",
];
const WITHOUT: [&str; 7] = [
    "benign",
    "clean",
    "harmless",
    "legitimate",
    "negative",
    "none",
    "safe",
];

/// A text, and whether there is something to find in it.
pub(super) struct Labelled {
    /// `file:line`
    pub(super) place: String,
    pub(super) text: String,
    pub(super) label: bool,
}

#[derive(Deserialize)]
struct Line {
    text: String,
    label: Value,
}

/// All lines but empty ones, or what is wrong with the first bad one.
pub(super) fn read(file: &Path) -> anyhow::Result<Vec<Labelled>> {
    let content = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let mut texts = Vec::new();
    for (number, line) in content.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let place = format!("{}:{}", file.display(), number + 1);
        let line: Line = serde_json::from_str(line)
            .with_context(|| format!(r#"{place} is not {{"text": "…", "label": true}}"#))?;
        let Some(label) = meant(&line.label) else {
            bail!(
                "{place}: the label {} is not known; use true or false, 1 or 0, or one of {}, {}",
                line.label,
                WITH.join(", "),
                WITHOUT.join(", ")
            );
        };
        texts.push(Labelled {
            place,
            text: line.text,
            label,
        });
    }
    if texts.is_empty() {
        bail!("{} has no texts", file.display());
    }
    Ok(texts)
}

fn meant(label: &Value) -> Option<bool> {
    match label {
        Value::Bool(label) => Some(*label),
        Value::Number(number) => match number.as_u64()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        },
        Value::String(word) => {
            let word = word.to_lowercase();
            let word = word.as_str();
            (WITH.contains(&word) || WITHOUT.contains(&word)).then(|| WITH.contains(&word))
        }
        _ => None,
    }
}

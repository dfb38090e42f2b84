//! A model of the right shape that has learned nothing, for tests: every number follows from its place.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, json};

use crate::asset::{self, MODEL, VOCABULARY};

/// Numbers that the tokenizer counts on come before.
const WORDS: [&str; 6] = ["ignore", "##d", "all", "instructions", "hello", "!"];
const FIRST_WORD: usize = 200;
const POSITIONS: usize = 128;

/// Puts it where an installed one would be.
pub fn install(data_dir: &Path) -> io::Result<PathBuf> {
    let folder = asset::folder(data_dir);
    fs::create_dir_all(&folder)?;
    let framing = (0..FIRST_WORD).map(|number| format!("[{number}]"));
    let words: Vec<String> = framing
        .chain(WORDS.iter().map(|word| (*word).to_owned()))
        .collect();
    fs::write(folder.join(VOCABULARY), words.join("\n"))?;
    let (mut header, mut data) = (Map::new(), Vec::new());
    for (tensor, (name, shape)) in tensors(words.len()).into_iter().enumerate() {
        let begin = data.len();
        let centre = if name.ends_with("LayerNorm.weight") {
            1.0
        } else {
            0.0
        };
        for place in 0..shape.iter().product::<usize>() {
            data.extend((centre + number(tensor, place)).to_le_bytes());
        }
        let told = json!({"dtype": "F32", "shape": shape, "data_offsets": [begin, data.len()]});
        header.insert(name, told);
    }
    let header = serde_json::to_vec(&header)?;
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header);
    file.extend(data);
    fs::write(folder.join(MODEL), file)?;
    Ok(folder)
}

/// Between -0.05 and 0.05.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the low half is what is wanted"
)]
fn number(tensor: usize, place: usize) -> f32 {
    let mixed = (place + 7919 * tensor).wrapping_mul(2_654_435_761) as u32;
    ((f64::from(mixed) / 4_294_967_296.0 - 0.5) * 0.1) as f32
}

fn tensors(words: usize) -> Vec<(String, Vec<usize>)> {
    let mut tensors = vec![
        (
            "embeddings.word_embeddings.weight".to_owned(),
            vec![words, 384],
        ),
        (
            "embeddings.position_embeddings.weight".to_owned(),
            vec![POSITIONS, 384],
        ),
        (
            "embeddings.token_type_embeddings.weight".to_owned(),
            vec![2, 384],
        ),
        ("embeddings.LayerNorm.weight".to_owned(), vec![384]),
        ("embeddings.LayerNorm.bias".to_owned(), vec![384]),
    ];
    for layer in 0..6 {
        for (name, to, from) in [
            ("attention.self.query", 384, 384),
            ("attention.self.key", 384, 384),
            ("attention.self.value", 384, 384),
            ("attention.output.dense", 384, 384),
            ("intermediate.dense", 1536, 384),
            ("output.dense", 384, 1536),
        ] {
            tensors.push((
                format!("encoder.layer.{layer}.{name}.weight"),
                vec![to, from],
            ));
            tensors.push((format!("encoder.layer.{layer}.{name}.bias"), vec![to]));
        }
        for name in ["attention.output", "output"] {
            for part in ["weight", "bias"] {
                let name = format!("encoder.layer.{layer}.{name}.LayerNorm.{part}");
                tensors.push((name, vec![384]));
            }
        }
    }
    tensors
}

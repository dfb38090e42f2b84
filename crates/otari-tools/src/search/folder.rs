//! Search in a folder of texts on this machine: a small library, or a trial without any service.
//!
//! Read anew for each search, so what changes is found at once; ranked by BM25.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::query::{SearchHit, SearchQuery};

const FILES_MAX: usize = 5_000;
const FILE_BYTES_MAX: u64 = 1 << 20;
const DEPTH_MAX: usize = 8;
const ENDINGS: &[&str] = &[
    "md", "markdown", "txt", "text", "rst", "adoc", "org", "html", "htm",
];
const SNIPPET_CHARS: usize = 300;
/// BM25's usual constants: how soon repetition stops counting, and how much length does.
const SATURATION: f64 = 1.2;
const LENGTH_WEIGHT: f64 = 0.75;

/// A file as it is ranked.
struct Document {
    /// Below the folder.
    path: String,
    text: String,
    /// How often each searched word stands in it.
    counts: HashMap<String, usize>,
    words: usize,
}

/// The best files, each with the paragraphs that fit. `None`: there is no such folder.
pub(super) fn search(folder: &Path, query: &SearchQuery) -> Option<Vec<SearchHit>> {
    let wanted: HashSet<String> = words(&query.text).collect();
    let documents: Vec<Document> = files(folder)?
        .into_iter()
        .filter_map(|path| Document::read(folder, &path, &wanted))
        .collect();
    let total: usize = documents.iter().map(|document| document.words).sum();
    let average = real(total) / real(documents.len().max(1));
    let mut ranked: Vec<(f64, &Document)> = documents
        .iter()
        .map(|document| (score(document, &documents, &wanted, average), document))
        .filter(|(score, _)| *score > 0.0)
        .collect();
    ranked.sort_by(|(a, first), (b, second)| b.total_cmp(a).then(first.path.cmp(&second.path)));
    let best = ranked.into_iter().take(query.count());
    Some(best.map(|(_, document)| document.hit(&wanted)).collect())
}

/// Every text below the folder, in a stable order. Links are not followed: they lead out of it.
fn files(folder: &Path) -> Option<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![(folder.to_owned(), 0)];
    fs::read_dir(folder).ok()?;
    while let Some((folder, depth)) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries.flatten() {
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            if kind.is_dir() && depth < DEPTH_MAX {
                folders.push((entry.path(), depth + 1));
            } else if kind.is_file() && is_text(&entry.path()) {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    found.truncate(FILES_MAX);
    Some(found)
}

fn is_text(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| {
        ENDINGS
            .iter()
            .any(|known| ending.eq_ignore_ascii_case(known))
    })
}

impl Document {
    fn read(folder: &Path, path: &Path, wanted: &HashSet<String>) -> Option<Self> {
        if fs::metadata(path).ok()?.len() > FILE_BYTES_MAX {
            return None;
        }
        let text = fs::read_to_string(path).ok()?;
        let mut counts = HashMap::new();
        let mut count = 0;
        for word in words(&text) {
            count += 1;
            if wanted.contains(&word) {
                *counts.entry(word).or_insert(0) += 1;
            }
        }
        Some(Self {
            path: path
                .strip_prefix(folder)
                .ok()?
                .to_string_lossy()
                .into_owned(),
            text,
            counts,
            words: count,
        })
    }

    fn hit(&self, wanted: &HashSet<String>) -> SearchHit {
        let fits = |paragraph: &&str| words(paragraph).any(|word| wanted.contains(&word));
        let fitting: Vec<&str> = self
            .text
            .split("\n\n")
            .map(str::trim)
            .filter(fits)
            .collect();
        let content = fitting.join("\n\n");
        SearchHit {
            url: self.path.clone(),
            title: self.title(),
            snippet: content.chars().take(SNIPPET_CHARS).collect(),
            published: None,
            content: Some(content),
        }
    }

    /// The first line that says something.
    fn title(&self) -> String {
        let mut lines = self
            .text
            .lines()
            .map(|line| line.trim_matches(['#', '=', ' ', '\t']));
        let first = lines.find(|line| !line.is_empty()).unwrap_or(&self.path);
        first.chars().take(SNIPPET_CHARS).collect()
    }
}

/// BM25.
fn score(document: &Document, all: &[Document], wanted: &HashSet<String>, average: f64) -> f64 {
    let length = real(document.words) / average.max(1.0);
    let of_word = |word: &String| {
        let count = real(document.counts.get(word).copied().unwrap_or(0));
        let with = all.iter().filter(|other| other.counts.contains_key(word));
        let with = real(with.count());
        let rarity = (1.0 + (real(all.len()) - with + 0.5) / (with + 0.5)).ln();
        let damped = count + SATURATION * (1.0 - LENGTH_WEIGHT + LENGTH_WEIGHT * length);
        rarity * count * (SATURATION + 1.0) / damped
    };
    wanted.iter().map(of_word).sum()
}

fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    let words = text.split(|c: char| !c.is_alphanumeric());
    words.filter(|word| !word.is_empty()).map(str::to_lowercase)
}

/// Counts are far below where a float loses some.
#[expect(clippy::cast_precision_loss, reason = "counts of words and files")]
fn real(count: usize) -> f64 {
    count as f64
}

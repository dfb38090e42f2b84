//! The operator's own patterns and words.

use regex::{Regex, RegexSet};

use super::Finding;

/// What is denied, compiled.
#[derive(Clone, Debug)]
pub(crate) struct Patterns {
    any: RegexSet,
    each: Vec<Regex>,
}

impl Patterns {
    /// `patterns` are regular expressions; `deny` are words and phrases, whole and in any case.
    pub(crate) fn new(patterns: &[String], deny: &[String]) -> Result<Self, regex::Error> {
        let words = deny.iter().map(|word| word_pattern(word));
        let all: Vec<String> = patterns.iter().cloned().chain(words).collect();
        let each = all.iter().map(|pattern| Regex::new(pattern));
        Ok(Self {
            any: RegexSet::new(&all)?,
            each: each.collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn find(&self, text: &str) -> Vec<Finding> {
        let matched = self.any.matches(text);
        let matching = matched.iter().filter_map(|index| self.each.get(index));
        let spans = matching.flat_map(|pattern| pattern.find_iter(text));
        spans
            .filter(|at| !at.is_empty())
            .map(|at| Finding {
                kind: "denied",
                span: at.range(),
                score: 1.0,
            })
            .collect()
    }
}

/// A word ends where its own last character does: `c++` has no border after it.
fn word_pattern(word: &str) -> String {
    let words: Vec<String> = word.split_whitespace().map(regex::escape).collect();
    let border = |c: Option<char>| {
        if c.is_some_and(char::is_alphanumeric) {
            r"\b"
        } else {
            ""
        }
    };
    let trimmed = word.trim();
    format!(
        "(?i){}{}{}",
        border(trimmed.chars().next()),
        words.join(r"\s+"),
        border(trimmed.chars().next_back())
    )
}

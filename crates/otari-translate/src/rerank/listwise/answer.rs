//! Scores from what a chat model wrote: leniently in form, strictly in substance.

use std::ops::Range;

use serde_json::{Map, Value};

use crate::rerank::Scored;

/// Where a JSON value may begin, at most.
const STARTS_MAX: usize = 64;
/// What models call the list, though they were told.
const LISTS: [&str; 5] = ["scores", "results", "ranking", "documents", "data"];
const NUMBERS: [&str; 4] = ["index", "id", "document", "number"];
const SCORES: [&str; 3] = ["score", "relevance_score", "relevance"];

/// The scores of the documents of one window, or `None` where the text has not exactly one between 0 and 1 for each.
/// Words and fences around the JSON are passed over.
pub fn scores(text: &str, documents: Range<usize>) -> Option<Vec<Scored>> {
    let starts = text.match_indices(['{', '[']).take(STARTS_MAX);
    starts
        .filter_map(|(at, _)| {
            let rest = text.get(at..)?;
            let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
            values.next()?.ok()
        })
        .find_map(|value| checked(listed(&value)?, documents.clone()))
}

/// Numbers of documents and their scores, in whatever form.
fn listed(value: &Value) -> Option<Vec<(Option<usize>, f64)>> {
    match value {
        Value::Array(items) => items.iter().map(entry).collect(),
        Value::Object(members) => match LISTS.iter().find_map(|name| members.get(*name)) {
            Some(inner @ Value::Array(_)) => listed(inner),
            Some(Value::Object(inner)) => by_number(inner),
            _ => by_number(members),
        },
        _ => None,
    }
}

fn entry(item: &Value) -> Option<(Option<usize>, f64)> {
    let Value::Object(members) = item else {
        // A bare list is in the order of the documents.
        return Some((None, number(item)?));
    };
    let index = NUMBERS.iter().find_map(|name| members.get(*name))?;
    let score = SCORES.iter().find_map(|name| members.get(*name))?;
    Some((Some(whole(index)?), number(score)?))
}

fn by_number(members: &Map<String, Value>) -> Option<Vec<(Option<usize>, f64)>> {
    members
        .iter()
        .map(|(name, score)| Some((Some(name.parse().ok()?), number(score)?)))
        .collect()
}

fn whole(value: &Value) -> Option<usize> {
    match value {
        Value::Number(number) => usize::try_from(number.as_u64()?).ok(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn checked(entries: Vec<(Option<usize>, f64)>, documents: Range<usize>) -> Option<Vec<Scored>> {
    if entries.len() != documents.len() {
        return None;
    }
    let mut seen = vec![false; documents.len()];
    entries
        .into_iter()
        .enumerate()
        .map(|(place, (index, score))| {
            let index = index.unwrap_or(documents.start + place);
            let seen = seen.get_mut(index.checked_sub(documents.start)?)?;
            let is_new = !std::mem::replace(seen, true);
            (is_new && (0.0..=1.0).contains(&score)).then_some(Scored { index, score })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Vec<(usize, f64)>> {
        let scores = scores(text, 3..5)?;
        Some(scores.iter().map(|s| (s.index, s.score)).collect())
    }

    #[test]
    fn form_is_forgiven() {
        for text in [
            r#"{"scores": [{"index": 3, "score": 0.5}, {"index": 4, "score": 1}]}"#,
            "```json\n{\"scores\": [{\"index\": 3, \"score\": 0.5}, {\"index\": 4, \"score\": 1.0}]}\n```",
            "Document [3] is so-so {indeed}.\n[{\"index\":\"3\",\"score\":\"0.5\"},{\"id\":4,\"relevance_score\":1}] Done.",
            r#"{"results": {"3": 0.5, "4": 1}}"#,
            r#"{"3": 0.5, "4": 1}"#,
            r#"{"scores": [0.5, 1]}"#,
        ] {
            assert_eq!(read(text), Some(vec![(3, 0.5), (4, 1.0)]), "{text}");
        }
    }

    #[test]
    fn substance_is_not() {
        for text in [
            "",
            "Document 4 is the best one.",
            r#"{"scores": []}"#,
            // One is missing, one is named twice, one there is not.
            r#"{"scores": [{"index": 3, "score": 0.5}]}"#,
            r#"{"scores": [{"index": 3, "score": 0.5}, {"index": 3, "score": 1}]}"#,
            r#"{"scores": [{"index": 0, "score": 0.5}, {"index": 4, "score": 1}]}"#,
            // Another scale, or none.
            r#"{"scores": [{"index": 3, "score": 50}, {"index": 4, "score": 100}]}"#,
            r#"{"scores": [{"index": 3, "score": -0.1}, {"index": 4, "score": 1}]}"#,
            r#"{"scores": [{"index": 3, "score": "NaN"}, {"index": 4, "score": 1}]}"#,
            r#"{"scores": [{"index": 3, "score": null}, {"index": 4, "score": 1}]}"#,
            r#"{"scores": [{"index": 3, "score": 0.5}, {"index": 4, "sc"#,
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}

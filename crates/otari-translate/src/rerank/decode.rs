//! Scores from an answer, whatever its members are called.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::error::DecodeError;
use crate::json::Raw;

use super::{Ranked, Request, Scored};

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(default)]
    id: Option<Value>,
    /// Voyage and Fireworks say `data`.
    #[serde(default, alias = "data")]
    results: Option<Vec<Entry>>,
    #[serde(default)]
    scores: Option<Vec<f64>>,
    #[serde(borrow, default)]
    meta: Option<&'a RawValue>,
    #[serde(default)]
    usage: Option<Value>,
    #[serde(default, alias = "input_tokens")]
    input_token_count: Option<i64>,
}

#[derive(Deserialize)]
struct Entry {
    index: usize,
    #[serde(alias = "score", alias = "relevanceScore")]
    relevance_score: f64,
}

/// Reads an answer to `request`. One that names a document twice, or one that there is not, is malformed.
pub fn decode(request: &Request, body: &[u8]) -> Result<Ranked, DecodeError> {
    let malformed = || DecodeError::Malformed {
        what: "rerank answer",
    };
    let answer: Answer<'_> = match serde_json::from_slice(body) {
        Ok(answer) => answer,
        // Text Embeddings Inference answers the bare list.
        Err(_) => bare(body).ok_or_else(malformed)?,
    };
    let mut results: Vec<Scored> = match (answer.results, answer.scores) {
        (Some(entries), _) => entries.iter().map(Entry::scored).collect(),
        (None, Some(scores)) if scores.len() == request.documents.len() => scores
            .into_iter()
            .enumerate()
            .map(|(index, score)| Scored { index, score })
            .collect(),
        _ => return Err(malformed()),
    };
    let mut seen = vec![false; request.documents.len()];
    for scored in &results {
        match seen.get_mut(scored.index) {
            Some(seen) if !*seen => *seen = true,
            _ => return Err(malformed()),
        }
    }
    if results.is_empty() {
        return Err(malformed());
    }
    results.sort_by(|a, b| b.score.total_cmp(&a.score));
    results.truncate(request.top_n.unwrap_or(usize::MAX));
    let meta = answer.meta.filter(|meta| meta.get().starts_with('{'));
    Ok(Ranked {
        id: answer
            .id
            .as_ref()
            .and_then(Value::as_str)
            .map(str::to_owned),
        results,
        total_tokens: tokens(answer.usage.as_ref(), meta).or(answer.input_token_count),
        meta: meta.map(Raw::from),
    })
}

fn bare(body: &[u8]) -> Option<Answer<'_>> {
    Some(Answer {
        id: None,
        results: Some(serde_json::from_slice(body).ok()?),
        scores: None,
        meta: None,
        usage: None,
        input_token_count: None,
    })
}

fn tokens(usage: Option<&Value>, meta: Option<&RawValue>) -> Option<i64> {
    let usage = |name: &str| usage?.get(name)?.as_i64();
    let meta: Option<Value> = meta.and_then(|meta| serde_json::from_str(meta.get()).ok());
    let meta = |path: &str| meta.as_ref()?.pointer(path)?.as_f64();
    let in_meta = || {
        let counted = meta("/tokens/input_tokens")
            .or_else(|| meta("/billed_units/input_tokens"))
            .or_else(|| meta("/billed_units/total_tokens"))?;
        // Cohere writes counts as floats.
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a count of tokens, far below 2^53; `as` saturates"
        )]
        Some(counted as i64)
    };
    usage("total_tokens")
        .or_else(|| usage("prompt_tokens"))
        .or_else(in_meta)
}

impl Entry {
    fn scored(&self) -> Scored {
        Scored {
            index: self.index,
            score: self.relevance_score,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(documents: usize, top_n: Option<usize>) -> Request {
        Request {
            query: "q".to_owned(),
            documents: vec!["d".to_owned(); documents],
            top_n,
            ..Request::default()
        }
    }

    type Seen = (Vec<(usize, f64)>, Option<i64>);

    fn read(body: &str) -> Option<Seen> {
        let ranked = decode(&request(3, None), body.as_bytes()).ok()?;
        let results = ranked.results.iter().map(|r| (r.index, r.score));
        Some((results.collect(), ranked.total_tokens))
    }

    #[test]
    fn every_shape_is_read_and_sorted() {
        let expected = vec![(2, 0.9), (0, 0.5)];
        for (body, tokens) in [
            (
                r#"{"id":"r","results":[{"index":0,"relevance_score":0.5},{"index":2,"relevance_score":0.9}],"meta":{"billed_units":{"search_units":1}}}"#,
                None,
            ),
            (
                r#"{"results":[{"index":2,"relevance_score":0.9,"document":{"text":"d"}},{"index":0,"relevance_score":0.5}],"usage":{"total_tokens":7}}"#,
                Some(7),
            ),
            (
                r#"{"object":"list","data":[{"index":2,"relevance_score":0.9},{"index":0,"relevance_score":0.5}],"usage":{"total_tokens":8}}"#,
                Some(8),
            ),
            (
                r#"{"results":[{"index":0,"relevanceScore":0.5},{"index":2,"relevanceScore":0.9}]}"#,
                None,
            ),
            (
                r#"{"model_id":"m","results":[{"index":2,"score":0.9},{"index":0,"score":0.5}],"input_token_count":9}"#,
                Some(9),
            ),
            (r#"[{"index":2,"score":0.9},{"index":0,"score":0.5}]"#, None),
            (
                r#"{"results":[{"index":2,"relevance_score":0.9},{"index":0,"relevance_score":0.5}],"meta":{"tokens":{"input_tokens":4.0}}}"#,
                Some(4),
            ),
        ] {
            assert_eq!(read(body), Some((expected.clone(), tokens)), "{body}");
        }
        let bare = r#"{"scores":[0.5,0.1,0.9],"input_tokens":3}"#;
        let expected = vec![(2, 0.9), (0, 0.5), (1, 0.1)];
        assert_eq!(read(bare), Some((expected, Some(3))));
    }

    #[test]
    fn no_more_than_asked_for() {
        let body = br#"{"scores":[0.5,0.1,0.9]}"#;
        let ranked = decode(&request(3, Some(1)), body).unwrap();
        assert_eq!(
            ranked.results,
            [Scored {
                index: 2,
                score: 0.9
            }]
        );
    }

    #[test]
    fn what_ranks_other_documents_is_no_answer() {
        for body in [
            r#"{"results":[{"index":3,"relevance_score":0.5}]}"#,
            r#"{"results":[{"index":0,"relevance_score":0.5},{"index":0,"relevance_score":0.4}]}"#,
            r#"{"results":[]}"#,
            r#"{"scores":[0.5]}"#,
            "{}",
            "<html>",
        ] {
            assert_eq!(read(body), None, "{body}");
        }
    }
}

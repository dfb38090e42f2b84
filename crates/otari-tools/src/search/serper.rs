//! Serper, which serves Google's results. <https://serper.dev/playground>

use serde_json::Value;

use super::backend::{Outgoing, SearchBackend};
use super::query::{Names, SearchHit, SearchQuery};

const HARMLESS: [&str; 4] = ["hl", "tbs", "location", "page"];

pub(super) fn request(backend: &SearchBackend, query: &SearchQuery) -> Outgoing {
    let mut body = backend.options(query, &HARMLESS);
    body.insert("q".to_owned(), query.with_operators().into());
    body.insert("num".to_owned(), query.count().into());
    if let Some(country) = &query.country {
        body.insert("gl".to_owned(), country.to_ascii_lowercase().into());
    }
    Outgoing {
        url: format!("{}/search", backend.base()),
        headers: backend.key_header("x-api-key", ""),
        body: Some(body.into()),
    }
}

pub(super) fn hits(answer: &Value) -> Option<Vec<SearchHit>> {
    const NAMES: Names = Names {
        url: "link",
        title: "title",
        snippet: "snippet",
        published: &["date"],
        content: "",
    };
    let results = answer.get("organic")?.as_array()?;
    Some(
        results
            .iter()
            .filter_map(|hit| SearchHit::read(hit, &NAMES))
            .collect(),
    )
}

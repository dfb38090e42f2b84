//! Linkup. <https://docs.linkup.so/pages/documentation/api-reference/endpoint/post-search>

use serde_json::{Value, json};

use super::backend::{Outgoing, SearchBackend};
use super::query::{Names, SearchHit, SearchQuery};

const HARMLESS: [&str; 3] = ["depth", "fromDate", "toDate"];

pub(super) fn request(backend: &SearchBackend, query: &SearchQuery) -> Outgoing {
    let mut body = backend.options(query, &HARMLESS);
    body.entry("depth").or_insert_with(|| "standard".into());
    body.insert("q".to_owned(), query.text.as_str().into());
    body.insert("outputType".to_owned(), "searchResults".into());
    body.insert("maxResults".to_owned(), query.count().into());
    let allowed: Vec<&str> = query.domains.allowed_hosts().collect();
    let blocked: Vec<&str> = query.domains.blocked_hosts().collect();
    for (name, hosts) in [("includeDomains", allowed), ("excludeDomains", blocked)] {
        if !hosts.is_empty() {
            body.insert(name.to_owned(), json!(hosts));
        }
    }
    Outgoing {
        url: format!("{}/search", backend.base()),
        headers: backend.key_header("authorization", "Bearer "),
        body: Some(body.into()),
    }
}

/// Pictures come among the texts; they have no content to show.
pub(super) fn hits(answer: &Value) -> Option<Vec<SearchHit>> {
    const NAMES: Names = Names {
        url: "url",
        title: "name",
        snippet: "content",
        published: &[],
        content: "",
    };
    let results = answer.get("results")?.as_array()?;
    let texts = results
        .iter()
        .filter(|hit| hit.get("type").and_then(Value::as_str) != Some("image"));
    Some(
        texts
            .filter_map(|hit| SearchHit::read(hit, &NAMES))
            .collect(),
    )
}

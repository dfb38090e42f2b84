//! Tavily. <https://docs.tavily.com/documentation/api-reference/endpoint/search>

use serde_json::{Value, json};

use super::backend::{Outgoing, SearchBackend};
use super::query::{Names, SearchHit, SearchQuery};

const HARMLESS: [&str; 7] = [
    "topic",
    "time_range",
    "days",
    "start_date",
    "end_date",
    "search_depth",
    "country",
];

pub(super) fn request(backend: &SearchBackend, query: &SearchQuery) -> Outgoing {
    let mut body = backend.options(query, &HARMLESS);
    body.insert("query".to_owned(), query.text.as_str().into());
    body.insert("max_results".to_owned(), query.count().into());
    let allowed: Vec<&str> = query.domains.allowed_hosts().collect();
    let blocked: Vec<&str> = query.domains.blocked_hosts().collect();
    for (name, hosts) in [("include_domains", allowed), ("exclude_domains", blocked)] {
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

pub(super) fn hits(answer: &Value) -> Option<Vec<SearchHit>> {
    const NAMES: Names = Names {
        url: "url",
        title: "title",
        snippet: "content",
        published: &["published_date"],
        content: "raw_content",
    };
    let results = answer.get("results")?.as_array()?;
    Some(
        results
            .iter()
            .filter_map(|hit| SearchHit::read(hit, &NAMES))
            .collect(),
    )
}

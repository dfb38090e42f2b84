//! Brave Search. <https://api-dashboard.search.brave.com/app/documentation/web-search/query>

use http::HeaderValue;
use http::header::ACCEPT;
use serde_json::Value;

use super::backend::{Outgoing, SearchBackend, append_scalars};
use super::query::{Names, SearchHit, SearchQuery};

const HARMLESS: [&str; 6] = [
    "freshness",
    "search_lang",
    "ui_lang",
    "safesearch",
    "time_range",
    "goggles",
];
const RESERVED: [&str; 5] = ["q", "count", "country", "text_decorations", "time_range"];

pub(super) fn request(backend: &SearchBackend, query: &SearchQuery) -> Outgoing {
    let mut url = form_urlencoded::Serializer::new(String::new());
    url.append_pair("q", &query.with_operators())
        .append_pair("count", &query.count().to_string())
        // Otherwise the words found are wrapped in tags.
        .append_pair("text_decorations", "false");
    if let Some(country) = &query.country {
        url.append_pair("country", country);
    }
    let options = backend.options(query, &HARMLESS);
    let freshness = match options.get("time_range").and_then(Value::as_str) {
        Some("day") => Some("pd"),
        Some("week") => Some("pw"),
        Some("month") => Some("pm"),
        Some("year") => Some("py"),
        _ => None,
    };
    if let Some(freshness) = freshness.filter(|_| !options.contains_key("freshness")) {
        url.append_pair("freshness", freshness);
    }
    append_scalars(&mut url, &options, &RESERVED);
    let mut headers = backend.key_header("x-subscription-token", "");
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    Outgoing {
        url: format!("{}/web/search?{}", backend.base(), url.finish()),
        headers,
        body: None,
    }
}

/// Without results `web` is left out.
pub(super) fn hits(answer: &Value) -> Option<Vec<SearchHit>> {
    const NAMES: Names = Names {
        url: "url",
        title: "title",
        snippet: "description",
        published: &["page_age", "age"],
        content: "",
    };
    let Some(web) = answer.get("web") else {
        return answer.get("query").map(|_| Vec::new());
    };
    let results = web.get("results")?.as_array()?;
    Some(
        results
            .iter()
            .filter_map(|hit| SearchHit::read(hit, &NAMES))
            .collect(),
    )
}

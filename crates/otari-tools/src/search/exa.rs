//! Exa. <https://docs.exa.ai/reference/search>

use otari_types::{MoneyError, NanoUsd, Rate};
use serde_json::{Map, Value, json};

use super::backend::{Outgoing, SearchBackend};
use super::query::{Names, SearchHit, SearchQuery};

const HARMLESS: [&str; 6] = [
    "type",
    "category",
    "startPublishedDate",
    "endPublishedDate",
    "startCrawlDate",
    "endCrawlDate",
];
const PAGE_CHARS_DEFAULT: usize = 4096;
const PAGE_CHARS_MAX: usize = 10_000;

pub(super) fn request(backend: &SearchBackend, query: &SearchQuery) -> Outgoing {
    let mut body = backend.options(query, &HARMLESS);
    body.insert("query".to_owned(), query.text.as_str().into());
    body.insert("numResults".to_owned(), query.count().into());
    let allowed: Vec<&str> = query.domains.allowed_hosts().collect();
    let blocked: Vec<&str> = query.domains.blocked_hosts().collect();
    for (name, hosts) in [("includeDomains", allowed), ("excludeDomains", blocked)] {
        if !hosts.is_empty() {
            body.insert(name.to_owned(), json!(hosts));
        }
    }
    if let Some(country) = &query.country {
        body.insert(
            "userLocation".to_owned(),
            country.to_ascii_uppercase().into(),
        );
    }
    let contents = body.entry("contents").or_insert_with(|| Map::new().into());
    if let Some(contents) = contents.as_object_mut() {
        let chars = query.page_chars.unwrap_or(PAGE_CHARS_DEFAULT);
        let wanted = json!({"maxCharacters": chars.clamp(1, PAGE_CHARS_MAX)});
        match contents.get_mut("text") {
            // The operator pays for page text, and may have switched it off.
            Some(Value::Null | Value::Bool(false)) => {}
            Some(pinned) if query.page_chars.is_none() && pinned.is_object() => {}
            Some(pinned) => *pinned = wanted,
            None => {
                contents.insert("text".to_owned(), wanted);
            }
        }
        if contents.get("text").is_some_and(Value::is_null) {
            contents.remove("text");
        }
    }
    Outgoing {
        url: format!("{}/search", backend.base()),
        headers: backend.key_header("x-api-key", ""),
        body: Some(body.into()),
    }
}

pub(super) fn hits(answer: &Value) -> Option<Vec<SearchHit>> {
    const NAMES: Names = Names {
        url: "url",
        title: "title",
        snippet: "summary",
        published: &["publishedDate"],
        content: "text",
    };
    let results = answer.get("results")?.as_array()?;
    let hits = results.iter().filter_map(|result| {
        let mut hit = SearchHit::read(result, &NAMES)?;
        if hit.snippet.is_empty() {
            let highlight = result.pointer("/highlights/0").and_then(Value::as_str);
            highlight.unwrap_or_default().clone_into(&mut hit.snippet);
        }
        Some(hit)
    });
    Some(hits.collect())
}

/// What Exa says the search cost.
pub(super) fn cost(answer: &Value) -> Option<NanoUsd> {
    let total = answer.pointer("/costDollars/total")?;
    // The number's own digits, so that no float comes in between; a sum of floats upstream can have too many of them.
    let text = total.to_string();
    let amount = NanoUsd::parse(&text).or_else(|_| {
        let hundred_millionths = Rate::parse(&text)?;
        Ok::<_, MoneyError>(NanoUsd(hundred_millionths.0.saturating_mul(10)))
    });
    amount.ok().filter(|amount| *amount >= NanoUsd::ZERO)
}

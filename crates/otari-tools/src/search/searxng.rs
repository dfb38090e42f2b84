//! SearXNG's JSON format, and servers that follow it with `extracted_content` added. <https://docs.searxng.org/dev/search_api.html>

use serde_json::Value;

use super::backend::{Outgoing, SearchBackend, append_scalars};
use super::query::{Names, SearchHit, SearchQuery};

const ENGINES: &str = "duckduckgo,mojeek,qwant,wikipedia";
/// Set by us, whatever the options say.
const RESERVED: [&str; 3] = ["q", "format", "engines"];

pub(super) fn request(backend: &SearchBackend, query: &SearchQuery) -> Outgoing {
    let engines = backend.engines.as_deref().unwrap_or(ENGINES);
    let mut url = form_urlencoded::Serializer::new(String::new());
    url.append_pair("q", &query.text)
        .append_pair("format", "json")
        .append_pair("engines", engines);
    let mut options = backend.options.clone();
    options.extend(query.options.clone());
    if let Some(country) = &query.country {
        options.insert("country".to_owned(), country.as_str().into());
    }
    append_scalars(&mut url, &options, &RESERVED);
    Outgoing {
        url: format!("{}/search?{}", backend.base(), url.finish()),
        headers: backend.key_header("x-gateway-token", ""),
        body: None,
    }
}

pub(super) fn hits(answer: &Value) -> Option<Vec<SearchHit>> {
    const NAMES: Names = Names {
        url: "url",
        title: "title",
        snippet: "content",
        published: &["published_date", "publishedDate"],
        content: "extracted_content",
    };
    let results = answer.get("results")?.as_array()?;
    Some(
        results
            .iter()
            .filter_map(|hit| SearchHit::read(hit, &NAMES))
            .collect(),
    )
}

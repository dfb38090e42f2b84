//! The search of a wiki. <https://www.mediawiki.org/wiki/API:Search>, with extracts where the wiki has them.

use http::HeaderValue;
use http::header::USER_AGENT;
use serde_json::Value;

use super::backend::{Outgoing, SearchBackend, append_scalars};
use super::query::{Names, SearchHit, SearchQuery};

/// Wikimedia's policy asks for a name and a way to reach whoever runs it.
const AGENT: &str = concat!(
    "Otari/",
    env!("CARGO_PKG_VERSION"),
    " (https://github.com/otari-rs/otari)"
);

pub(super) fn request(backend: &SearchBackend, query: &SearchQuery) -> Outgoing {
    let count = query.count().to_string();
    let fixed = [
        ("action", "query"),
        ("generator", "search"),
        ("gsrsearch", query.text.as_str()),
        ("gsrlimit", count.as_str()),
        ("prop", "info|extracts"),
        ("inprop", "url"),
        ("exintro", "1"),
        ("explaintext", "1"),
        ("exlimit", "max"),
        ("format", "json"),
        ("formatversion", "2"),
    ];
    let mut url = form_urlencoded::Serializer::new(String::new());
    url.extend_pairs(fixed);
    append_scalars(&mut url, &backend.options, &fixed.map(|(name, _)| name));
    let mut headers = backend.key_header("authorization", "Bearer ");
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    Outgoing {
        url: format!("{}/api.php?{}", backend.base(), url.finish()),
        headers,
        body: None,
    }
}

/// Pages come in the order of their ids, with their rank beside them; without any, `query` is left out.
pub(super) fn hits(answer: &Value) -> Option<Vec<SearchHit>> {
    const NAMES: Names = Names {
        url: "fullurl",
        title: "title",
        snippet: "extract",
        published: &[],
        content: "",
    };
    if answer.get("error").is_some() {
        return None;
    }
    let Some(query) = answer.get("query") else {
        return answer.get("batchcomplete").map(|_| Vec::new());
    };
    let mut pages: Vec<&Value> = query.get("pages")?.as_array()?.iter().collect();
    pages.sort_by_key(|page| page.get("index").and_then(Value::as_i64));
    Some(
        pages
            .into_iter()
            .filter_map(|page| SearchHit::read(page, &NAMES))
            .collect(),
    )
}

//! Results as a model reads them.

use super::query::SearchHit;
use crate::fetch::cut;

/// Of each result's text; reading whole pages is another tool.
pub(super) const BODY_CHARS: usize = 1500;

/// `[1] title (date)`, the URL, the text; an empty line between results.
pub(super) fn render(query: &str, hits: &[SearchHit]) -> String {
    if hits.is_empty() {
        return format!("No results for {query:?}.");
    }
    let blocks = hits.iter().enumerate().map(|(at, hit)| {
        let date = match &hit.published {
            Some(date) => format!(" ({date})"),
            None => String::new(),
        };
        let body = hit.content.as_deref().unwrap_or(&hit.snippet);
        let (body, _) = cut(body, BODY_CHARS);
        let title = if hit.title.is_empty() {
            "Untitled"
        } else {
            &hit.title
        };
        let block = format!("[{}] {title}{date}\n{}\n{body}", at + 1, hit.url);
        block.trim_end().to_owned()
    });
    blocks.collect::<Vec<_>>().join("\n\n")
}

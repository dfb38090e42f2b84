//! From a page to the Markdown of what it is about.

use dom_smoothie::{Config, Readability, TextMode};

use super::simplify::simplify;

/// An article shorter than this is rather a page that is not one: an index, a form, a front page.
const ARTICLE_CHARS_MIN: usize = 200;
const FRAME: [&str; 5] = ["nav", "header", "footer", "aside", "form"];

pub(super) struct Extract {
    pub(super) title: String,
    pub(super) markdown: String,
}

/// Finds the article of a page, or takes the whole page where there is none. Runs for milliseconds: call it where
/// blocking is allowed.
pub(super) fn extract(html: &str, url: &str) -> Extract {
    let html = simplify(html);
    let article = reader(&html, url).and_then(|mut reader| reader.parse().ok());
    let (title, markdown) = match article {
        Some(article) => (article.title, tidy(&article.text_content)),
        None => (String::new(), String::new()),
    };
    if markdown.chars().count() >= ARTICLE_CHARS_MIN {
        return Extract { title, markdown };
    }
    let Some(reader) = reader(&html, url) else {
        return Extract { title, markdown };
    };
    let title = if title.is_empty() {
        reader.get_article_title().to_string()
    } else {
        title
    };
    let whole = reader.doc.select("body");
    whole.select("nav, header, footer, aside").remove();
    let whole = tidy(
        &whole
            .nodes()
            .first()
            .map(|body| body.md(Some(&FRAME)))
            .unwrap_or_default(),
    );
    let markdown = if whole.is_empty() { markdown } else { whole };
    Extract { title, markdown }
}

fn reader(html: &str, url: &str) -> Option<Readability> {
    let config = Config {
        // Scripts are gone, structured data with them.
        disable_json_ld: true,
        text_mode: TextMode::Markdown,
        ..Config::default()
    };
    Readability::new(html, Some(url), Some(config)).ok()
}

/// No trailing blanks, no more than one empty line together.
fn tidy(markdown: &str) -> String {
    let mut out = String::with_capacity(markdown.len());
    let mut empty = 0;
    for line in markdown.lines() {
        let line = line.trim_end();
        if line.is_empty() {
            empty += 1;
            continue;
        }
        if !out.is_empty() {
            out.push_str(if empty > 0 { "\n\n" } else { "\n" });
        }
        empty = 0;
        out.push_str(line);
    }
    out
}

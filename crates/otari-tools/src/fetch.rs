//! One web page, as text a model can read.

mod charset;
mod extract;
mod simplify;

use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue};
use tokio::sync::Semaphore;

use crate::guarded_client::{GuardedClient, HttpError, HttpLimits};

/// Named honestly; the form is the one sites expect.
const AGENT: &str = concat!(
    "Mozilla/5.0 (compatible; Otari/",
    env!("CARGO_PKG_VERSION"),
    "; +https://github.com/otari-rs/otari)"
);
const ACCEPTED: &str = "text/html,application/xhtml+xml,text/plain;q=0.9,text/markdown;q=0.9,application/json;q=0.8,*/*;q=0.1";
/// Pages taken apart at the same time: a burst of hits must not take all memory and all threads.
const EXTRACTORS: usize = 2;

/// Bounds of reading one page.
#[derive(Clone, Copy, Debug)]
pub struct FetchLimits {
    pub http: HttpLimits,
    /// Characters of text handed on.
    pub text_chars: usize,
}

impl Default for FetchLimits {
    fn default() -> Self {
        Self {
            http: HttpLimits {
                first_byte: Duration::from_secs(5),
                idle: Duration::from_secs(5),
                total: Duration::from_secs(10),
                body_bytes: 5 << 20,
                redirects: 5,
            },
            text_chars: 20_000,
        }
    }
}

/// A page that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Where it was found, after redirects.
    pub url: String,
    /// Empty when it has none.
    pub title: String,
    /// Markdown of an HTML page; otherwise the text as it is.
    pub text: String,
    /// There was more.
    pub truncated: bool,
}

impl Page {
    /// As a model reads it: where it was found, its title, its text.
    pub fn shown(&self) -> String {
        let title = if self.title.is_empty() {
            String::new()
        } else {
            format!("# {}\n\n", self.title)
        };
        format!("{}\n\n{title}{}", self.url, self.text)
    }
}

/// Why a page cannot be read. The texts are for the model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("the site answered with status {0}")]
    Status(u16),
    #[error("the content is {0}, which is not text and cannot be read with this tool")]
    NotText(String),
    #[error("the site sent compressed content ({0}), which was not asked for")]
    Compressed(String),
    #[error("the page has no text; it may need a browser that runs scripts")]
    Empty,
}

/// Reads pages through a [`GuardedClient`]. Cheap to clone.
#[derive(Clone, Debug)]
pub struct WebFetch {
    client: GuardedClient,
    limits: FetchLimits,
    extractors: Arc<Semaphore>,
}

impl WebFetch {
    pub fn new(client: GuardedClient, limits: FetchLimits) -> Self {
        Self {
            client,
            limits,
            extractors: Arc::new(Semaphore::new(EXTRACTORS)),
        }
    }

    /// Reads the page at `url`.
    pub async fn read(&self, url: &str) -> Result<Page, FetchError> {
        self.read_up_to(url, self.limits.text_chars).await
    }

    /// Reads the page at `url`, at most so many characters of it.
    pub async fn read_up_to(&self, url: &str, text_chars: usize) -> Result<Page, FetchError> {
        let answer = self
            .client
            .get(url, request_headers(), self.limits.http)
            .await?;
        if !answer.status.is_success() {
            return Err(FetchError::Status(answer.status.as_u16()));
        }
        let header = |name| {
            let value = answer
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok());
            value.unwrap_or_default().trim().to_ascii_lowercase()
        };
        let encoding = header(CONTENT_ENCODING);
        if !encoding.is_empty() && encoding != "identity" {
            return Err(FetchError::Compressed(encoding));
        }
        let content_type = header(CONTENT_TYPE);
        let declared = kind_of(&content_type)?;
        let url = String::from(answer.url);
        let (bytes, whole) = answer.body.collect_some().await?;
        let kind = match declared {
            Some(kind) => kind,
            None => sniff(&bytes)?,
        };
        let text = charset::decode(&bytes, &content_type).into_owned();
        let (title, text) = match kind {
            Kind::Text => (String::new(), text),
            Kind::Html => self.extract(text, url.clone()).await,
        };
        let (text, cut) = cut(&text, text_chars);
        if text.is_empty() {
            return Err(FetchError::Empty);
        }
        Ok(Page {
            url,
            title,
            text,
            truncated: cut || !whole,
        })
    }

    async fn extract(&self, html: String, url: String) -> (String, String) {
        let permit = Arc::clone(&self.extractors).acquire_owned().await;
        let work = tokio::task::spawn_blocking(move || {
            let extract = extract::extract(&html, &url);
            // Held by the work, not by who waits for it: a client that leaves does not make room.
            drop(permit);
            (extract.title, extract.markdown)
        });
        // A panic of the parser is a page that cannot be read.
        work.await.unwrap_or_default()
    }
}

fn request_headers() -> HeaderMap {
    HeaderMap::from_iter([
        (USER_AGENT, HeaderValue::from_static(AGENT)),
        (ACCEPT, HeaderValue::from_static(ACCEPTED)),
        // What is not compressed cannot be a bomb.
        (ACCEPT_ENCODING, HeaderValue::from_static("identity")),
    ])
}

#[derive(Clone, Copy)]
enum Kind {
    Html,
    Text,
}

/// What a content type says; `None` when it says nothing.
fn kind_of(content_type: &str) -> Result<Option<Kind>, FetchError> {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let kind = match essence {
        "" | "application/octet-stream" => return Ok(None),
        "text/html" | "application/xhtml+xml" => Kind::Html,
        "application/json"
        | "application/xml"
        | "application/javascript"
        | "application/yaml"
        | "application/x-yaml"
        | "application/toml"
        | "application/x-ndjson" => Kind::Text,
        text if text.starts_with("text/") || text.ends_with("+json") || text.ends_with("+xml") => {
            Kind::Text
        }
        "application/pdf" => return Err(FetchError::NotText("a PDF document".to_owned())),
        other => {
            let other = other.chars().take(80).collect();
            return Err(FetchError::NotText(other));
        }
    };
    Ok(Some(kind))
}

/// What bytes without a type look like.
fn sniff(bytes: &[u8]) -> Result<Kind, FetchError> {
    let start = bytes.get(..512).unwrap_or(bytes);
    if start.starts_with(b"%PDF-") {
        return Err(FetchError::NotText("a PDF document".to_owned()));
    }
    if start.contains(&0) {
        return Err(FetchError::NotText("binary".to_owned()));
    }
    let start = start.trim_ascii_start().to_ascii_lowercase();
    let html = start.starts_with(b"<!doctype html") || start.starts_with(b"<html");
    Ok(if html { Kind::Html } else { Kind::Text })
}

/// At most `max` characters, cut at the end of a line where one is near; and whether anything was cut.
pub(crate) fn cut(text: &str, max: usize) -> (String, bool) {
    let text = text.trim();
    let Some((end, _)) = text.char_indices().nth(max) else {
        return (text.to_owned(), false);
    };
    let kept = text.get(..end).unwrap_or_default();
    let kept = match kept.rfind('\n') {
        Some(at) if at > end / 5 * 4 => kept.get(..at).unwrap_or_default(),
        _ => kept,
    };
    (format!("{}…", kept.trim_end()), true)
}

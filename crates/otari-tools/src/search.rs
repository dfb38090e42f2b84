//! Web search: one question, any of several services, one form of answer.

mod backend;
mod brave;
mod domain;
mod exa;
mod folder;
mod linkup;
mod mediawiki;
mod query;
mod render;
mod searxng;
mod serper;
mod tavily;

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method};
use otari_types::NanoUsd;
use serde_json::Value;

use crate::fetch::WebFetch;
use crate::guarded_client::{GuardedClient, HttpError, HttpLimits, Sending};

use backend::Outgoing;
pub use backend::{BackendError, SearchBackend, SearchService};
pub use domain::DomainFilter;
pub use query::{SearchHit, SearchQuery};

const ANSWER_BYTES_MAX: usize = 8 << 20;
/// Of a refused request's body, for the operator.
const DETAIL_CHARS: usize = 500;
const PAGES_AT_ONCE: usize = 5;

/// What a search found.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchAnswer {
    pub query: String,
    pub hits: Vec<SearchHit>,
    /// What the service says it charged, if it does.
    pub cost: Option<NanoUsd>,
}

/// Why a search found nothing out. The texts are for the model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SearchError {
    #[error("empty query")]
    EmptyQuery,
    #[error("the search service is not available: {0}")]
    Http(HttpError),
    /// `detail` is the start of the answer, for logs and usage rows only.
    #[error("the search service answered with status {status}")]
    Status { status: u16, detail: String },
    #[error("the search service did not answer with search results")]
    Malformed,
    #[error("the folder to search is not there")]
    NoFolder,
    #[error("web search is not set up: {0}")]
    Backend(#[from] BackendError),
}

/// A search service, ready to be asked.
#[derive(Clone, Debug)]
pub struct WebSearch {
    client: GuardedClient,
    backend: SearchBackend,
    fetch: Option<WebFetch>,
}

impl WebSearch {
    /// `client` must be allowed to reach the operator's addresses; `fetch`, which follows what results say, must not.
    /// Without `fetch` results keep the service's snippets.
    pub fn new(client: GuardedClient, backend: SearchBackend, fetch: Option<WebFetch>) -> Self {
        Self {
            client,
            backend,
            fetch,
        }
    }

    /// Searches, filters, and reads the pages found.
    pub async fn search(&self, query: &SearchQuery) -> Result<SearchAnswer, SearchError> {
        self.backend.check()?;
        if query.text.trim().is_empty() {
            return Err(SearchError::EmptyQuery);
        }
        let Some(outgoing) = self.backend.request(query) else {
            return self.search_folder(query).await;
        };
        let answer = self.ask(outgoing).await?;
        let hits = self.backend.hits(&answer).ok_or(SearchError::Malformed)?;
        let hits = hits
            .into_iter()
            .filter(|hit| query.domains.permits(&hit.url));
        let hits: Vec<SearchHit> = hits.take(query.count()).collect();
        Ok(SearchAnswer {
            query: query.text.clone(),
            hits: self.read_pages(hits).await,
            cost: self.backend.cost(&answer),
        })
    }

    async fn search_folder(&self, query: &SearchQuery) -> Result<SearchAnswer, SearchError> {
        let (folder, asked) = (PathBuf::from(self.backend.base()), query.clone());
        let found = tokio::task::spawn_blocking(move || folder::search(&folder, &asked));
        let found = found.await.ok().flatten();
        Ok(SearchAnswer {
            query: query.text.clone(),
            hits: found.ok_or(SearchError::NoFolder)?,
            cost: None,
        })
    }

    async fn ask(&self, mut outgoing: Outgoing) -> Result<Value, SearchError> {
        let (method, body) = match outgoing.body {
            Some(body) => {
                let json = HeaderValue::from_static("application/json");
                outgoing.headers.insert(CONTENT_TYPE, json);
                (Method::POST, Bytes::from(body.to_string()))
            }
            None => (Method::GET, Bytes::new()),
        };
        let sent = self.client.send(Sending {
            method,
            url: outgoing.url,
            headers: outgoing.headers,
            body,
            limits: limits(self.backend.timeout),
        });
        let answer = sent.await.map_err(SearchError::Http)?;
        let status = answer.status;
        if !status.is_success() {
            let (body, _) = answer.body.collect_some().await.unwrap_or_default();
            let body = String::from_utf8_lossy(&body);
            return Err(SearchError::Status {
                status: status.as_u16(),
                detail: body.chars().take(DETAIL_CHARS).collect(),
            });
        }
        let body = answer.body.collect().await.map_err(SearchError::Http)?;
        serde_json::from_slice(&body).map_err(|_| SearchError::Malformed)
    }

    /// Pages that cannot be read keep their snippet.
    async fn read_pages(&self, hits: Vec<SearchHit>) -> Vec<SearchHit> {
        let Some(fetch) = &self.fetch else {
            return hits;
        };
        let read = hits.into_iter().map(|mut hit| async move {
            if hit.content.is_none()
                && let Ok(page) = fetch.read_up_to(&hit.url, render::BODY_CHARS).await
            {
                hit.content = Some(page.text);
            }
            hit
        });
        stream::iter(read).buffered(PAGES_AT_ONCE).collect().await
    }
}

impl SearchAnswer {
    /// As a model reads it.
    pub fn text(&self) -> String {
        render::render(&self.query, &self.hits)
    }
}

fn limits(timeout: Duration) -> HttpLimits {
    HttpLimits {
        first_byte: timeout,
        idle: timeout,
        total: timeout,
        body_bytes: ANSWER_BYTES_MAX,
        redirects: 2,
    }
}

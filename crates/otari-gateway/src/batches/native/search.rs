//! Whether a provider has a batch whose handing over was begun, and whose end nobody saw: a crash, or an answer that got
//! lost.
//!
//! Where batches have metadata, or a name to be shown with, ours is found by that. Anthropic's have none: there each batch of that time and size that
//! is not known as another's may be it, and its answers tell, because the names of its lines do.

use bytes::Bytes;
use http::{Method, Uri};
use otari_providers::UpstreamError;
use otari_store::batches as rows;
use otari_types::Timestamp;
use serde_json::Value;

use super::ask::{Ask, malformed, text};
use super::gemini;
use super::service::{BATCH_ID, Service, lines_of};
use crate::error::GatewayError;
use crate::relay::ANSWER_BYTES_MAX;

/// Batches listed together.
const PAGE: usize = 100;
/// Of Gemini's: those that others made without files are listed with all their answers.
const PAGE_OF_LARGE: usize = 20;
/// Ten thousand batches.
const PAGES_MAX: usize = 100;
/// How far the provider's clock may be from ours.
const SKEW_SECS: i64 = 600;

/// A batch that is looked for.
pub(super) struct Wanted<'a> {
    /// Our id of it.
    pub(super) batch: &'a str,
    /// How many lines it was given.
    pub(super) lines: i64,
    pub(super) asked_at: Timestamp,
}

pub(super) enum Found {
    Yes(String),
    No,
    /// One that is still being run may be it.
    Perhaps,
}

impl Wanted<'_> {
    /// Whether a provider's batch was made too long ago.
    fn is_after(&self, batch: &Value) -> bool {
        made_at(batch).is_some_and(|at| at < self.asked_at.plus_secs(-SKEW_SECS))
    }
}

/// Whether what follows this part of the list was made too long ago: lists begin with the newest.
fn is_past(batches: &[Value], wanted: &Wanted<'_>) -> bool {
    let (Some(first), Some(last)) = (batches.first(), batches.last()) else {
        return true;
    };
    wanted.is_after(last) && made_at(first) >= made_at(last)
}

/// Seconds at OpenAI, a text elsewhere.
fn made_at(batch: &Value) -> Option<Timestamp> {
    let gemini = || batch.pointer("/metadata/createTime");
    match batch.get("created_at").or_else(gemini)? {
        Value::String(text) => Timestamp::parse(text),
        seconds => seconds.as_i64().map(Timestamp::from_secs),
    }
}

impl Ask<'_> {
    pub(super) async fn find(&self, wanted: &Wanted<'_>) -> Result<Found, GatewayError> {
        let mut perhaps = false;
        let mut next = Some(self.first_page());
        for _ in 0..PAGES_MAX {
            let Some(query) = next else {
                return Ok(if perhaps { Found::Perhaps } else { Found::No });
            };
            let told = |error| GatewayError::upstream(&self.instance.name, error);
            let uri = self.list(&query).map_err(told)?;
            let page = self.page(uri).await.map_err(told)?;
            let batches = page.get(self.listed_as()).and_then(Value::as_array);
            let batches = batches.map(Vec::as_slice).unwrap_or_default();
            for batch in batches {
                let Some(id) = self.service.id_of(batch) else {
                    continue;
                };
                match self.is_it(batch, &id, wanted).await? {
                    Some(true) => return Ok(Found::Yes(id)),
                    Some(false) => {}
                    None => perhaps = true,
                }
            }
            next = if is_past(batches, wanted) {
                None
            } else {
                self.page_after(&query, &page, batches)
            };
        }
        let error = malformed("more batches than can be looked through");
        Err(GatewayError::upstream(&self.instance.name, error))
    }

    fn first_page(&self) -> String {
        match self.service {
            Service::Mistral => format!("page_size={PAGE}&page=0"),
            Service::Gemini => format!("pageSize={PAGE_OF_LARGE}"),
            Service::OpenAi | Service::Anthropic => format!("limit={PAGE}"),
        }
    }

    async fn page(&self, uri: Uri) -> Result<Value, UpstreamError> {
        let page = self.bytes(Method::GET, uri, Bytes::new(), ANSWER_BYTES_MAX);
        serde_json::from_slice(&page.await?).map_err(|_| malformed("no JSON"))
    }

    fn listed_as(&self) -> &'static str {
        match self.service {
            Service::Gemini => "operations",
            Service::OpenAi | Service::Mistral | Service::Anthropic => "data",
        }
    }

    /// How to ask for the next part of the list, unless this was the last.
    fn page_after(&self, query: &str, page: &Value, batches: &[Value]) -> Option<String> {
        let last = || text(batches.last()?, "id");
        let has_more = page.get("has_more").and_then(Value::as_bool);
        match self.service {
            Service::Mistral => {
                let (head, number) = query.rsplit_once('=')?;
                let number: usize = number.parse().ok()?;
                (!batches.is_empty()).then(|| format!("{head}={}", number + 1))
            }
            Service::Gemini => {
                let token = text(page, "nextPageToken")?;
                let token: String = form_urlencoded::byte_serialize(token.as_bytes()).collect();
                Some(format!("pageSize={PAGE_OF_LARGE}&pageToken={token}"))
            }
            _ if has_more != Some(true) => None,
            Service::OpenAi => Some(format!("limit={PAGE}&after={}", last()?)),
            Service::Anthropic => Some(format!("limit={PAGE}&after_id={}", last()?)),
        }
    }

    /// `None`: that will be known when it has ended.
    async fn is_it(
        &self,
        batch: &Value,
        id: &str,
        wanted: &Wanted<'_>,
    ) -> Result<Option<bool>, GatewayError> {
        if self.service == Service::Gemini {
            return Ok(Some(gemini::shown_as(batch) == Some(wanted.batch)));
        }
        if self.service != Service::Anthropic {
            let ours = batch.pointer(&format!("/metadata/{BATCH_ID}"));
            return Ok(Some(ours.and_then(Value::as_str) == Some(wanted.batch)));
        }
        let counts = batch.get("request_counts").and_then(Value::as_object);
        let lines: Option<i64> =
            counts.map(|counts| counts.values().filter_map(Value::as_i64).sum());
        if wanted.is_after(batch) || lines.is_some_and(|lines| lines != wanted.lines) {
            return Ok(Some(false));
        }
        if rows::is_native(&self.gateway.store, &self.instance.name, id).await? {
            return Ok(Some(false));
        }
        if text(batch, "processing_status").as_deref() != Some("ended") {
            return Ok(None);
        }
        let lines = lines_of(wanted.batch);
        let first = self.first_line(id).await;
        let first = first.map_err(|error| GatewayError::upstream(&self.instance.name, error))?;
        Ok(Some(first.is_some_and(|first| first.starts_with(&lines))))
    }

    /// The name of any line of a batch of Anthropic's that has ended.
    async fn first_line(&self, id: &str) -> Result<Option<String>, UpstreamError> {
        let uri = self.batches(&format!("/{id}/results"))?;
        let results = self
            .bytes(Method::GET, uri, Bytes::new(), ANSWER_BYTES_MAX)
            .await?;
        let mut lines = results.split(|byte| *byte == b'\n');
        let first = lines.find(|line| !line.trim_ascii().is_empty());
        let first: Option<Value> = first.and_then(|line| serde_json::from_slice(line).ok());
        Ok(first.and_then(|line| text(&line, "custom_id")))
    }
}

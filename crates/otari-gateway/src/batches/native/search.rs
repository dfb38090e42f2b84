//! Whether a provider has a batch whose handing over was begun, and whose end nobody saw: a crash, or an answer that got
//! lost.
//!
//! Where batches have metadata, or a name to be shown with, ours is found by that. Together's have none, but name the
//! file of their lines, and the lines name the batch. Anthropic's have neither: there each batch of that time and size
//! that is not known as another's may be it, and its answers tell, because the names of its lines do.

use bytes::Bytes;
use http::{Method, Uri};
use otari_providers::{UpstreamError, UpstreamErrorKind};
use otari_store::batches as rows;
use otari_types::Timestamp;
use serde_json::Value;

use super::ask::{Ask, malformed, text};
use super::service::{BATCH_ID, Service, lines_of};
use super::{bedrock, gemini, vertex};
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
    let names = ["created_at", "createTime", "submitTime"];
    let named = names.iter().find_map(|name| batch.get(name));
    let gemini = || batch.pointer("/metadata/createTime");
    match named.or_else(gemini)? {
        Value::String(text) => Timestamp::parse(text),
        seconds => seconds.as_i64().map(Timestamp::from_secs),
    }
}

impl Ask<'_> {
    pub(super) async fn find(&self, wanted: &Wanted<'_>) -> Result<Found, GatewayError> {
        let mut perhaps = false;
        let mut next = Some(self.first_page(wanted));
        for _ in 0..PAGES_MAX {
            let Some(query) = next else {
                return Ok(if perhaps { Found::Perhaps } else { Found::No });
            };
            let told = |error| GatewayError::upstream(&self.instance.name, error);
            let uri = self.list(&query).map_err(told)?;
            let page = self.page(uri).await.map_err(told)?;
            // Together's list is the whole answer.
            let batches = page.get(self.listed_as()).unwrap_or(&page).as_array();
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

    fn first_page(&self, wanted: &Wanted<'_>) -> String {
        match self.service {
            Service::Bedrock => format!("nameContains={}", bedrock::name(wanted.batch)),
            Service::Vertex | Service::VertexClaude => vertex::shown_as(wanted.batch),
            Service::Mistral => format!("page_size={PAGE}&page=0"),
            Service::Gemini => format!("pageSize={PAGE_OF_LARGE}"),
            _ => format!("limit={PAGE}"),
        }
    }

    async fn page(&self, uri: Uri) -> Result<Value, UpstreamError> {
        let page = self.bytes(Method::GET, uri, Bytes::new(), ANSWER_BYTES_MAX);
        serde_json::from_slice(&page.await?).map_err(|_| malformed("no JSON"))
    }

    fn listed_as(&self) -> &'static str {
        match self.service {
            Service::Gemini => "operations",
            Service::Bedrock => "invocationJobSummaries",
            Service::Vertex | Service::VertexClaude => "batchPredictionJobs",
            _ => "data",
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
            Service::Gemini | Service::Vertex | Service::VertexClaude => {
                go_on(query, "pageToken", page, "nextPageToken")
            }
            Service::Bedrock => go_on(query, "nextToken", page, "nextToken"),
            _ if has_more != Some(true) => None,
            Service::Anthropic => Some(format!("limit={PAGE}&after_id={}", last()?)),
            _ => Some(format!("limit={PAGE}&after={}", last()?)),
        }
    }

    /// `None`: that will be known when it has ended.
    async fn is_it(
        &self,
        batch: &Value,
        id: &str,
        wanted: &Wanted<'_>,
    ) -> Result<Option<bool>, GatewayError> {
        let shown_as = match self.service {
            Service::Anthropic => None,
            Service::Together => return self.has_lines_of(batch, wanted).await.map(Some),
            Service::Gemini => Some((gemini::shown_as(batch), wanted.batch.to_owned())),
            Service::Bedrock => {
                let name = batch.get("jobName").and_then(Value::as_str);
                Some((name, bedrock::name(wanted.batch)))
            }
            Service::Vertex | Service::VertexClaude => {
                let name = batch.get("displayName").and_then(Value::as_str);
                Some((name, wanted.batch.to_owned()))
            }
            Service::OpenAi | Service::Azure | Service::Mistral => {
                let ours = batch.pointer(&format!("/metadata/{BATCH_ID}"));
                Some((ours.and_then(Value::as_str), wanted.batch.to_owned()))
            }
        };
        if let Some((shown, name)) = shown_as {
            return Ok(Some(shown == Some(name.as_str())));
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
        let told = |error| GatewayError::upstream(&self.instance.name, error);
        let results = self.batches(&format!("/{id}/results")).map_err(told)?;
        let is_ours = self.begins_as(results, wanted).await;
        is_ours.map(Some).map_err(told)
    }

    /// Of a batch that names the file of its lines. One whose file is gone is older than what is looked for.
    async fn has_lines_of(&self, batch: &Value, wanted: &Wanted<'_>) -> Result<bool, GatewayError> {
        let told = |error| GatewayError::upstream(&self.instance.name, error);
        if wanted.is_after(batch) {
            return Ok(false);
        }
        let Some(file) = text(batch, "input_file_id") else {
            return Ok(false);
        };
        let lines = self.content(&file).map_err(told)?;
        match self.begins_as(lines, wanted).await {
            Err(error) if error.kind == UpstreamErrorKind::NotFound => Ok(false),
            is_ours => is_ours.map_err(told),
        }
    }

    /// Whether the first line of a file is one of the batch's; of a batch of Anthropic's that has ended, any is.
    async fn begins_as(&self, file: Uri, wanted: &Wanted<'_>) -> Result<bool, UpstreamError> {
        let results = self
            .bytes(Method::GET, file, Bytes::new(), ANSWER_BYTES_MAX)
            .await?;
        let mut lines = results.split(|byte| *byte == b'\n');
        let first = lines.find(|line| !line.trim_ascii().is_empty());
        let first: Option<Value> = first.and_then(|line| serde_json::from_slice(line).ok());
        let name = first.and_then(|line| text(&line, "custom_id"));
        Ok(name.is_some_and(|name| name.starts_with(&lines_of(wanted.batch))))
    }
}

/// The same query with the token of the next page.
fn go_on(query: &str, name: &str, page: &Value, token: &str) -> Option<String> {
    let token = text(page, token)?;
    let token: String = form_urlencoded::byte_serialize(token.as_bytes()).collect();
    let pairs = query.split('&').filter(|pair| !pair.starts_with(name));
    let pairs: Vec<&str> = pairs.collect();
    Some(format!("{}&{name}={token}", pairs.join("&")))
}

//! A rerank request, read.

use std::borrow::Cow;

use otari_translate::rerank;
use otari_wire::members::Members;
use serde_json::{Value, json};

use crate::dispatch::is_kept_back;
use crate::error::{FieldProblem, GatewayError};
use crate::request::{bool_member, int_member, problem, required_string, string_member};

/// Members with a form of their own.
const READ: [&str; 8] = [
    "model",
    "query",
    "documents",
    "top_n",
    "max_tokens_per_doc",
    "return_documents",
    "ranker",
    "user",
];

/// Who ranks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ranker {
    /// The provider's own endpoint.
    Endpoint,
    /// The model, asked in words.
    Chat,
}

pub(super) struct Asked<'a> {
    pub(super) model: Cow<'a, str>,
    pub(super) user: Option<Cow<'a, str>>,
    pub(super) request: rerank::Request,
    /// `None` leaves it to the gateway.
    pub(super) ranker: Option<Ranker>,
    /// The documents as they came, where they are to be shown again.
    documents: Option<Vec<Value>>,
}

impl<'a> Asked<'a> {
    pub(super) fn read(members: &'a Members<'a>) -> Result<Self, GatewayError> {
        let mut problems = Vec::new();
        let model = required_string(members, "model", &mut problems);
        let user = string_member(members, "user", &mut problems);
        let shows = bool_member(members, "return_documents", &mut problems).unwrap_or(false);
        let ranker = ranker(members, &mut problems);
        let query = required_string(members, "query", &mut problems).into_owned();
        let documents = documents(members, &mut problems);
        let mut positive = |name: &str| {
            let value = int_member(members, name, &mut problems)?;
            if value < 1 {
                let message = "Input should be greater than 0";
                problems.push(problem(&[name], "greater_than", message));
            }
            Some(value)
        };
        let top_n = positive("top_n").and_then(|top| usize::try_from(top).ok());
        let max_tokens_per_doc = positive("max_tokens_per_doc");
        if !problems.is_empty() {
            return Err(GatewayError::InvalidBody(problems));
        }
        let extra = members.iter().filter(|(name, value)| {
            !READ.contains(name) && !is_kept_back(name) && value.get() != "null"
        });
        Ok(Self {
            model,
            user,
            request: rerank::Request {
                query,
                documents: documents.iter().map(text).collect(),
                top_n,
                max_tokens_per_doc,
                extra: extra
                    .map(|(name, value)| (name.to_owned(), value.into()))
                    .collect(),
            },
            ranker,
            documents: shows.then_some(documents),
        })
    }

    /// The document of a result, where the caller wants them.
    pub(super) fn shown(&self, index: usize) -> Option<Value> {
        let document = self.documents.as_ref()?.get(index)?;
        Some(match document {
            Value::String(text) => json!({"text": text}),
            other => other.clone(),
        })
    }
}

fn ranker(members: &Members<'_>, problems: &mut Vec<FieldProblem>) -> Option<Ranker> {
    match string_member(members, "ranker", problems)?.as_ref() {
        "endpoint" => Some(Ranker::Endpoint),
        "chat" => Some(Ranker::Chat),
        _ => {
            let message = "Input should be 'endpoint' or 'chat'";
            problems.push(problem(&["ranker"], "enum", message));
            None
        }
    }
}

/// Texts, or objects: of those with a `text` that is read, of others all of it.
fn documents(members: &Members<'_>, problems: &mut Vec<FieldProblem>) -> Vec<Value> {
    const NAME: &str = "documents";
    let Some(raw) = members.get(NAME) else {
        problems.push(problem(&[NAME], "missing", "Field required"));
        return Vec::new();
    };
    let Ok(items) = serde_json::from_str::<Vec<Value>>(raw.get()) else {
        let message = "Input should be a valid list";
        problems.push(problem(&[NAME], "list_type", message));
        return Vec::new();
    };
    if items.is_empty() {
        let message = "List should have at least 1 item after validation, not 0";
        problems.push(problem(&[NAME], "too_short", message));
    }
    for (index, item) in items.iter().enumerate() {
        if !(item.is_string() || item.is_object()) {
            let message = "Input should be a valid string or an object";
            problems.push(problem(&[NAME, &index.to_string()], "string_type", message));
        }
    }
    items
}

fn text(document: &Value) -> String {
    match document {
        Value::String(text) => text.clone(),
        other => match other.get("text").and_then(Value::as_str) {
            Some(text) => text.to_owned(),
            None => other.to_string(),
        },
    }
}

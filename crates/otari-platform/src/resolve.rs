//! `POST /gateway/provider-keys/resolve`: a model's name becomes attempts, each with a provider and its credential.

use otari_types::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What is asked. A name without a provider sends `model` alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolveRequest {
    pub model: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub provider: Option<String>,
}

impl ResolveRequest {
    /// Of a model as a caller names it.
    pub fn of(selector: &str) -> Self {
        let (provider, model) = split_selector(selector);
        Self {
            model: model.to_owned(),
            provider: provider.map(str::to_owned),
        }
    }
}

/// `provider:model` or `provider/model`, split at whichever comes first.
pub fn split_selector(selector: &str) -> (Option<&str>, &str) {
    let selector = selector.trim();
    match selector.split_once([':', '/']) {
        Some((provider, model)) if !provider.is_empty() && !model.is_empty() => {
            (Some(provider), model)
        }
        _ => (None, selector),
    }
}

/// What a model's name means to the caller.
#[derive(Debug)]
pub struct Resolved {
    /// The platform's id of this resolve.
    pub request_id: Option<String>,
    /// In the order they are tried; may be empty, which nobody can be served from.
    pub attempts: Vec<ResolvedAttempt>,
}

/// One try.
#[derive(Debug)]
pub struct ResolvedAttempt {
    /// What its usage is reported under. `None`: there is nothing to report it under.
    pub id: Option<String>,
    pub provider: String,
    pub model: String,
    pub api_key: Option<Secret>,
    pub api_base: Option<String>,
    /// What only some providers read: a region, a project.
    pub extra_params: Map<String, Value>,
}

/// An attempt as it is written.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct AttemptForm {
    /// A text; numbers are taken too.
    pub attempt_id: Value,
    #[serde(default)]
    pub position: i64,
    pub provider: String,
    pub model: String,
    #[serde(default)]
    pub api_key: Option<String>,
    #[serde(default)]
    pub api_base: Option<String>,
    /// Whether the credential is the platform's own; for people who read it.
    #[serde(default)]
    pub managed: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra_params: Option<Map<String, Value>>,
}

/// Either form: attempts, or the older flat one, which is one attempt whose id is `correlation_id`.
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    request_id: Option<Value>,
    #[serde(default)]
    attempts: Option<Vec<AttemptAnswer>>,
    #[serde(flatten)]
    flat: FlatAnswer,
}

#[derive(Deserialize)]
struct AttemptAnswer {
    #[serde(default)]
    position: Option<i64>,
    #[serde(flatten)]
    flat: FlatAnswer,
}

#[derive(Default, Deserialize)]
struct FlatAnswer {
    #[serde(default)]
    attempt_id: Option<Value>,
    #[serde(default)]
    correlation_id: Option<Value>,
    #[serde(default)]
    provider: Option<String>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    api_key: Option<String>,
    #[serde(default)]
    api_base: Option<String>,
    #[serde(default)]
    extra_params: Option<Map<String, Value>>,
}

/// Reads a 200; `None` where it is no answer to a resolve.
pub fn read_resolved(body: &[u8]) -> Option<Resolved> {
    let answer: Answer = serde_json::from_slice(body).ok()?;
    let attempts = match answer.attempts {
        None => vec![answer.flat.attempt()?],
        Some(mut attempts) => {
            // Stable: attempts without a position keep the place they have.
            attempts.sort_by_key(|attempt| attempt.position.unwrap_or(i64::MAX));
            let attempts = attempts.into_iter().map(|one| one.flat.attempt());
            attempts.collect::<Option<_>>()?
        }
    };
    Some(Resolved {
        request_id: answer.request_id.as_ref().and_then(id_text),
        attempts,
    })
}

impl FlatAnswer {
    fn attempt(self) -> Option<ResolvedAttempt> {
        let filled = |text: &String| !text.is_empty();
        let id = self.attempt_id.or(self.correlation_id);
        Some(ResolvedAttempt {
            id: id.as_ref().and_then(id_text),
            provider: self.provider.filter(filled)?,
            model: self.model.filter(filled)?,
            api_key: self.api_key.filter(filled).map(Secret::new),
            api_base: self.api_base.filter(filled),
            extra_params: self.extra_params.unwrap_or_default(),
        })
    }
}

/// Ids are opaque; one that is a number is its digits.
fn id_text(id: &Value) -> Option<String> {
    match id {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

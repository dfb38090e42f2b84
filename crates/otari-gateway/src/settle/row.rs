//! The usage row a call becomes.

use std::borrow::Cow;
use std::sync::Arc;

use otari_types::{CallStatus, UsageRecord, new_id};

use super::CLIENT_CLOSED_REQUEST;
use crate::Gateway;
use crate::admit::{Billed, Refused};
use crate::error::GatewayError;
use crate::inbound::Origin;
use crate::plan::Route;

/// The parts of a usage row known before its ending.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) origin: Origin,
    /// Of the row that charges; `None`: a fresh one.
    pub(super) id: Option<Arc<str>>,
    pub(super) model: String,
    pub(super) provider: Option<String>,
    pub(super) user: Option<String>,
    pub(super) key: Option<String>,
    /// Of a routed call, counted from 1.
    pub(super) position: i64,
    pub(super) reason: Option<Cow<'static, str>>,
}

/// The row of a call that was refused before it reached a provider. It charges nobody.
pub(crate) fn log_refusal(gateway: &Gateway, origin: &Origin, refused: &Refused, requested: &str) {
    if gateway.control.platform().is_some() {
        // Whoever refuses keeps its own log.
        return;
    }
    let Some(status) = refused
        .error
        .refusal_row_status()
        .filter(|_| !refused.unlogged)
    else {
        return;
    };
    let target = refused.target.as_deref();
    let row = Row {
        model: target.map_or_else(|| requested.to_owned(), |target| target.model.clone()),
        provider: target.and_then(|target| target.instance_name.clone()),
        ..Row::new(origin, refused.billed.as_ref())
    };
    let mut record = row.record(CallStatus::Error, None);
    record.error_message = Some(refused.error.to_string());
    record.status_code = Some(status);
    gateway.ledger.log(record);
}

impl Row {
    pub(super) fn new(origin: &Origin, billed: Option<&Billed>) -> Self {
        Self {
            origin: origin.clone(),
            id: None,
            model: String::new(),
            provider: None,
            user: billed.map(|billed| billed.user.to_string()),
            key: billed
                .and_then(|billed| billed.key.as_ref())
                .map(ToString::to_string),
            position: 0,
            reason: None,
        }
    }

    pub(super) fn elapsed_ms(&self) -> i64 {
        i64::try_from(self.origin.started.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    pub(super) fn record(self, status: CallStatus, route: Option<&Route>) -> UsageRecord {
        UsageRecord {
            policy_name: route.and_then(|route| route.policy.clone()),
            request_group_id: route.map(|route| route.group.clone()),
            attempt_position: route.map(|_| self.position),
            attempt_count: route.and_then(|route| i64::try_from(route.attempts).ok()),
            endpoint: self.origin.endpoint.to_owned(),
            latency_ms: self.elapsed_ms(),
            selection_reason: self.reason.map(Cow::into_owned),
            model: self.model,
            provider: self.provider,
            user_id: self.user,
            api_key_id: self.key,
            request_id: Some(self.origin.request_id.to_string()),
            ..UsageRecord::new(new_id(), self.origin.received_at, status)
        }
    }
}

/// What the row says of a failure: the provider's words and status, which callers do not see.
pub(super) fn describe(error: &GatewayError) -> (String, Option<u16>) {
    match error {
        GatewayError::Upstream(failure) => {
            let message = failure
                .error
                .message
                .clone()
                .unwrap_or_else(|| format!("{:?}", failure.error.kind));
            (message, Some(failure.error.row_status()))
        }
        GatewayError::UnknownModel(_)
        | GatewayError::InvalidRequest(_)
        | GatewayError::InvalidBody(_)
        | GatewayError::PreviousResponseNotFound(_)
        | GatewayError::Unsupported { .. } => (error.to_string(), Some(400)),
        GatewayError::BudgetRanOut(_)
        | GatewayError::BudgetExceeded(_)
        | GatewayError::UserMismatch
        | GatewayError::ToolNotPermitted(_)
        | GatewayError::ToolSwitchedOff(_) => (error.to_string(), Some(403)),
        GatewayError::GuardrailBlocked(blocked) => {
            let profiles: Vec<&str> = blocked
                .guardrails
                .iter()
                .map(|violation| violation.profile.as_str())
                .collect();
            let message = format!("{} ({})", blocked.message(), profiles.join(", "));
            (message, Some(403))
        }
        GatewayError::BodyBrokeOff => {
            let message = "client disconnected before the upload was complete";
            (message.to_owned(), Some(CLIENT_CLOSED_REQUEST))
        }
        GatewayError::BodyStalled => (error.to_string(), Some(408)),
        GatewayError::BodyTooLarge { .. } | GatewayError::FileTooLarge { .. } => {
            (error.to_string(), Some(413))
        }
        GatewayError::ToolLimit(_) => (error.to_string(), Some(422)),
        GatewayError::ContainerNotFound(_) | GatewayError::McpServerNotFound(_) => {
            (error.to_string(), Some(404))
        }
        GatewayError::InvalidJson { .. } | GatewayError::ToolUnavailable { .. } => {
            (error.to_string(), Some(400))
        }
        GatewayError::Mcp(_) | GatewayError::Sandbox(_) | GatewayError::GuardrailUnavailable(_) => {
            (error.to_string(), Some(502))
        }
        GatewayError::Unpriced { .. } | GatewayError::ToolUnpriced(_) => {
            (error.to_string(), Some(402))
        }
        other => (other.to_string(), Some(500)),
    }
}

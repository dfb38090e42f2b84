//! Where errors meet HTTP: the only file that picks a status.
//!
//! OpenAI's envelope with the `detail` that existing clients match on:
//! `{"error":{"message","type","param","code"},"detail":…}`. A 5xx never shows its cause; the cause is logged
//! here, once.

mod envelope;
mod platform;
mod problems;
#[cfg(test)]
mod tests;
mod tools;

pub(crate) use envelope::ToolOutcome;

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use otari_gateway::{FieldProblem, GatewayError, NO_RANKING, PlatformIds, UpstreamFailure, Window};

use otari_ledger::LedgerError;
use otari_providers::UpstreamErrorKind;
use otari_store::StoreError;
pub(crate) use platform::put_platform_headers;
pub(crate) use problems::Problems;
use serde_json::{Value, json};

/// An answer that is not a success.
#[derive(Debug)]
pub struct ApiError {
    pub status: StatusCode,
    /// For people; shown as `error.message` and, unless `detail` is given, as `detail`.
    pub message: String,
    /// OpenAI's `type`, e.g. `invalid_request_error`.
    pub kind: &'static str,
    pub code: Option<&'static str>,
    /// The member of the request that is at fault.
    pub param: Option<String>,
    detail: Option<Box<Value>>,
    retry_after: Option<Duration>,
    rate: Option<Box<Window>>,
    /// Another surface's than OpenAI's.
    envelope: Option<Box<envelope::Envelope>>,
    /// What a platform knows the call by.
    platform: Option<Box<PlatformIds>>,
}

impl ApiError {
    fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            status,
            message,
            kind,
            code: None,
            param: None,
            detail: None,
            retry_after: None,
            rate: None,
            envelope: None,
            platform: None,
        }
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", message)
    }

    pub fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "authentication_error", message).code("invalid_api_key")
    }

    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "permission_error", message)
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found_error", message)
    }

    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict_error", message)
    }

    pub fn precondition_failed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PRECONDITION_FAILED, "conflict_error", message)
    }

    pub fn too_large(max: usize) -> Self {
        let message = format!("The request body is larger than {max} bytes (max_body_bytes)");
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "invalid_request_error",
            message,
        )
        .code("request_too_large")
    }

    pub fn range_not_satisfiable(length: u64) -> Self {
        let message = format!("The file has {length} bytes; the range asked for is beyond them");
        Self::new(
            StatusCode::RANGE_NOT_SATISFIABLE,
            "invalid_request_error",
            message,
        )
    }

    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "service_unavailable_error",
            message,
        )
    }

    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "server_error",
            "Internal server error",
        )
    }

    /// A missing row, named as the route knows it; other failures as usual.
    pub fn missing(id: &str, unknown: fn(&str) -> Self) -> impl FnOnce(StoreError) -> Self {
        move |error| match error {
            StoreError::NotFound => unknown(id),
            other => other.into(),
        }
    }

    pub fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "invalid_request_error",
            "Method Not Allowed",
        )
    }

    pub fn no_such_route() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found_error", "Not Found")
    }

    /// 422 with one entry a member at fault, as FastAPI has it; what was sent is never repeated.
    pub fn invalid_fields(problems: &[FieldProblem]) -> Self {
        let first = problems.first();
        let message = first.map_or_else(
            || "The request body is invalid".to_owned(),
            |problem| match problem.loc.as_slice() {
                [] => problem.message.clone(),
                loc => format!("{}: {}", loc.join("."), problem.message),
            },
        );
        let detail = problems.iter().map(|problem| {
            let loc: Vec<Value> = std::iter::once(json!("body"))
                .chain(problem.loc.iter().map(|part| loc_part(part)))
                .collect();
            json!({"type": problem.kind, "loc": loc, "msg": problem.message})
        });
        let mut error = Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid_request_error",
            message,
        );
        error.param = first
            .map(|problem| problem.loc.join("."))
            .filter(|param| !param.is_empty());
        error.detail = Some(Box::new(Value::Array(detail.collect())));
        error
    }

    pub(crate) fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    /// `detail` other than the message, where clients of the reference expect an object.
    pub fn with_detail(mut self, detail: Value) -> Self {
        self.detail = Some(Box::new(detail));
        self
    }

    /// The body in OpenAI's envelope, or in the one of the route's own surface.
    pub fn body(&self) -> Value {
        if let Some(envelope) = &self.envelope {
            return envelope.body(self);
        }
        let detail = self
            .detail
            .as_deref()
            .cloned()
            .unwrap_or_else(|| Value::String(self.message.clone()));
        json!({
            "error": {"message": self.message, "type": self.kind, "param": self.param, "code": self.code},
            "detail": detail,
        })
    }
}

fn loc_part(part: &str) -> Value {
    part.parse::<u64>()
        .map_or_else(|_| json!(part), |index| json!(index))
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, axum::Json(self.body())).into_response();
        let headers = response.headers_mut();
        if let Some(wait) = self.retry_after {
            // Whole seconds, rounded up: earlier would be refused again.
            let secs = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(secs));
        }
        if let Some(window) = self.rate {
            put_rate_headers(headers, &window);
        }
        if let Some(ids) = self.platform {
            put_platform_headers(headers, &ids);
        }
        response
    }
}

/// `X-RateLimit-*` of a request that was counted or refused.
pub fn put_rate_headers(headers: &mut http::HeaderMap, window: &Window) {
    headers.insert("x-ratelimit-limit", HeaderValue::from(window.limit));
    headers.insert("x-ratelimit-remaining", HeaderValue::from(window.remaining));
    headers.insert("x-ratelimit-reset", HeaderValue::from(window.reset_at_secs));
}

impl From<GatewayError> for ApiError {
    fn from(error: GatewayError) -> Self {
        use GatewayError as E;
        let text = error.to_string();
        match error {
            E::MissingCredentials
            | E::InvalidCredentialFormat
            | E::InvalidKey
            | E::InactiveKey
            | E::ExpiredKey
            | E::InvalidMasterKey
            | E::MissingToken => Self::unauthorized(text),
            E::Platform(error) => platform::answer(error),
            E::AuthUnavailable | E::CannotRecord => Self::unavailable(text),
            E::UserRequired | E::InvalidRequest(_) | E::BodyBrokeOff => Self::bad_request(text),
            E::ToolUnavailable { .. } | E::SearchTool(_) | E::ToolSwitchedOff(_) | E::ToolNotPermitted(_)
            | E::ToolUnpriced(_) | E::NoSuchTool(_) | E::McpServerNotFound(_) | E::ContainerNotFound(_)
            | E::ToolLimit(_) | E::ToolLoopBroke | E::Mcp(_) | E::Sandbox(_) | E::Sealed { .. } => tools::answer(&error, text),
            E::Unsupported { member } => {
                let mut error = Self::bad_request(text).code("unsupported_parameter");
                error.param = Some(member);
                error
            }
            E::TaskStopped(error) => Self::stopped(&error),
            E::PolicyUnresolvable(_) | E::AllFailed { timed_out: false } => Self::bad_gateway(&text),
            E::AllFailed { timed_out: true } => Self::new(StatusCode::GATEWAY_TIMEOUT, "timeout_error", text),
            E::UnknownModel(_) | E::PolicyElsewhere(_) => Self::bad_request(text).code("model_not_found"),
            E::UserMismatch | E::UserBlocked(_) => Self::forbidden(text),
            E::ModelNotPermitted(_) | E::PolicyNotPermitted(_) => Self::forbidden(text).code("model_not_permitted"),
            E::BudgetExceeded(_) | E::BudgetRanOut(_) => Self::forbidden(text).code("insufficient_quota"),
            E::GuardrailBlocked(blocked) => {
                let guardrails: Vec<Value> = blocked
                    .guardrails
                    .iter()
                    .map(|found| json!({"profile": found.profile, "explanation": found.explanation, "score": found.score}))
                    .collect();
                let code = "guardrail_violation";
                let detail = json!({"message": text, "code": code, "guardrails": guardrails});
                Self::forbidden(text).code(code).with_detail(detail)
            }
            E::GuardrailUnavailable(_) => Self::bad_gateway(&text).code("guardrail_unavailable"),
            E::PreviousResponseNotFound(_) => {
                let mut error = Self::bad_request(text).code("previous_response_not_found");
                error.param = Some("previous_response_id".to_owned());
                error
            }
            E::UnknownUser(_) | E::ModelNotFound(_) | E::ResponseNotFound(_) | E::FileNotFound(_) | E::FilesDisabled
            | E::BatchNotFound(_) | E::BatchesDisabled => {
                Self::not_found(text)
            }
            E::Unpriced { .. } => {
                Self::new(StatusCode::PAYMENT_REQUIRED, "invalid_request_error", text).code("model_not_priced")
            }
            E::RateLimited(window) => {
                let mut error = Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", text);
                error.retry_after = u64::try_from(window.retry_after_secs).ok().map(Duration::from_secs);
                error.rate = Some(Box::new(window));
                error.code("rate_limit_exceeded")
            }
            E::InvalidJson { offset } => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_request_error", text)
                    .with_detail(json!([{"type": "json_invalid", "loc": ["body", offset], "msg": "JSON decode error"}]))
            }
            E::BodyTooLarge { max } => Self::too_large(max),
            E::BodyStalled => Self::new(StatusCode::REQUEST_TIMEOUT, "invalid_request_error", text).code("request_timeout"),
            E::FileTooLarge { .. } => {
                let mut error = Self::new(StatusCode::PAYLOAD_TOO_LARGE, "invalid_request_error", text);
                error.param = Some("file".to_owned());
                error.code("request_too_large")
            }
            E::BatchNotComplete { .. } | E::BatchEnded { .. } => Self::conflict(text),
            E::FileSpaceExhausted { .. } => Self::forbidden(text).code("file_space_exhausted"),
            E::Storage(_) => {
                let mut error = Self::internal();
                text.clone_into(&mut error.message);
                error
            }
            E::InvalidBody(problems) => Self::invalid_fields(&problems),
            E::Upstream(failure) => Self::from_upstream(&failure),
            E::Store(error) => Self::from(error),
            E::Ledger(error) => Self::from(error),
        }
    }
}

impl ApiError {
    fn stopped(error: &tokio::task::JoinError) -> Self {
        tracing::error!(%error, "a task of a call stopped");
        Self::internal()
    }

    /// One table for every route and dialect.
    fn from_upstream(failure: &UpstreamFailure) -> Self {
        use UpstreamErrorKind as Kind;
        let error = &failure.error;
        tracing::warn!(
            instance = failure.instance, kind = ?error.kind, status = error.status,
            message = error.client_message(), "an upstream call failed"
        );
        let told = |fallback: &str| {
            error
                .client_message()
                .unwrap_or_else(|| fallback.to_owned())
        };
        let mut answer = match error.kind {
            Kind::Timeout => Self::new(
                StatusCode::GATEWAY_TIMEOUT,
                "timeout_error",
                "LLM provider timeout",
            ),
            Kind::InvalidRequest => Self::bad_request(told("The provider rejected the request")),
            Kind::ContextTooLong => Self::bad_request(told("The prompt is too long for the model"))
                .code("context_length_exceeded"),
            Kind::ContentFiltered => {
                Self::bad_request(told("The provider's content policy refused the request"))
                    .code("content_filter")
            }
            Kind::NotFound => Self::not_found(told("The provider does not know this model"))
                .code("model_not_found"),
            Kind::Credentials => {
                Self::bad_gateway("The provider rejected the gateway's credentials")
            }
            Kind::BillingExhausted => {
                Self::bad_gateway("The provider account of this gateway is out of credit")
            }
            Kind::RateLimited => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "rate_limit_error",
                "The provider rate-limited this request",
            )
            .code("rate_limit_exceeded"),
            Kind::Malformed if error.code.as_deref() == Some(NO_RANKING) => Self::bad_gateway(
                "The model did not answer with a score for each document. A larger model may, or fewer documents.",
            )
            .code(NO_RANKING),
            Kind::Unreachable | Kind::Overloaded | Kind::Malformed | Kind::Provider => {
                Self::bad_gateway("LLM provider error")
            }
        };
        answer.retry_after = error.retry_after;
        let told = error.code.as_deref();
        let mut of_thread = envelope::THREAD_CODES.into_iter();
        answer.code = of_thread.find(|code| Some(*code) == told).or(answer.code);
        answer
    }

    pub(crate) fn bad_gateway(message: &str) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, "upstream_error", message)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::NotFound => Self::not_found("Not Found"),
            StoreError::Missing { what } => Self::not_found(format!("{what} not found")),
            StoreError::InUse { .. } => Self::conflict(error.to_string()),
            StoreError::Conflict { what } => Self::conflict(format!("{what} already exists")),
            _ if error.is_unavailable() => {
                tracing::error!(%error, "the database is unavailable");
                Self::unavailable("Database temporarily unavailable, please retry")
            }
            _ => {
                tracing::error!(%error, "a database operation failed");
                let mut answer = Self::internal();
                "Database error".clone_into(&mut answer.message);
                answer
            }
        }
    }
}

impl From<LedgerError> for ApiError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Store(error) => Self::from(error),
            LedgerError::UnknownAccount(account) => {
                let user = account
                    .as_str()
                    .strip_prefix("user:")
                    .unwrap_or(account.as_str());
                Self::not_found(format!("User '{user}' not found"))
            }
            LedgerError::DataDir(error) => {
                tracing::error!(%error, "the data directory cannot be used");
                Self::internal()
            }
        }
    }
}

//! A JSON body of a management route, with problems that name the member.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use otari_gateway::{FieldProblem, GatewayError};
use serde::de::DeserializeOwned;

use crate::error::ApiError;
use crate::state::App;

/// A body read into `T`. Management requests without a body count as `{}`.
#[derive(Debug)]
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let declared = content_length(request.headers());
        let bytes = read_body(declared, request.into_body(), app.max_body_bytes()).await?;
        read_json(&bytes).map(Self)
    }
}

/// The same of a body that was read already.
pub(crate) fn read_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let text: &[u8] = if bytes.is_empty() { b"{}" } else { bytes };
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        if inner.is_syntax() || inner.is_eof() {
            return ApiError::from(GatewayError::InvalidJson {
                offset: inner.column().saturating_sub(1),
            });
        }
        ApiError::invalid_fields(&[problem(&path, &inner)])
    })
}

fn problem(path: &str, error: &serde_json::Error) -> FieldProblem {
    let text = error.to_string();
    let message = text.split(" at line ").next().unwrap_or_default();
    if let Some(member) = message
        .strip_prefix("missing field `")
        .and_then(|rest| rest.strip_suffix('`'))
    {
        let loc = parts(path).chain([member.to_owned()]).collect();
        return FieldProblem {
            loc,
            kind: "missing",
            message: "Field required".to_owned(),
        };
    }
    FieldProblem {
        loc: parts(path).collect(),
        kind: "type_error",
        message: without_value(message),
    }
}

/// What serde says of a wrong type repeats the value (``string "secret"``): keep the kind, drop the value.
fn without_value(message: &str) -> String {
    match (
        message.find('`').or_else(|| message.find('"')),
        message.rfind(", expected "),
    ) {
        (Some(quote), Some(expected)) if quote < expected => {
            let kind = message.get(..quote).unwrap_or_default().trim_end();
            format!("{kind}{}", message.get(expected..).unwrap_or_default())
        }
        _ => message.to_owned(),
    }
}

fn parts(path: &str) -> impl Iterator<Item = String> {
    path.split('.')
        .filter(|part| !part.is_empty() && *part != "?")
        .map(str::to_owned)
}

pub(crate) fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The whole body, or 413; one declared too long is refused before it is read.
pub(crate) async fn read_body(
    declared: Option<usize>,
    body: Body,
    max: usize,
) -> Result<Bytes, ApiError> {
    if declared.is_some_and(|length| length > max) {
        return Err(ApiError::too_large(max));
    }
    axum::body::to_bytes(body, max).await.map_err(|error| {
        let cause = std::error::Error::source(&error);
        let too_long =
            cause.and_then(|cause| cause.downcast_ref::<http_body_util::LengthLimitError>());
        if too_long.is_some() {
            ApiError::too_large(max)
        } else {
            ApiError::bad_request("The request body ended early")
        }
    })
}

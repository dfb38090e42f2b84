//! What the platform of hybrid mode says, and the ids it knows a call by.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use otari_gateway::{PlatformError, PlatformIds, PlatformRefusal};

use super::ApiError;

const CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-otari-request-id");

/// A refusal is passed on as it is; anything else is the platform's trouble, not the caller's.
pub(super) fn answer(error: PlatformError) -> ApiError {
    match error {
        PlatformError::Refused {
            refusal,
            detail,
            retry_after,
        } => {
            let mut answer = refused(refusal, detail);
            answer.retry_after = retry_after;
            answer
        }
        PlatformError::Unavailable => ApiError::bad_gateway(&error.to_string()),
        PlatformError::BadToken | PlatformError::Spool { .. } => ApiError::internal(),
    }
}

fn refused(refusal: PlatformRefusal, detail: String) -> ApiError {
    match refusal {
        PlatformRefusal::BadRequest => ApiError::bad_request(detail),
        PlatformRefusal::Unauthorized => ApiError::unauthorized(detail),
        PlatformRefusal::PaymentRequired => {
            ApiError::new(StatusCode::PAYMENT_REQUIRED, "billing_error", detail)
                .code("insufficient_quota")
        }
        PlatformRefusal::Forbidden => ApiError::forbidden(detail),
        PlatformRefusal::NotFound => ApiError::not_found(detail),
        PlatformRefusal::TooManyRequests => {
            ApiError::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", detail)
                .code("rate_limit_exceeded")
        }
    }
}

impl ApiError {
    /// The same error of a call that a platform knows.
    pub(crate) fn with_platform_ids(mut self, ids: PlatformIds) -> Self {
        self.platform = Some(Box::new(ids));
        self
    }
}

/// `X-Correlation-ID` and `X-Otari-Request-ID`, where they are known.
pub(crate) fn put_platform_headers(headers: &mut HeaderMap, ids: &PlatformIds) {
    for (name, id) in [
        (CORRELATION_ID, &ids.correlation),
        (REQUEST_ID, &ids.request),
    ] {
        let value = id.as_deref().map(HeaderValue::from_str);
        if let Some(Ok(value)) = value {
            headers.insert(name, value);
        }
    }
}

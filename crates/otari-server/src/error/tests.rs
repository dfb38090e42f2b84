use std::time::Duration;

use otari_gateway::GatewayError;
use otari_providers::{UpstreamError, UpstreamErrorKind};

use super::*;

#[test]
fn provider_failures_have_one_table() {
    use UpstreamErrorKind as Kind;
    for (kind, status) in [
        (Kind::Timeout, 504),
        (Kind::Unreachable, 502),
        (Kind::InvalidRequest, 400),
        (Kind::ContextTooLong, 400),
        (Kind::ContentFiltered, 400),
        (Kind::NotFound, 404),
        (Kind::Credentials, 502),
        (Kind::BillingExhausted, 502),
        (Kind::RateLimited, 429),
        (Kind::Overloaded, 502),
        (Kind::Malformed, 502),
        (Kind::Provider, 502),
    ] {
        let mut error = UpstreamError::new(kind, "sk-secretsecret said no");
        error.retry_after = Some(Duration::from_millis(1_500));
        let failure = UpstreamFailure {
            instance: "lab".to_owned(),
            error,
        };
        let answer = ApiError::from(GatewayError::Upstream(Box::new(failure)));
        assert_eq!(answer.status.as_u16(), status, "{kind:?}");
        let text = answer.body().to_string();
        assert!(
            !text.contains("secretsecret") && !text.contains("lab"),
            "{text}"
        );
        let response = answer.into_response();
        assert_eq!(response.headers()["retry-after"], "2", "{kind:?}");
    }
}

#[test]
fn the_envelope_is_openais_with_the_old_detail() {
    let body = ApiError::from(GatewayError::InvalidKey).body();
    assert_eq!(
        body,
        json!({
            "error": {"message": "Invalid API key", "type": "authentication_error", "param": null, "code": "invalid_api_key"},
            "detail": "Invalid API key",
        })
    );
}

#[test]
fn a_server_fault_never_shows_its_cause() {
    let error = StoreError::Corrupt {
        table: "users",
        column: "metadata".to_owned(),
        row: "alice-secret".to_owned(),
    };
    let body = ApiError::from(error).body().to_string();
    assert!(
        !body.contains("alice-secret") && !body.contains("metadata"),
        "{body}"
    );
}

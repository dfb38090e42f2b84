use std::time::Duration;

use super::*;

fn kind(status: u16, body: &str) -> UpstreamErrorKind {
    UpstreamError::from_answer(status, None, body.as_bytes()).kind
}

#[test]
fn the_body_decides_before_the_status() {
    use UpstreamErrorKind as Kind;
    for (status, body, expected) in [
        (
            400,
            r#"{"error":{"message":"mock error 400","type":"invalid_request_error"}}"#,
            Kind::InvalidRequest,
        ),
        (
            400,
            r#"{"error":{"message":"Your credit balance is too low"}}"#,
            Kind::BillingExhausted,
        ),
        (402, "", Kind::BillingExhausted),
        // The same words on a 429 are a rate limit.
        (
            429,
            r#"{"error":{"message":"You exceeded your current quota"}}"#,
            Kind::RateLimited,
        ),
        (
            400,
            r#"{"error":{"code":"context_length_exceeded","message":"x"}}"#,
            Kind::ContextTooLong,
        ),
        (
            400,
            r#"{"error":{"code":"content_filter","message":"x"}}"#,
            Kind::ContentFiltered,
        ),
        (401, "{}", Kind::Credentials),
        (403, "{}", Kind::Credentials),
        (404, r#"{"detail":"Not Found"}"#, Kind::NotFound),
        (500, "<html>", Kind::Provider),
        (529, "{}", Kind::Overloaded),
        (503, "{}", Kind::Overloaded),
        (504, "{}", Kind::Timeout),
        (
            424,
            r#"{"Message":"Received client error (429)","OriginalStatusCode":429}"#,
            Kind::RateLimited,
        ),
        (
            424,
            r#"{"message":"x","originalStatusCode":400}"#,
            Kind::InvalidRequest,
        ),
        (424, "{}", Kind::Provider),
        (
            200,
            r#"{"base_resp":{"status_code":1008,"status_msg":"insufficient balance"}}"#,
            Kind::BillingExhausted,
        ),
        (
            200,
            r#"{"error":{"code":429,"message":"slow down"}}"#,
            Kind::RateLimited,
        ),
        (
            400,
            r#"{"code":"DataInspectionFailed","message":"Output data may contain inappropriate content."}"#,
            Kind::ContentFiltered,
        ),
        (
            400,
            "id:1\nevent:error\n:HTTP_STATUS/400\ndata:{\"code\":\"Arrearage\",\"message\":\"Access denied\"}\n\n",
            Kind::BillingExhausted,
        ),
        (
            200,
            r#"{"code":"InvalidParameter","message":"Invalid voice specified"}"#,
            Kind::InvalidRequest,
        ),
    ] {
        assert_eq!(kind(status, body), expected, "{status} {body}");
    }
}

#[test]
fn messages_are_found_in_every_vendors_shape() {
    for body in [
        r#"{"error":{"message":"no such model"}}"#,
        r#"[{"error":{"message":"no such model"}}]"#,
        r#"{"error":"no such model"}"#,
        r#"{"message":"no such model"}"#,
        r#"{"Message":"no such model"}"#,
        r#"{"detail":"no such model"}"#,
        r#"{"detail":[{"loc":["body"],"msg":"no such model"}]}"#,
        r#"{"errors":[{"code":"x","message":"no such model"}]}"#,
        r#"{"object":"error","message":"no such model"}"#,
        r#"{"error":{"message":"{\"error\":{\"message\":\"no such model\"}}"}}"#,
        r#"{"Message":"Received client error","OriginalMessage":"{\"error\":{\"message\":\"no such model\"}}","OriginalStatusCode":404}"#,
        "no such model",
    ] {
        let error = UpstreamError::from_answer(404, None, body.as_bytes());
        assert_eq!(error.message.as_deref(), Some("no such model"), "{body}");
    }
    assert_eq!(
        UpstreamError::from_answer(502, None, b"<html>Bad Gateway</html>").message,
        None
    );
}

#[test]
fn what_a_caller_sees_holds_no_secret() {
    for (text, expected) in [
        (
            "Incorrect API key provided: sk-abcdefgh1234",
            Some("Incorrect API key provided: [redacted]"),
        ),
        (
            "see https://internal.example/x?k=1 for help",
            Some("see [redacted] for help"),
        ),
        ("  model\n\n overloaded ", Some("model overloaded")),
        ("invalid: {\"messages\": [{\"role\":\"user\"}]}", None),
        ("0123456789abcdef0123456789abcdef", None),
        (
            "limit for org-abcdef123456 reached",
            Some("limit for [redacted] reached"),
        ),
    ] {
        assert_eq!(client_safe(text).as_deref(), expected, "{text}");
    }
    let long = client_safe(&"word ".repeat(200)).unwrap();
    assert_eq!(long.chars().count(), 401);
}

#[test]
fn retry_delays_come_from_headers_or_the_body() {
    let mut headers = http::HeaderMap::new();
    headers.insert("retry-after", "7".parse().unwrap());
    assert_eq!(retry_after(&headers), Some(Duration::from_secs(7)));
    headers.insert("retry-after-ms", "250".parse().unwrap());
    assert_eq!(retry_after(&headers), Some(Duration::from_millis(250)));
    let body = r#"{"error":{"message":"x","details":[{"@type":"RetryInfo","retryDelay":"12s"}]}}"#;
    assert_eq!(
        UpstreamError::from_answer(429, None, body.as_bytes()).retry_after,
        Some(Duration::from_secs(12))
    );
}

//! The protocol's shapes, as either side reads them.

use otari_platform::{
    CodeExecutionAnswer, Receipt, ReportStatus, ResolveRequest, UsageForm, UsageReport,
    is_of_platform, read_resolved,
};
use otari_types::{CacheConvention, TokenUsage};
use serde_json::{Value, json};

#[test]
fn a_selector_is_split_at_its_first_separator() {
    for (selector, provider, model) in [
        ("openai:gpt-4o", Some("openai"), "gpt-4o"),
        ("openai/gpt-4o", Some("openai"), "gpt-4o"),
        ("openrouter/x/y:free", Some("openrouter"), "x/y:free"),
        ("ollama:llama3:8b", Some("ollama"), "llama3:8b"),
        ("smart", None, "smart"),
        (":odd", None, ":odd"),
        ("odd:", None, "odd:"),
    ] {
        let request = ResolveRequest::of(selector);
        assert_eq!(request.provider.as_deref(), provider, "{selector}");
        assert_eq!(request.model, model, "{selector}");
    }
    let bare = serde_json::to_value(ResolveRequest::of("smart")).unwrap();
    assert_eq!(bare, json!({"model": "smart"}));
}

#[test]
fn attempts_come_in_the_order_of_their_positions() {
    let body = json!({
        "request_id": "req-1", "fallback_enabled": true, "user_id": "u", "new_member": {"later": 1},
        "attempts": [
            {"attempt_id": "b", "position": 1, "provider": "openai", "model": "m2", "api_key": "k2", "api_base": null,
             "managed": true},
            {"attempt_id": 7, "position": 0, "provider": "bedrock", "model": "m1", "api_key": "k1",
             "extra_params": {"region_name": "us-east-1"}},
        ],
    });
    let resolved = read_resolved(body.to_string().as_bytes()).unwrap();
    assert_eq!(resolved.request_id.as_deref(), Some("req-1"));
    let ids: Vec<_> = resolved
        .attempts
        .iter()
        .map(|one| one.id.as_deref())
        .collect();
    assert_eq!(ids, [Some("7"), Some("b")]);
    let first = resolved.attempts.first().unwrap();
    assert_eq!(
        first.extra_params.get("region_name"),
        Some(&json!("us-east-1"))
    );
    assert_eq!(first.api_key.as_ref().unwrap().expose(), "k1");
}

#[test]
fn the_flat_form_is_one_attempt() {
    let body = json!({"provider": "openai", "model": "m", "api_key": "k", "api_base": "http://x/v1", "managed": false,
        "correlation_id": "c-1"});
    let resolved = read_resolved(body.to_string().as_bytes()).unwrap();
    assert_eq!(resolved.attempts.len(), 1);
    let only = resolved.attempts.first().unwrap();
    assert_eq!(only.id.as_deref(), Some("c-1"));
    assert_eq!(only.api_base.as_deref(), Some("http://x/v1"));
    assert!(resolved.request_id.is_none());
}

#[test]
fn no_attempts_is_an_answer_but_half_of_one_is_not() {
    assert!(
        read_resolved(br#"{"attempts": []}"#)
            .unwrap()
            .attempts
            .is_empty()
    );
    for body in [
        "<html>",
        "[]",
        "{}",
        r#"{"attempts": [{"model": "m"}]}"#,
        r#"{"provider": "openai"}"#,
        r#"{"provider": "", "model": "m"}"#,
    ] {
        assert!(read_resolved(body.as_bytes()).is_none(), "{body}");
    }
}

#[test]
fn what_is_not_known_is_left_out_of_a_report() {
    let report = UsageReport {
        correlation_id: "c".into(),
        status: ReportStatus::Error,
        is_final_attempt: false,
        usage: None,
        error_class: Some("http_401".into()),
        session_label: None,
    };
    let expected = json!({"correlation_id": "c", "status": "error", "is_final_attempt": false, "error_class": "http_401"});
    assert_eq!(serde_json::to_value(report).unwrap(), expected);
}

#[test]
fn tokens_are_reported_as_the_provider_counts_them() {
    let usage = |convention| TokenUsage {
        input: 13,
        output: 7,
        cache_read: 8,
        convention,
        ..TokenUsage::default()
    };
    for convention in [CacheConvention::Inclusive, CacheConvention::Additive] {
        let form = serde_json::to_value(UsageForm::from(usage(convention))).unwrap();
        let expected = json!({"prompt_tokens": 13, "completion_tokens": 7, "total_tokens": 20, "cache_read_tokens": 8,
            "cache_write_tokens": 0});
        assert_eq!(form, expected);
    }
}

#[test]
fn a_cost_counts_only_when_it_is_this_calls_and_has_a_source() {
    let receipt = |change: &dyn Fn(&mut Value)| {
        let mut receipt = json!({"correlation_id": "c", "status": "completed", "outcome": "success",
            "cost_usd": "0.000123", "currency": "USD", "usage_status": "reported", "pricing": {"source": "managed"}});
        change(&mut receipt);
        serde_json::from_value::<Receipt>(receipt)
            .ok()?
            .cost_of("c")
    };
    let whole = receipt(&|_| {}).unwrap();
    assert_eq!(whole, ("0.000123".to_owned(), "managed".to_owned()));
    let changes: [(&str, Value); 9] = [
        ("/correlation_id", json!("other")),
        ("/usage_status", json!("missing")),
        ("/usage_status", json!(null)),
        ("/pricing/source", json!(null)),
        ("/pricing", json!(null)),
        ("/cost_usd", json!(null)),
        ("/cost_usd", json!("free")),
        ("/cost_usd", json!("-1.0")),
        ("/cost_usd", json!("1.")),
    ];
    for (place, value) in changes {
        let found = receipt(&|receipt| *receipt.pointer_mut(place).unwrap() = value.clone());
        assert_eq!(found, None, "{place} {value}");
    }
}

#[test]
fn permission_to_run_code_must_be_said_plainly() {
    let read = |value: Value| serde_json::from_value::<CodeExecutionAnswer>(value);
    assert!(read(json!({"enabled": true, "max_iterations": 3})).is_ok());
    for odd in [
        json!({}),
        json!({"enabled": "true"}),
        json!({"enabled": 1}),
        json!({"enabled": null}),
        json!({"enabled": true, "max_iterations": true}),
    ] {
        assert!(read(odd.clone()).is_err(), "{odd}");
    }
}

#[test]
fn tokens_go_to_the_platform_alone() {
    let base = "https://api.otari.ai/api/v1";
    for url in [
        "https://api.otari.ai/api/v1",
        "https://api.otari.ai/api/v1/gateway/web-search",
        "https://API.otari.ai:443/api/v1/x?y=z",
    ] {
        assert!(is_of_platform(url, base), "{url}");
    }
    for url in [
        "https://api.otari.ai/api/v1x",
        "https://api.otari.ai/api",
        "http://api.otari.ai/api/v1/x",
        "https://api.otari.ai:8443/api/v1/x",
        "https://api.otari.ai.evil.example/api/v1/x",
        "https://api.otari.ai@evil.example/api/v1/x",
        "https://evil.example/api/v1/x",
        "https://api.otari.ai/api/v1/../../x",
        "https://api.otari.ai/api/v1/%2E%2e/x",
        "ftp://api.otari.ai/api/v1/x",
        "api.otari.ai/api/v1",
    ] {
        assert!(!is_of_platform(url, base), "{url}");
    }
    assert!(is_of_platform(
        "http://[::1]:8100/api/v1/x",
        "http://[::1]:8100/api/v1/"
    ));
}

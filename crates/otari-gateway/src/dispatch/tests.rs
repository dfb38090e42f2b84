use std::sync::Arc;

use otari_providers::{Instance, InstanceSettings, Timeouts, catalog};
use otari_translate::Surface;
use otari_types::Secret;
use serde_json::Value;

use super::*;
use crate::target::Target;

fn attempt(provider: &str) -> Attempt {
    let second = std::time::Duration::from_secs(1);
    let settings = InstanceSettings {
        more_keys: Vec::new(),
        max_retries: 0,
        name: "lab".to_owned(),
        api_key: Some(Secret::new("sk-lab")),
        api_base: Some("http://127.0.0.1:1/v1".to_owned()),
        custom_headers: Vec::new(),
        models: Vec::new(),
        timeouts: Timeouts {
            connect: second,
            first_byte: second,
            idle: second,
            total: second,
        },
        implicit: false,
    };
    let instance = Arc::new(Instance::new(catalog::find(provider).unwrap(), settings).unwrap());
    let target = Arc::new(Target::for_tests(
        "lab",
        "real-model",
        Arc::clone(&instance),
    ));
    Attempt {
        target,
        reason: "default".into(),
        platform: None,
    }
}

fn encoded(provider: &str, body: &str) -> String {
    let request = Request::parse(Surface::Chat, None, body.as_bytes()).unwrap();
    let attempt = attempt(provider);
    let instance = attempt.instance().unwrap();
    let body = verbatim::chat_body(&request, &attempt, instance);
    String::from_utf8(body.to_vec()).unwrap()
}

#[test]
fn only_the_gateways_members_change() {
    let body = r#"{"top_k": 3,"model":"lab:real-model","messages":[{"role":"user","content":"\u00e9"}],"n":12345678901234567890123}"#;
    let body = body.replace(
        r#","n":12345678901234567890123"#,
        r#","seed_big":12345678901234567890123"#,
    );
    assert_eq!(
        encoded("openai-compatible", &body),
        r#"{"top_k":3,"model":"real-model","messages":[{"role":"user","content":"\u00e9"}],"seed_big":12345678901234567890123}"#
    );
}

#[test]
fn members_that_could_redirect_a_credential_are_dropped() {
    let body = r#"{"model":"lab:m","messages":[{"role":"user"}],"user":"alice","api_key":"x","api_base":"http://evil","extra_body":{"a":1},"client_args":{},"guardrails":[]}"#;
    assert_eq!(
        encoded("openai-compatible", body),
        r#"{"model":"real-model","messages":[{"role":"user"}]}"#
    );
}

#[test]
fn usage_is_asked_for_unless_the_caller_decided() {
    let with = |extra: &str| {
        let body =
            format!(r#"{{"model":"lab:m","messages":[{{"role":"user"}}],"stream":true{extra}}}"#);
        serde_json::from_str::<Value>(&encoded("openai-compatible", &body)).unwrap()["stream_options"].clone()
    };
    assert_eq!(with(""), serde_json::json!({"include_usage": true}));
    assert_eq!(with(r#","stream_options":{}"#), serde_json::json!({}));
    assert_eq!(
        with(r#","stream_options":{"include_usage":false}"#),
        serde_json::json!({"include_usage": false})
    );
}

#[test]
fn quirks_rename_and_drop_top_level_members() {
    let body = r#"{"model":"lab:m","messages":[{"role":"user"}],"max_tokens":5}"#;
    let sent: Value = serde_json::from_str(&encoded("openai", body)).unwrap();
    assert_eq!(sent["max_completion_tokens"], 5);
    assert!(sent.get("max_tokens").is_none());
    // A provider that refuses `stream_options` is not sent any.
    let body = r#"{"model":"lab:m","messages":[{"role":"user"}],"stream":true,"stream_options":{"include_usage":true}}"#;
    let sent: Value = serde_json::from_str(&encoded("mistral", body)).unwrap();
    assert!(sent.get("stream_options").is_none(), "{sent}");
}

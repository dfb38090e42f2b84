//! Credentials that are a header, and which of several is taken.

use serde_json::json;

use super::*;

fn headers(lab: Lab) -> HeaderMap {
    lab.make().unwrap().keys().headers().clone()
}

#[test]
fn keys_go_where_each_vendor_looks() {
    for (provider, values, name, value) in [
        ("openai", json!({}), "authorization", "Bearer k-1"),
        ("anthropic", json!({}), "x-api-key", "k-1"),
        ("gemini", json!({}), "x-goog-api-key", "k-1"),
        ("portkey", json!({}), "x-portkey-api-key", "k-1"),
        ("azureopenai", json!({"resource": "r"}), "api-key", "k-1"),
        (
            "azureanthropic",
            json!({"resource": "r"}),
            "x-api-key",
            "k-1",
        ),
        ("azureanthropic", json!({"resource": "r"}), "api-key", "k-1"),
        ("vertexai", json!({}), "x-goog-api-key", "k-1"),
        (
            "bedrock",
            json!({"region": "us-east-1"}),
            "authorization",
            "Bearer k-1",
        ),
        (
            "watsonx",
            json!({"region": "eu-de", "zen_api_key": "z"}),
            "authorization",
            "ZenApiKey z",
        ),
        (
            "openai",
            json!({"organization": "o"}),
            "openai-organization",
            "o",
        ),
        ("anthropic", json!({}), "anthropic-version", "2023-06-01"),
    ] {
        let headers = headers(Lab::new(provider).key("k-1").values(values));
        assert_eq!(headers[name], value, "{provider}");
        assert!(!format!("{headers:?}").contains("k-1"), "{provider}");
    }
    let token = headers(
        Lab::new("vertexai")
            .key("ya29.t")
            .values(json!({"project": "p"})),
    );
    assert_eq!(token["authorization"], "Bearer ya29.t");
}

#[test]
fn a_ready_token_does_where_there_is_no_key() {
    for (provider, variable) in [
        ("anthropic", "ANTHROPIC_AUTH_TOKEN"),
        ("azureopenai", "AZURE_OPENAI_AD_TOKEN"),
        ("watsonx", "WATSONX_TOKEN"),
    ] {
        let mut lab = Lab::new(provider).env(variable, "t-1");
        lab.base = Some("https://lab.example".to_owned());
        let headers = headers(lab);
        assert_eq!(headers["authorization"], "Bearer t-1", "{provider}");
        assert!(!headers.contains_key("x-api-key") && !headers.contains_key("api-key"));
    }
}

#[test]
fn the_operators_own_authorization_replaces_ours() {
    let lab = Lab::new("openai").header("Authorization", "Custom c");
    assert_eq!(headers(lab)["authorization"], "Custom c");
    assert_eq!(
        Lab::new("openai").make().unwrap_err().to_string(),
        "needs `api_key`, or one of the environment variables OPENAI_API_KEY"
    );
}

#[test]
fn unusable_credentials_are_told_without_being_shown() {
    for (credentials, part) in [
        (
            json!({"type": "service_account", "client_email": "a@b", "private_key": "s3cret"}),
            "RSA key",
        ),
        (
            json!({"type": "service_account", "private_key": "s3cret"}),
            "`client_email`",
        ),
        (
            json!({"type": "gdch_service_account", "client_secret": "s3cret"}),
            "`gdch_service_account`",
        ),
        (json!("{\"type\": s3cret"), "not a Google credentials file"),
        (json!("/nowhere/file.json"), "/nowhere/file.json"),
    ] {
        let values = json!({"project": "p", "credentials": credentials});
        let error = Lab::new("vertexai")
            .values(values)
            .make()
            .unwrap_err()
            .to_string();
        assert!(error.contains(part), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
}

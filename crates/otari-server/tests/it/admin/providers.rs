//! `/v1/providers`

use otari_testkit::{MASTER_KEY, TestApp};
use serde_json::json;

#[tokio::test]
async fn each_configured_instance_is_described() {
    let providers = json!({
        "lab": {"provider_type": "openai", "api_key": "sk-lab"},
        "claude": {"provider_type": "anthropic", "api_key": "sk-claude"},
        "own": {"provider_type": "openai-compatible", "api_key": "k", "api_base": "http://127.0.0.1:1/v1"},
    });
    let app = TestApp::builder().set("providers", providers).start().await;
    let answer = app.client.get("/v1/providers", MASTER_KEY).await;
    let text = answer.text();
    assert!(!text.contains("sk-"), "{text}");
    let list = answer.expect(200);
    let list = list["providers"].as_array().unwrap();
    let names: Vec<_> = list
        .iter()
        .map(|entry| {
            (
                entry["instance"].as_str().unwrap(),
                entry["provider_type"].as_str().unwrap(),
            )
        })
        .collect();
    let expected = [
        ("claude", "anthropic"),
        ("lab", "openai"),
        ("own", "openai_compatible"),
    ];
    assert_eq!(names.len(), expected.len());
    for ((name, _), (expected, _)) in names.iter().zip(expected) {
        assert_eq!(*name, expected);
    }
    let capabilities = json!({
        "streaming": true, "reasoning": true, "vision": true, "pdf": true, "embeddings": false,
        "image_generation": false, "audio": false, "rerank": false, "responses_api": false, "moderation": false,
        "list_models": true,
    });
    let claude = json!({
        "instance": "claude", "provider_type": "anthropic", "name": "Anthropic",
        "doc_url": "https://platform.claude.com/docs", "description": null, "env_key": "ANTHROPIC_API_KEY",
        "pricing_urls": ["https://www.anthropic.com/pricing#api"], "capabilities": capabilities,
    });
    assert_eq!(list[0], claude);
    assert_eq!(list[1]["capabilities"]["audio"], true);
    assert_eq!(list[2]["pricing_urls"], json!([]));
}

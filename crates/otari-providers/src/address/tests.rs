use std::time::Duration;

use otari_types::Secret;
use serde_json::{Value, json};

use crate::{Environment, Instance, InstanceError, InstanceOptions, InstanceSettings, Operation};
use crate::{Timeouts, catalog};

const ALL_PLACES: &[(&str, &str)] = &[
    ("AWS_REGION", "eu-west-1"),
    ("GOOGLE_CLOUD_PROJECT", "lab-1"),
    ("GOOGLE_CLOUD_LOCATION", "europe-west4"),
    ("AZURE_RESOURCE_NAME", "lab"),
    ("AZURE_ANTHROPIC_RESOURCE", "lab"),
    ("WATSONX_REGION", "eu-de"),
];

fn made(
    provider: &str,
    base: Option<&str>,
    env: &'static [(&'static str, &'static str)],
    values: Value,
) -> Result<Instance, InstanceError> {
    let second = Duration::from_secs(1);
    let settings = InstanceSettings {
        more_keys: Vec::new(),
        max_retries: 0,
        name: "lab".to_owned(),
        api_key: Some(Secret::new("key-1")),
        api_base: base.map(str::to_owned),
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
    let Value::Object(values) = values else {
        panic!("options are an object")
    };
    let options = InstanceOptions {
        values,
        environment: Environment::new(|name| {
            let found = env.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        }),
        ..InstanceOptions::default()
    };
    Instance::with_options(catalog::find(provider).unwrap(), settings, &options)
}

fn address(provider: &str, values: Value, operation: Operation, model: &str) -> String {
    let instance = made(provider, None, ALL_PLACES, values).expect(provider);
    instance
        .address(operation, model, false)
        .expect(model)
        .to_string()
}

fn streamed(provider: &str, operation: Operation, model: &str) -> String {
    let instance = made(provider, None, ALL_PLACES, json!({})).expect(provider);
    instance
        .address(operation, model, true)
        .expect(model)
        .to_string()
}

#[test]
fn every_capability_of_every_provider_has_an_address() {
    for provider in catalog::all() {
        let base = provider
            .base_url
            .is_none()
            .then_some("https://lab.example/v1");
        let instance = made(provider.id, base, ALL_PLACES, json!({}))
            .unwrap_or_else(|error| panic!("{}: {error}", provider.id));
        for operation in Operation::ALL {
            if operation
                .capability()
                .is_some_and(|needed| !provider.can(needed))
            {
                continue;
            }
            for stream in [false, true] {
                let uri = instance
                    .address(operation, "some-model", stream)
                    .unwrap_or_else(|error| panic!("{} {operation:?}: {error}", provider.id));
                let text = uri.to_string();
                assert!(
                    !text.contains(['{', '}']),
                    "{} {operation:?}: {text}",
                    provider.id
                );
                assert!(uri.host().is_some() && uri.scheme().is_some(), "{text}");
                assert!(
                    !uri.path().contains("//"),
                    "{} {operation:?}: {text}",
                    provider.id
                );
                assert!(
                    !text.contains("/v1/v1"),
                    "{} {operation:?}: {text}",
                    provider.id
                );
            }
        }
    }
}

#[test]
fn amazon_ids_are_one_segment() {
    let host = "https://bedrock-runtime.eu-west-1.amazonaws.com";
    assert_eq!(
        address(
            "bedrock",
            json!({}),
            Operation::Chat,
            "anthropic.claude-3-5-sonnet-20240620-v1:0"
        ),
        format!("{host}/model/anthropic.claude-3-5-sonnet-20240620-v1%3A0/converse")
    );
    assert_eq!(
        streamed("bedrock", Operation::Chat, "a/b"),
        format!("{host}/model/a%2Fb/converse-stream")
    );
    // A profile does not count tokens, the model behind it does.
    for profile in ["eu.", ""] {
        assert_eq!(
            address(
                "bedrock",
                json!({}),
                Operation::CountTokens,
                &format!("{profile}anthropic.claude-sonnet-4-5-v1:0")
            ),
            format!("{host}/model/anthropic.claude-sonnet-4-5-v1%3A0/count-tokens")
        );
    }
    // An ARN is called where it is.
    let arn = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.x-v1:0";
    assert_eq!(
        address("bedrock", json!({}), Operation::Chat, arn),
        "https://bedrock-runtime.us-east-1.amazonaws.com/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fus.anthropic.x-v1%3A0/converse"
    );
    // A caller's text is no host.
    let arn = "arn:aws:bedrock:evil.example/:1:x";
    assert!(
        address("bedrock", json!({}), Operation::Chat, arn).starts_with(&format!("{host}/model/"))
    );
    assert_eq!(
        address("bedrock", json!({}), Operation::Models, ""),
        "https://bedrock.eu-west-1.amazonaws.com/foundation-models"
    );
    assert_eq!(
        address(
            "bedrock",
            json!({"region": "cn-north-1"}),
            Operation::Models,
            ""
        ),
        "https://bedrock.cn-north-1.amazonaws.com.cn/foundation-models"
    );
    assert_eq!(
        streamed("sagemaker", Operation::Chat, "my-ep"),
        "https://runtime.sagemaker.eu-west-1.amazonaws.com/endpoints/my-ep/invocations-response-stream"
    );
}

#[test]
fn a_moved_bedrock_keeps_its_other_services_unless_all_moved() {
    let at = |base: &str, operation| {
        let instance = made("bedrock", Some(base), ALL_PLACES, json!({})).unwrap();
        instance.address(operation, "m", false).unwrap().to_string()
    };
    let private = "https://vpce-1.bedrock-runtime.eu-west-1.vpce.amazonaws.com";
    assert_eq!(
        at(private, Operation::Chat),
        format!("{private}/model/m/converse")
    );
    assert_eq!(
        at(private, Operation::Rerank),
        "https://bedrock-agent-runtime.eu-west-1.amazonaws.com/rerank"
    );
    assert_eq!(
        at("http://localhost:4566", Operation::Rerank),
        "http://localhost:4566/rerank"
    );
}

#[test]
fn google_models_are_known_by_each_of_their_names() {
    let base = "https://generativelanguage.googleapis.com/v1beta";
    for name in ["gemini-3-pro", "models/gemini-3-pro"] {
        assert_eq!(
            address("gemini", json!({}), Operation::Chat, name),
            format!("{base}/models/gemini-3-pro:generateContent")
        );
    }
    assert_eq!(
        address("gemini", json!({}), Operation::Chat, "tunedModels/mine"),
        format!("{base}/tunedModels/mine:generateContent")
    );
    assert_eq!(
        streamed("gemini", Operation::Chat, "gemini-3-pro"),
        format!("{base}/models/gemini-3-pro:streamGenerateContent?alt=sse")
    );
    let base =
        "https://europe-west4-aiplatform.googleapis.com/v1/projects/lab-1/locations/europe-west4";
    for (name, path) in [
        ("g-3", "publishers/google/models/g-3"),
        ("models/g-3", "publishers/google/models/g-3"),
        ("google/g-3", "publishers/google/models/g-3"),
        ("meta/llama-4", "publishers/meta/models/llama-4"),
        (
            "publishers/meta/models/llama-4",
            "publishers/meta/models/llama-4",
        ),
        ("1234567", "endpoints/1234567"),
        ("endpoints/7", "endpoints/7"),
        (
            "projects/lab-1/locations/europe-west4/endpoints/7",
            "endpoints/7",
        ),
    ] {
        assert_eq!(
            address("vertexai", json!({}), Operation::Chat, name),
            format!("{base}/{path}:generateContent"),
            "{name}"
        );
    }
    assert_eq!(
        streamed(
            "vertexaianthropic",
            Operation::Messages,
            "claude-haiku-4-5@20251001"
        ),
        format!("{base}/publishers/anthropic/models/claude-haiku-4-5@20251001:streamRawPredict")
    );
}

#[test]
fn sound_and_pictures_have_places_of_their_own() {
    let dashscope =
        "https://dashscope.aliyuncs.com/api/v1/services/aigc/multimodal-generation/generation";
    for (id, operation, expected) in [
        ("xai", Operation::Speech, "https://api.x.ai/v1/tts"),
        ("xai", Operation::Transcriptions, "https://api.x.ai/v1/stt"),
        (
            "xai",
            Operation::ImageEdits,
            "https://api.x.ai/v1/images/edits",
        ),
        (
            "openrouter",
            Operation::Images,
            "https://openrouter.ai/api/v1/images",
        ),
        (
            "fireworks",
            Operation::Transcriptions,
            "https://audio-prod.api.fireworks.ai/v1/audio/transcriptions",
        ),
        ("dashscope", Operation::Transcriptions, dashscope),
        ("dashscope", Operation::Images, dashscope),
    ] {
        assert_eq!(address(id, json!({}), operation, "m"), expected, "{id}");
    }
}

#[test]
fn vertex_has_other_hosts_for_the_world_and_for_continents() {
    for (location, host) in [
        ("us-central1", "us-central1-aiplatform.googleapis.com"),
        ("global", "aiplatform.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
    ] {
        let address = address(
            "vertexai",
            json!({"location": location}),
            Operation::Chat,
            "m",
        );
        let expected = format!("https://{host}/v1/projects/lab-1/locations/{location}/");
        assert!(address.starts_with(&expected), "{address}");
    }
    let express = made("vertexai", None, &[], json!({})).unwrap();
    assert_eq!(
        express
            .address(Operation::Chat, "m", false)
            .unwrap()
            .to_string(),
        "https://aiplatform.googleapis.com/v1/publishers/google/models/m:generateContent"
    );
}

#[test]
fn azure_moves_to_dated_routes_with_its_version() {
    let at = |version: Value, operation| {
        address(
            "azureopenai",
            json!({"api_version": version}),
            operation,
            "gpt 5/x",
        )
    };
    let host = "https://lab.openai.azure.com";
    for version in [Value::Null, json!("v1"), json!("latest")] {
        assert_eq!(
            at(version, Operation::Chat),
            format!("{host}/openai/v1/chat/completions")
        );
    }
    assert_eq!(
        at(json!("preview"), Operation::Responses),
        format!("{host}/openai/v1/responses?api-version=preview")
    );
    assert_eq!(
        at(json!("2024-10-21"), Operation::Chat),
        format!("{host}/openai/deployments/gpt%205%2Fx/chat/completions?api-version=2024-10-21")
    );
    assert_eq!(
        at(json!("2024-10-21"), Operation::Files),
        format!("{host}/openai/files?api-version=2024-10-21")
    );
    let queried = json!({"api_version": "2024-10-21", "extra_query": {"a b": "ü", "n": 1}});
    assert_eq!(
        address("azureopenai", queried, Operation::Files, ""),
        format!("{host}/openai/files?api-version=2024-10-21&a%20b=%C3%BC&n=1")
    );
    assert_eq!(
        address("azureanthropic", json!({}), Operation::Messages, "m"),
        "https://lab.services.ai.azure.com/anthropic/v1/messages"
    );
}

#[test]
fn bases_are_taken_as_people_copy_them() {
    for (provider, given, chat) in [
        (
            "azureopenai",
            "https://r.openai.azure.com/",
            "https://r.openai.azure.com/openai/v1/chat/completions",
        ),
        (
            "azureopenai",
            "https://r.openai.azure.com/openai/v1/",
            "https://r.openai.azure.com/openai/v1/chat/completions",
        ),
        (
            "azureanthropic",
            "https://r.services.ai.azure.com",
            "https://r.services.ai.azure.com/anthropic/v1/messages",
        ),
        (
            "gemini",
            "https://proxy.example",
            "https://proxy.example/v1beta/models/m:generateContent",
        ),
        (
            "gemini",
            "https://proxy.example/v1",
            "https://proxy.example/v1/models/m:generateContent",
        ),
        (
            "cohere",
            "https://proxy.example/v2",
            "https://proxy.example/v2/chat",
        ),
        (
            "anthropic",
            "https://proxy.example/v1",
            "https://proxy.example/v1/messages",
        ),
        (
            "databricks",
            "adb-1.azuredatabricks.net",
            "https://adb-1.azuredatabricks.net/serving-endpoints/chat/completions",
        ),
        (
            "ollama",
            "127.0.0.1:11434",
            "http://127.0.0.1:11434/api/chat",
        ),
        ("ollama", "http://gpu:11434/v1", "http://gpu:11434/api/chat"),
    ] {
        let instance = made(provider, Some(given), ALL_PLACES, json!({})).expect(given);
        let address = instance.address(Operation::Chat, "m", false).unwrap();
        assert_eq!(address.to_string(), chat, "{provider} {given}");
    }
    for bad in ["ftp://x", "https://", "https://x/?a=b", "https://{x}/"] {
        assert_eq!(
            made("openai", Some(bad), &[], json!({})).unwrap_err(),
            InstanceError::BadBase,
            "{bad}"
        );
    }
}

#[test]
fn a_moved_provider_is_moved_with_all_its_paths() {
    for (provider, operation, path) in [
        ("minimax", Operation::Messages, "/anthropic/v1/messages"),
        ("github", Operation::Models, "/catalog/models"),
        ("gemini", Operation::Files, "/upload/v1beta/files"),
    ] {
        let instance = made(provider, Some("http://127.0.0.1:9/v1"), &[], json!({})).unwrap();
        let address = instance.address(operation, "m", false).unwrap();
        assert_eq!(
            address.to_string(),
            format!("http://127.0.0.1:9{path}"),
            "{provider}"
        );
    }
}

#[test]
fn names_of_models_lead_nowhere_else() {
    for (provider, operation, models) in [
        ("bedrock", Operation::Chat, &["", "..", "."] as &[_]),
        (
            "gemini",
            Operation::Chat,
            &["", "..", "a/../b", "a//b", "models/"],
        ),
        (
            "vertexai",
            Operation::Chat,
            &[
                "",
                "a/b/c",
                "projects/other/locations/europe-west4/endpoints/7",
                "../x",
            ],
        ),
        (
            "watsonx",
            Operation::Chat,
            &["deployment/..", "deployment/"],
        ),
        ("fireworks", Operation::Images, &["../../x"]),
    ] {
        let instance = made(provider, None, ALL_PLACES, json!({})).unwrap();
        for model in models {
            let error = instance.address(operation, model, false).unwrap_err();
            assert_eq!(
                error,
                InstanceError::BadModel((*model).to_owned()),
                "{provider}"
            );
        }
    }
    assert_eq!(
        address("gemini", json!({}), Operation::Chat, "m:countTokens?x#y%"),
        "https://generativelanguage.googleapis.com/v1beta/models/m%3AcountTokens%3Fx%23y%25:generateContent"
    );
}

#[test]
fn other_addresses_with_a_model_in_them() {
    assert_eq!(
        address(
            "huggingface",
            json!({}),
            Operation::Embeddings,
            "org/bge:hf-inference"
        ),
        "https://router.huggingface.co/hf-inference/models/org/bge/pipeline/feature-extraction"
    );
    assert_eq!(
        address(
            "fireworks",
            json!({}),
            Operation::Images,
            "accounts/fireworks/models/flux"
        ),
        "https://api.fireworks.ai/inference/v1/workflows/accounts/fireworks/models/flux/text_to_image"
    );
    assert_eq!(
        address(
            "watsonx",
            json!({"version": "2024-01-02"}),
            Operation::Chat,
            "ibm/granite"
        ),
        "https://eu-de.ml.cloud.ibm.com/ml/v1/text/chat?version=2024-01-02"
    );
    assert_eq!(
        streamed("watsonx", Operation::Chat, "deployment/d-1"),
        "https://eu-de.ml.cloud.ibm.com/ml/v1/deployments/d-1/text/chat_stream?version=2025-02-11"
    );
}

#[test]
fn what_is_missing_is_named() {
    let error = made("bedrock", None, &[], json!({}))
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "needs `region`, or one of the environment variables AWS_REGION, AWS_DEFAULT_REGION"
    );
    for provider in ["azureopenai", "watsonx", "azureanthropic"] {
        let error = made(provider, None, &[], json!({})).unwrap_err();
        assert!(
            matches!(error, InstanceError::NoBase(_)),
            "{provider}: {error}"
        );
    }
    let bad = made("bedrock", None, &[], json!({"region": "x.evil.example/"})).unwrap_err();
    assert_eq!(bad, InstanceError::BadSetting("region"));
}

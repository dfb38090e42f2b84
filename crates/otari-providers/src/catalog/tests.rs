use std::collections::BTreeSet;

use super::*;
use crate::provider::{Capability, Dialect};
use crate::quirk::{Edit, top_level_edit};

/// The ids that existing configurations use; none may disappear.
const KNOWN: &str = "anthropic anthropic_compatible atlascloud azure azureanthropic azureopenai bedrock cascadia \
    cerebras cohere dashscope databricks deepinfra deepseek echo edenai fireworks gemini github gmi groq huggingface \
    inception kenari llama llamacpp llamafile lmstudio meta minimax mistral moonshot mzai nebius neosantara ollama \
    openai openai_compatible openrouter otari ovhcloud perplexity portkey qiniu requesty sagemaker sambanova telnyx \
    together vertexai vertexaianthropic vllm voyage watsonx xai zai";

#[test]
fn every_known_provider_is_there_once() {
    let ids: BTreeSet<&str> = all().iter().map(|provider| provider.id).collect();
    assert_eq!(ids.len(), all().len(), "an id occurs twice");
    let known: BTreeSet<&str> = KNOWN.split_whitespace().collect();
    assert_eq!(ids, known);
}

#[test]
fn every_row_is_well_formed() {
    for provider in all() {
        let id = provider.id;
        assert!(
            id.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
            "{id}"
        );
        assert!(!provider.name.is_empty(), "{id}");
        for address in [Some(provider.docs), provider.base_url]
            .into_iter()
            .flatten()
        {
            let filled = address.replace(['{', '}'], "");
            let uri: http::Uri = filled
                .parse()
                .unwrap_or_else(|e| panic!("{id} {address}: {e}"));
            assert!(
                uri.host().is_some() && uri.scheme().is_some(),
                "{id} {address}"
            );
        }
        assert!(
            provider.base_url.is_none_or(|base| !base.ends_with('/')),
            "{id}: paths begin with the slash"
        );
        let paths = [
            provider.paths.chat,
            provider.paths.models,
            provider.paths.embeddings,
        ];
        assert!(
            paths
                .iter()
                .all(|path| path.starts_with('/') || path.starts_with("https://")),
            "{id}"
        );
        let names = provider.key_env.iter().chain(provider.base_url_env);
        for name in names {
            assert!(
                name.bytes()
                    .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_'),
                "{id} {name}"
            );
        }
        assert!(
            !provider.key_required || !provider.key_env.is_empty(),
            "{id} needs a key and names no variable"
        );
        assert!(provider.capabilities.iter().next().is_some(), "{id}");
    }
}

#[test]
fn whoever_speaks_a_chat_dialect_can_chat() {
    for provider in all() {
        assert_eq!(
            provider.can(Capability::Chat),
            provider.dialect != Dialect::Voyage,
            "{}",
            provider.id
        );
    }
}

#[test]
fn no_row_drops_what_a_chat_is_made_of() {
    for provider in all() {
        for member in [
            "model",
            "messages",
            "stream",
            "tools",
            "tool_choice",
            "temperature",
        ] {
            // The container behind a SageMaker endpoint is the model.
            if provider.dialect == Dialect::Sagemaker && member == "model" {
                continue;
            }
            let edit = top_level_edit(provider.quirks, member, true);
            assert_eq!(edit, Edit::Keep, "{} {member}", provider.id);
        }
    }
}

#[test]
fn ids_are_found_as_people_write_them() {
    for (written, id) in [
        ("openai", "openai"),
        (" OpenAI ", "openai"),
        ("openai-compatible", "openai_compatible"),
        ("OPENAI_COMPATIBLE", "openai_compatible"),
        ("anthropic-compatible", "anthropic_compatible"),
    ] {
        assert_eq!(
            find(written).map(|provider| provider.id),
            Some(id),
            "{written}"
        );
    }
    for unknown in ["", "openai2", "open-ai", "nobody"] {
        assert!(find(unknown).is_none(), "{unknown}");
    }
}

#[test]
fn compatible_and_local_providers_have_no_vendors_price() {
    for id in [
        "openai_compatible",
        "anthropic_compatible",
        "ollama",
        "vllm",
        "echo",
    ] {
        assert!(find(id).unwrap().compatible, "{id}");
    }
    for id in ["openai", "anthropic", "openrouter", "bedrock"] {
        assert!(!find(id).unwrap().compatible, "{id}");
    }
}

#[test]
fn the_table_has_a_line_for_every_provider() {
    let table = markdown_table();
    assert_eq!(table.lines().count(), all().len() + 2);
    assert!(
        table
            .lines()
            .all(|line| line.matches(" | ").count() == 5 || line.starts_with("|---"))
    );
    assert!(table.contains("| `groq` | [GroqCloud](https://console.groq.com/docs/openai) | OpenAI chat | `GROQ_API_KEY` |"));
    assert!(table.contains("`kenari` (experimental)"));
}

#[test]
fn credentials_in_the_environment_are_noticed() {
    let holds = |id: &str, variable: &'static str| {
        let environment =
            crate::Environment::new(move |name| (name == variable).then(|| "x".to_owned()));
        find(id).unwrap().credential_in(&environment)
    };
    assert!(holds("openai", "OPENAI_API_KEY"));
    assert!(holds("anthropic", "ANTHROPIC_AUTH_TOKEN"));
    assert!(holds("bedrock", "AWS_PROFILE"));
    assert!(holds("vertexai", "GOOGLE_APPLICATION_CREDENTIALS"));
    assert!(holds("azureopenai", "AZURE_CLIENT_SECRET"));
    assert!(!holds("openai", "AWS_PROFILE"));
    assert!(!holds("bedrock", "OPENAI_API_KEY"));
}

//! The catalogue as documentation.

use std::fmt::Write as _;

use crate::provider::{AuthScheme, Capability, Dialect, Provider};

/// Every provider as a Markdown table, for the generated provider reference.
pub fn markdown_table() -> String {
    let mut text = String::from(
        "| Provider | Name | Speaks | Key variables | Base URL | Capabilities |\n|---|---|---|---|---|---|\n",
    );
    for provider in super::all() {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| `{}`{} | [{}]({}) | {} | {} | {} | {} |",
            provider.id,
            if provider.experimental {
                " (experimental)"
            } else {
                ""
            },
            provider.name,
            provider.docs,
            dialect(provider.dialect),
            key(provider),
            base(provider),
            capabilities(provider),
        );
    }
    text
}

fn dialect(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::OpenAiChat => "OpenAI chat",
        Dialect::AnthropicMessages => "Anthropic Messages",
        Dialect::Gemini => "Gemini",
        Dialect::Vertex => "Gemini on Vertex AI",
        Dialect::VertexAnthropic => "Anthropic Messages on Vertex AI",
        Dialect::BedrockConverse => "Bedrock Converse",
        Dialect::Sagemaker => "OpenAI chat on SageMaker",
        Dialect::CohereV2 => "Cohere v2",
        Dialect::Mistral => "Mistral",
        Dialect::Ollama => "Ollama",
        Dialect::Watsonx => "watsonx.ai",
        Dialect::AzureOpenAi => "OpenAI chat on Azure",
        Dialect::AzureInference => "Azure AI Inference",
        Dialect::AzureAnthropic => "Anthropic Messages on Azure",
        Dialect::HuggingFace => "Hugging Face router",
        Dialect::Voyage => "Voyage",
        Dialect::Echo => "built in",
    }
}

fn key(provider: &Provider) -> String {
    let keys = provider.key_env.iter().chain(provider.token_env);
    let names = code_list(&keys.copied().collect::<Vec<_>>());
    let vendors = match provider.auth {
        AuthScheme::SigV4(_) => "AWS credentials",
        AuthScheme::GoogleOauth => "Google application-default credentials",
        AuthScheme::AzureKey => "Microsoft Entra ID",
        AuthScheme::DatabricksOauth => "an OAuth client",
        _ if names.is_empty() => return "none".to_owned(),
        _ if provider.key_required => return names,
        _ => return format!("{names} (optional)"),
    };
    if names.is_empty() {
        vendors.to_owned()
    } else {
        format!("{names}, {vendors}")
    }
}

fn base(provider: &Provider) -> String {
    let default = provider.base_url.map(|url| format!("`{url}`"));
    let variables = code_list(provider.base_url_env);
    match (default, variables.is_empty()) {
        (Some(default), true) => default,
        (Some(default), false) => format!("{default}, {variables}"),
        (None, true) if provider.dialect == Dialect::Echo => "none".to_owned(),
        (None, true) => "required".to_owned(),
        (None, false) => format!("required, {variables}"),
    }
}

fn capabilities(provider: &Provider) -> String {
    let names: Vec<&str> = provider
        .capabilities
        .iter()
        .map(Capability::as_str)
        .collect();
    names.join(", ")
}

fn code_list(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

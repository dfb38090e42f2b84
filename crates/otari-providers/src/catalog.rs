//! The provider list. To add a provider, add its row to one of the files below and its name to `ALL`.

mod cloud;
mod hosted;
mod local;
mod routers;
mod table;

pub use table::markdown_table;

use crate::provider::{Capabilities, Provider};

const OPENAI_COMPATIBLE: Provider = Provider::OPENAI_COMPATIBLE;
const CHAT: Capabilities = Capabilities::CHAT;
/// Anthropic's API refuses a request without it.
const ANTHROPIC_VERSION: &[(&str, &str)] = &[("anthropic-version", "2023-06-01")];

static ALL: &[&Provider] = &[
    &hosted::OPENAI,
    &hosted::ANTHROPIC,
    &hosted::GEMINI,
    &hosted::MISTRAL,
    &hosted::COHERE,
    &hosted::DEEPSEEK,
    &hosted::XAI,
    &hosted::MOONSHOT,
    &hosted::MINIMAX,
    &hosted::ZAI,
    &hosted::INCEPTION,
    &hosted::LLAMA,
    &hosted::META,
    &hosted::PERPLEXITY,
    &hosted::VOYAGE,
    &hosted::OVHCLOUD,
    &hosted::GROQ,
    &hosted::CEREBRAS,
    &hosted::FIREWORKS,
    &hosted::TOGETHER,
    &hosted::SAMBANOVA,
    &hosted::NEBIUS,
    &hosted::DEEPINFRA,
    &hosted::GMI,
    &hosted::GITHUB,
    &hosted::DASHSCOPE,
    &hosted::TELNYX,
    &hosted::ATLASCLOUD,
    &cloud::AZUREOPENAI,
    &cloud::AZURE,
    &cloud::AZUREANTHROPIC,
    &cloud::BEDROCK,
    &cloud::SAGEMAKER,
    &cloud::VERTEXAI,
    &cloud::VERTEXAIANTHROPIC,
    &cloud::WATSONX,
    &cloud::DATABRICKS,
    &routers::HUGGINGFACE,
    &routers::KENARI,
    &routers::NEOSANTARA,
    &routers::QINIU,
    &routers::OPENROUTER,
    &routers::PORTKEY,
    &routers::REQUESTY,
    &routers::EDENAI,
    &routers::MZAI,
    &routers::OTARI,
    &routers::ANY_OPENAI,
    &routers::ANY_ANTHROPIC,
    &local::OLLAMA,
    &local::LMSTUDIO,
    &local::LLAMACPP,
    &local::LLAMAFILE,
    &local::VLLM,
    &local::CASCADIA,
    &local::ECHO,
];

/// Every provider, in the order of the documentation.
pub fn all() -> &'static [&'static Provider] {
    ALL
}

/// The provider of that id, as people write it: any case, surrounding blanks, `-` for `_` (`openai-compatible`).
pub fn find(id: &str) -> Option<&'static Provider> {
    let id = id.trim();
    let same = |known: &str| {
        known.len() == id.len()
            && known.bytes().zip(id.bytes()).all(|(known, written)| {
                known == written.to_ascii_lowercase() || (known == b'_' && written == b'-')
            })
    };
    ALL.iter().copied().find(|provider| same(provider.id))
}

#[cfg(test)]
mod tests;

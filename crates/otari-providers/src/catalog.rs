//! The provider list. To add a provider, add its row to one of the files below and its name to `ALL`.

mod cloud;
mod hosts;
mod local;
mod makers;
mod routers;
mod table;

pub use table::markdown_table;

use crate::provider::{Capabilities, Provider};

const OPENAI_COMPATIBLE: Provider = Provider::OPENAI_COMPATIBLE;
const CHAT: Capabilities = Capabilities::CHAT;
/// Anthropic's API refuses a request without it.
const ANTHROPIC_VERSION: &[(&str, &str)] = &[("anthropic-version", "2023-06-01")];

static ALL: &[&Provider] = &[
    &makers::OPENAI,
    &makers::ANTHROPIC,
    &makers::GEMINI,
    &makers::MISTRAL,
    &makers::COHERE,
    &makers::DEEPSEEK,
    &makers::XAI,
    &makers::MOONSHOT,
    &makers::MINIMAX,
    &makers::ZAI,
    &makers::INCEPTION,
    &makers::LLAMA,
    &makers::META,
    &makers::PERPLEXITY,
    &makers::VOYAGE,
    &hosts::OVHCLOUD,
    &hosts::GROQ,
    &hosts::CEREBRAS,
    &hosts::FIREWORKS,
    &hosts::TOGETHER,
    &hosts::SAMBANOVA,
    &hosts::NEBIUS,
    &hosts::DEEPINFRA,
    &hosts::GMI,
    &hosts::GITHUB,
    &hosts::DASHSCOPE,
    &hosts::TELNYX,
    &hosts::ATLASCLOUD,
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

//! How a provider is called for a surface: in which format, by which operation.

use otari_providers::{Capability, Dialect, Instance, Operation};
use otari_translate::{Surface, Wire};

use crate::error::GatewayError;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Route {
    pub(crate) wire: Wire,
    pub(crate) operation: Operation,
}

/// The provider's native form of the surface where it has one, else its chat.
pub(crate) fn route(surface: Surface, instance: &Instance) -> Result<Route, GatewayError> {
    let provider = instance.provider;
    let native = match surface {
        Surface::Messages if provider.can(Capability::Messages) => {
            Some((Wire::Anthropic, Operation::Messages))
        }
        Surface::Responses if provider.can(Capability::Responses) => {
            Some((Wire::OpenAiResponses, Operation::Responses))
        }
        _ => None,
    };
    let chat = || Some((chat_wire(provider.dialect)?, Operation::Chat));
    let (wire, operation) = native.or_else(chat).ok_or_else(|| {
        GatewayError::InvalidRequest(format!("Provider '{}' has no chat models", instance.name))
    })?;
    Ok(Route { wire, operation })
}

fn chat_wire(dialect: Dialect) -> Option<Wire> {
    Some(match dialect {
        Dialect::OpenAiChat
        | Dialect::HuggingFace
        | Dialect::AzureOpenAi
        | Dialect::AzureInference
        | Dialect::Echo => Wire::OpenAiChat,
        Dialect::Mistral => Wire::Mistral,
        Dialect::Ollama => Wire::Ollama,
        Dialect::Sagemaker => Wire::Sagemaker,
        Dialect::Watsonx => Wire::Watsonx,
        Dialect::AnthropicMessages | Dialect::AzureAnthropic | Dialect::VertexAnthropic => {
            Wire::Anthropic
        }
        Dialect::Gemini | Dialect::Vertex => Wire::Gemini,
        Dialect::BedrockConverse => Wire::Bedrock,
        Dialect::CohereV2 => Wire::Cohere,
        Dialect::Voyage => return None,
    })
}

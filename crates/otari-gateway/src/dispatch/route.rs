//! How a provider is called for a surface: in which format, by which operation.

use otari_providers::{Capability, Dialect, Instance, Operation};
use otari_translate::{Surface, Wire};

use crate::error::GatewayError;

#[derive(Clone, Copy, Debug)]
pub(super) struct Route {
    pub(super) wire: Wire,
    pub(super) operation: Operation,
}

/// The provider's native form of the surface where it has one, else its chat.
pub(super) fn route(surface: Surface, instance: &Instance) -> Result<Route, GatewayError> {
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
        GatewayError::InvalidRequest(format!(
            "Provider '{}' has no chat models",
            instance.name
        ))
    })?;
    Ok(Route { wire, operation })
}

fn chat_wire(dialect: Dialect) -> Option<Wire> {
    Some(match dialect {
        Dialect::OpenAiChat
        | Dialect::Mistral
        | Dialect::HuggingFace
        | Dialect::AzureOpenAi
        | Dialect::AzureInference
        | Dialect::Ollama
        | Dialect::Sagemaker
        | Dialect::Watsonx
        | Dialect::Echo => Wire::OpenAiChat,
        Dialect::AnthropicMessages | Dialect::AzureAnthropic | Dialect::VertexAnthropic => {
            Wire::Anthropic
        }
        Dialect::Gemini | Dialect::Vertex => Wire::Gemini,
        Dialect::BedrockConverse => Wire::Bedrock,
        Dialect::CohereV2 => Wire::Cohere,
        Dialect::Voyage => return None,
    })
}

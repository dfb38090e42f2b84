//! The errors of the gateway's own tools.

use http::StatusCode;
use otari_gateway::GatewayError;
use otari_store::SealError;
use otari_tools::HttpError;
use otari_tools::mcp::McpFault;

use super::ApiError;

/// The answer to an error of a tool, whose text is `text`.
pub(super) fn answer(error: &GatewayError, text: String) -> ApiError {
    use GatewayError as E;
    let new = |status, kind, text| ApiError::new(status, kind, text);
    match error {
        E::ToolUnavailable { .. } => ApiError::bad_request(text).code("tool_unavailable"),
        E::SearchTool(_) => ApiError::bad_request(text).code("search_tool_not_found"),
        E::ToolSwitchedOff(_) => ApiError::forbidden(text).code("tool_switched_off"),
        E::ToolNotPermitted(_) => ApiError::forbidden(text).code("tool_not_permitted"),
        E::ToolUnpriced(_) => {
            let kind = "invalid_request_error";
            new(StatusCode::PAYMENT_REQUIRED, kind, text).code("tool_not_priced")
        }
        E::NoSuchTool(_) | E::McpServerNotFound(_) | E::ContainerNotFound(_) => {
            ApiError::not_found(text)
        }
        E::ToolLimit(_) => {
            let kind = "invalid_request_error";
            new(StatusCode::UNPROCESSABLE_ENTITY, kind, text)
        }
        E::Mcp(error) => match &error.fault {
            // The address itself, not what answers there.
            McpFault::Http(HttpError::Refused(_)) => {
                ApiError::bad_request(text).code("mcp_server_refused")
            }
            McpFault::Timeout | McpFault::Http(HttpError::Timeout { .. }) => {
                new(StatusCode::GATEWAY_TIMEOUT, "timeout_error", text)
            }
            _ => ApiError::bad_gateway(&text).code("mcp_server_failed"),
        },
        E::Sandbox(_) => ApiError::bad_gateway(&text),
        E::Sealed {
            error: SealError::NoKey,
            ..
        } => ApiError::bad_request(text),
        E::Sealed { .. } => {
            tracing::error!(error = text, "a stored secret cannot be used");
            ApiError::internal()
        }
        _ => ApiError::internal(),
    }
}

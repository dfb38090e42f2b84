//! Everything that can end a call without an answer. Closed; the server's error file gives each its status.

use otari_ledger::LedgerError;
use otari_providers::UpstreamError;
use otari_store::StoreError;

use crate::files::StorageError;
use crate::guardrails::Blocked;

/// A member of the request body that cannot be accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldProblem {
    /// Path inside the body, e.g. `["messages", "0", "role"]`.
    pub loc: Vec<String>,
    /// Machine-readable kind, e.g. `missing`.
    pub kind: &'static str,
    pub message: String,
}

#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    // Who is calling.
    #[error("Missing Otari-Key, Authorization, or x-api-key header")]
    MissingCredentials,
    #[error("Invalid header format. Expected 'Bearer <token>'")]
    InvalidCredentialFormat,
    #[error("Invalid API key")]
    InvalidKey,
    #[error("API key is inactive")]
    InactiveKey,
    #[error("API key has expired")]
    ExpiredKey,
    #[error("Invalid master key")]
    InvalidMasterKey,
    #[error("Authentication temporarily unavailable, please retry")]
    AuthUnavailable,
    /// In hybrid mode.
    #[error("Missing authentication token")]
    MissingToken,
    /// What the platform of hybrid mode says.
    #[error(transparent)]
    Platform(#[from] crate::hybrid::PlatformError),

    // May they.
    #[error("When using master key, 'user' field is required in request body")]
    UserRequired,
    #[error("'user' must be the user that owns the API key, or be left out")]
    UserMismatch,
    #[error("User '{0}' not found")]
    UnknownUser(String),
    #[error("User '{0}' is blocked")]
    UserBlocked(String),
    #[error("Rate limit exceeded")]
    RateLimited(crate::rate_limit::Window),
    #[error("Model '{0}' is not permitted for this API key.")]
    ModelNotPermitted(String),
    #[error("No model of the routing policy '{0}' is permitted for this API key.")]
    PolicyNotPermitted(String),

    /// As a permission names it: `otari_web_search`, `mcp:NAME`.
    #[error(
        "Tool '{0}' is not permitted for this API key; an operator can add it to the key's allowed_tools."
    )]
    ToolNotPermitted(String),
    /// By the policy of the caller's workspace.
    #[error("{0} is switched off for this workspace")]
    ToolSwitchedOff(String),

    // Is there room.
    #[error("User '{0}' has exceeded budget limit")]
    BudgetExceeded(String),
    #[error(
        "User '{0}' has exceeded budget limit: it ran out while failing over to a dearer model"
    )]
    BudgetRanOut(String),
    #[error("{}", unpriced_message(.model, .hint.as_deref()))]
    Unpriced { model: String, hint: Option<String> },
    #[error(
        "No price is set for the tool '{0}', and require_pricing is on, so it cannot be billed. Set one: POST \
         /v1/pricing {{\"model_key\": \"otari:{0}\", \"input_price_per_million\": 0, \"output_price_per_million\": 0}} \
         (dollars per million calls; 0 is free), or the same in the pricing section of config.yml."
    )]
    ToolUnpriced(String),
    #[error("The gateway cannot record usage at the moment, please retry")]
    CannotRecord,

    // What is asked.
    #[error(
        "Routing policy '{0}' is not available in hybrid mode: the platform routes. Ask for a model that it knows."
    )]
    PolicyElsewhere(String),
    #[error("The request body is not valid JSON")]
    InvalidJson { offset: usize },
    #[error("The request body is invalid")]
    InvalidBody(Vec<FieldProblem>),
    #[error("Invalid request: {0}")]
    InvalidRequest(String),
    #[error("The request body is larger than {max} bytes (max_body_bytes)")]
    BodyTooLarge { max: usize },
    #[error("The request body ended early")]
    BodyBrokeOff,
    #[error("The request body did not arrive in time")]
    BodyStalled,
    #[error("The file is larger than {max} bytes")]
    FileTooLarge { max: usize },
    #[error("All files together would be larger than {max} bytes; delete some first")]
    FileSpaceExhausted { max: u64 },
    #[error("File '{0}' not found")]
    FileNotFound(String),
    #[error("Files are switched off here (files_enabled)")]
    FilesDisabled,
    #[error("Batch '{0}' not found")]
    BatchNotFound(String),
    #[error("Batch '{id}' is not yet complete (status: {status})")]
    BatchNotComplete { id: String, status: &'static str },
    #[error("Batch '{id}' cannot be cancelled (status: {status})")]
    BatchEnded { id: String, status: &'static str },
    #[error("Batches are switched off here (batches_enabled)")]
    BatchesDisabled,
    #[error("{0}")]
    UnknownModel(String),
    #[error("Model '{0}' not found")]
    ModelNotFound(String),
    #[error("Response with id '{0}' not found")]
    ResponseNotFound(String),
    #[error("Previous response with id '{0}' not found")]
    PreviousResponseNotFound(String),
    /// A tool of the gateway's own that the operator has not set up.
    #[error("{tool} is not available on this gateway: {fix}")]
    ToolUnavailable {
        tool: &'static str,
        fix: &'static str,
    },
    #[error("Container '{0}' not found: it has ended, or is another user's")]
    ContainerNotFound(String),
    #[error("Exceeded max_tool_iterations={0}")]
    ToolLimit(u32),
    /// No tool of the search endpoint can be meant, or the one that is cannot work.
    #[error("{0}")]
    SearchTool(String),
    /// Of `/mcp`.
    #[error("There is no tool named '{0}'")]
    NoSuchTool(String),
    /// An MCP server that cannot take part.
    #[error(transparent)]
    Mcp(#[from] otari_tools::mcp::McpError),
    /// A named MCP server that this caller does not have.
    #[error("MCP server '{0}' not found")]
    McpServerNotFound(String),
    /// The provider of the model has no place for a member of the request.
    #[error("{member} is not supported by the provider of this model")]
    Unsupported { member: String },

    // What it says.
    #[error("{}", .0.message())]
    GuardrailBlocked(Box<Blocked>),
    /// A check in `block` mode that could not be made.
    #[error("guardrail profile '{0}' failed")]
    GuardrailUnavailable(String),

    // What went wrong elsewhere.
    #[error(transparent)]
    Upstream(Box<UpstreamFailure>),
    #[error(
        "No model of the routing policy '{0}' can be reached: none of its providers is configured"
    )]
    PolicyUnresolvable(String),
    /// Every candidate of a policy failed; each failure has a usage row of its own.
    #[error("{}", if *.timed_out { "All upstream providers timed out" } else { "All upstream providers failed" })]
    AllFailed { timed_out: bool },
    #[error(transparent)]
    Sandbox(otari_sandbox::SandboxError),
    #[error("The tools of this call broke off")]
    ToolLoopBroke,
    /// A task that worked for the call panicked, or the process ends.
    #[error("a part of this call stopped: {0}")]
    TaskStopped(#[from] tokio::task::JoinError),
    /// A stored secret of the operator's cannot be used; `what` says which.
    #[error("{what}: {error}")]
    Sealed {
        what: String,
        error: otari_store::SealError,
    },
    /// Bytes of a file could not be kept or had; logged where it happened.
    #[error("file storage failed")]
    Storage(#[source] StorageError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// An upstream failure and the instance it came from (for the log; callers are not told).
#[derive(Debug, thiserror::Error)]
#[error("{instance}: {:?}", .error.kind)]
pub struct UpstreamFailure {
    pub instance: String,
    pub error: UpstreamError,
}

impl GatewayError {
    pub(crate) fn upstream(instance: &str, error: UpstreamError) -> Self {
        Self::Upstream(Box::new(UpstreamFailure {
            instance: instance.to_owned(),
            error,
        }))
    }

    pub(crate) fn field(loc: &[&str], kind: &'static str, message: impl Into<String>) -> Self {
        let loc = loc.iter().map(|part| (*part).to_owned()).collect();
        Self::InvalidBody(vec![FieldProblem {
            loc,
            kind,
            message: message.into(),
        }])
    }

    /// The status of the usage row a refusal leaves, or `None` when it leaves none: who could not be identified
    /// has no row, and a caller over its rate could flood the log.
    pub fn refusal_row_status(&self) -> Option<u16> {
        match self {
            Self::UserMismatch
            | Self::ModelNotPermitted(_)
            | Self::PolicyNotPermitted(_)
            | Self::ToolNotPermitted(_)
            | Self::ToolSwitchedOff(_)
            | Self::UserBlocked(_)
            | Self::BudgetExceeded(_) => Some(403),
            Self::PolicyUnresolvable(_) => Some(502),
            Self::Unpriced { .. } | Self::ToolUnpriced(_) => Some(402),
            Self::UnknownModel(_) | Self::SearchTool(_) => Some(400),
            _ => None,
        }
    }
}

fn unpriced_message(model: &str, hint: Option<&str>) -> String {
    let message = format!(
        "No pricing is configured for model '{model}', and require_pricing is on, so it cannot be billed. Fix it \
         either way: add pricing (POST /v1/pricing, or the pricing section of config.yml), or enable the \
         default-pricing fallback (PATCH /v1/settings {{\"default_pricing\": true}}) to meter with public list prices."
    );
    match hint {
        Some(hint) => format!("{message} {hint}"),
        None => message,
    }
}

//! The protocol between a gateway in hybrid mode and the platform that holds its keys, budgets and credentials.
//!
//! Shapes only, for both sides: the gateway sends what here is asked and reads what here is answered; `otari peer` is
//! the other way round. What a reader does not know it passes over, so that either side can add members.

mod resolve;
mod tools;
mod usage;

pub use resolve::{
    AttemptForm, ResolveRequest, Resolved, ResolvedAttempt, read_resolved, split_selector,
};
pub use tools::{
    CodeExecutionAnswer, McpResolveRequest, McpResolveResponse, McpServerForm, WebSearchAnswer,
};
pub use usage::{Pricing, Receipt, ReportStatus, UsageForm, UsageReport, UsageStatus};

/// Who the gateway is: its `OTARI_AI_TOKEN`.
pub const GATEWAY_TOKEN: &str = "x-gateway-token";
/// Who the caller is: the token it presented, opaque to the gateway.
pub const USER_TOKEN: &str = "x-user-token";
/// On answers to callers: the attempt that served, or the last one tried.
pub const CORRELATION_ID: &str = "x-correlation-id";
/// On answers to callers: the platform's id of the resolve.
pub const REQUEST_ID: &str = "x-otari-request-id";

/// Paths below the platform's base address.
pub mod path {
    /// A model's name becomes attempts with credentials.
    pub const RESOLVE: &str = "/gateway/provider-keys/resolve";
    /// What an attempt came to.
    pub const USAGE: &str = "/gateway/usage";
    /// Ids become MCP servers.
    pub const MCP_SERVERS: &str = "/gateway/mcp-servers/resolve";
    /// What the caller's workspace leaves of web search.
    pub const WEB_SEARCH: &str = "/gateway/web-search/resolve";
    /// What it leaves of code execution.
    pub const CODE_EXECUTION: &str = "/gateway/code-execution/resolve";
    /// The platform's own search service.
    pub const SEARCH: &str = "/gateway/web-search/search";
    /// Where it is asked whether it is there, unless configured otherwise.
    pub const HEALTH: &str = "/utils/health-check/";
}

/// Whether `url` is an address of the platform's: the same scheme, host and port, and a path below its base. Only there
/// may tokens of the platform be sent.
pub fn is_of_platform(url: &str, base: &str) -> bool {
    let (Some(url), Some(base)) = (parts(url), parts(base)) else {
        return false;
    };
    let path = base.path.trim_end_matches('/');
    let below = url.path.strip_prefix(path);
    let on_boundary = below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    // A server could read `..` as leaving the base again.
    let climbs = url.path.split('/').any(|segment| {
        matches!(
            segment.to_ascii_lowercase().as_str(),
            ".." | "%2e%2e" | ".%2e" | "%2e."
        )
    });
    url.scheme == base.scheme && url.authority == base.authority && on_boundary && !climbs
}

struct Parts {
    scheme: String,
    /// With the port, which is never left out here.
    authority: String,
    path: String,
}

fn parts(url: &str) -> Option<Parts> {
    let (scheme, rest) = url.trim().split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let default_port = match scheme.as_str() {
        "https" => "443",
        "http" => "80",
        _ => return None,
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at_checked(end)?;
    // A user before the host is how addresses are made to look like others.
    if authority.is_empty() || authority.contains(['@', '\\']) {
        return None;
    }
    let host_end = authority.rfind(']').map_or(0, |at| at + 1);
    let has_port = authority.get(host_end..)?.contains(':');
    let mut authority = authority.to_ascii_lowercase();
    if !has_port {
        authority.push(':');
        authority.push_str(default_port);
    }
    let path_end = tail.find(['?', '#']).unwrap_or(tail.len());
    Some(Parts {
        scheme,
        authority,
        path: tail.get(..path_end)?.to_owned(),
    })
}

//! Which tool a call means.

use otari_sandbox::Kind;
use otari_tools::definitions::GatewayTool;
use otari_tools::mcp::McpServer;

/// What a name stands for.
pub(super) enum Chosen {
    Web(Web),
    Program(Kind),
    /// A server, and the name its connection knows the tool by.
    Mcp(McpServer, String),
}

/// A tool that is one call to the web.
#[derive(Clone, Copy, Debug)]
pub(super) enum Web {
    Search,
    Fetch,
}

impl Chosen {
    /// The gateway's own tool of this name.
    pub(super) fn own(name: &str) -> Option<Self> {
        if name == GatewayTool::WebSearch.name() {
            return Some(Self::Web(Web::Search));
        }
        if name == GatewayTool::WebFetch.name() {
            return Some(Self::Web(Web::Fetch));
        }
        Kind::from_tool_name(name).map(Self::Program)
    }

    /// What permission and price are asked for.
    pub(super) fn tool(&self) -> Option<GatewayTool> {
        match self {
            Self::Web(Web::Search) => Some(GatewayTool::WebSearch),
            Self::Web(Web::Fetch) => Some(GatewayTool::WebFetch),
            Self::Program(_) => Some(GatewayTool::CodeExecution),
            Self::Mcp(..) => None,
        }
    }

    /// A server's tool goes by its own name, as in a conversation, unless that is the name of one of the gateway's.
    pub(super) fn billed_as<'a>(&'a self, offered: &'a str) -> &'a str {
        match (self.tool(), self) {
            (Some(own), _) => own.name(),
            (None, Self::Mcp(_, tool)) if Self::own(tool).is_none() => tool,
            (None, _) => offered,
        }
    }
}

//! The tools the gateway runs itself, as callers declare them and as models see them.

mod entry;
mod hints;

use std::collections::HashSet;

use otari_translate::{FunctionTool, Raw};
use serde_json::{Value, json};

pub use entry::{EntryError, ToolEntry};
pub use hints::{place_purpose, purpose_block};

/// A tool of the gateway's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GatewayTool {
    CodeExecution,
    WebSearch,
    WebFetch,
}

impl GatewayTool {
    pub const ALL: [Self; 3] = [Self::CodeExecution, Self::WebSearch, Self::WebFetch];

    /// The `type` of an entry in `tools`, and the id in `/v1/tools`.
    pub fn kind(self) -> &'static str {
        match self {
            Self::CodeExecution => "otari_code_execution",
            Self::WebSearch => "otari_web_search",
            Self::WebFetch => "otari_web_fetch",
        }
    }

    /// The name the model calls it by, and the one it is billed under.
    pub fn name(self) -> &'static str {
        match self {
            Self::CodeExecution => "code_execution",
            Self::WebSearch => "web_search",
            Self::WebFetch => "web_fetch",
        }
    }

    /// The tool that an entry of this `type` asks the gateway for. With `intercept`, web search under its providers'
    /// names is ours as well: `web_search`, `web_search_20250305`, `web_search_preview`. A function is never ours,
    /// whatever it is called.
    pub fn claimed_by(kind: &str, intercept: bool) -> Option<Self> {
        let theirs = kind == "web_search" || kind.starts_with("web_search_");
        if intercept && theirs {
            return Some(Self::WebSearch);
        }
        Self::ALL.into_iter().find(|tool| tool.kind() == kind)
    }

    /// The types `/v1/tools` names.
    pub fn accepted_types(self, intercept: bool) -> Vec<&'static str> {
        match self {
            Self::WebSearch if intercept => {
                vec![self.kind(), "web_search", "web_search_20250305"]
            }
            _ => vec![self.kind()],
        }
    }

    /// What the model reads about it.
    pub fn description(self) -> &'static str {
        match self {
            Self::CodeExecution => {
                "Runs Python code and returns what it prints. Variables, imports and files stay for later calls of this \
                 conversation turn. There is no network. Print what you want to see."
            }
            Self::WebSearch => {
                "Searches the web. Returns titles, addresses and texts of the best results. Cite the addresses you rely on."
            }
            Self::WebFetch => {
                "Reads one web page and returns its text as Markdown. Needs the full address, beginning with https:// or http://."
            }
        }
    }

    /// JSON Schema of the arguments.
    pub fn input_schema(self) -> Value {
        let (member, about) = match self {
            Self::CodeExecution => ("code", "The Python code to run."),
            Self::WebSearch => ("query", "What to search for, in a few words."),
            Self::WebFetch => ("url", "The address of the page."),
        };
        json!({
            "type": "object",
            "properties": {member: {"type": "string", "description": about}},
            "required": [member],
            "additionalProperties": false,
        })
    }

    /// What the model is told it is for, when neither the request nor the operator says.
    pub fn purpose_hint(self) -> &'static str {
        match self {
            Self::CodeExecution => {
                "for arithmetic, data and everything that is surer computed than guessed"
            }
            Self::WebSearch => "for facts that are recent, or that you are not sure of",
            Self::WebFetch => "for pages whose address you were given or found",
        }
    }

    /// An entry that works.
    pub fn example(self) -> Value {
        json!({"type": self.kind()})
    }

    /// As it is declared to the model, under [`GatewayTool::name`], or, where the caller has a tool of that name,
    /// under [`GatewayTool::kind`].
    pub fn function(self, taken: &HashSet<String>) -> FunctionTool {
        let name = if taken.contains(self.name()) {
            self.kind()
        } else {
            self.name()
        };
        FunctionTool {
            name: name.to_owned(),
            description: Some(self.description().to_owned()),
            schema: Some(Raw::from(&self.input_schema())),
            ..FunctionTool::default()
        }
    }
}

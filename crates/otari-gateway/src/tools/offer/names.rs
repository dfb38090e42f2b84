//! Under which names the tools of servers are offered: `SERVER__TOOL`, in what every model takes as a function's name.

use std::collections::HashSet;

use otari_tools::mcp::{McpServer, McpTool};
use serde_json::{Map, Value};

use super::OfferedTool;

const NAME_CHARS_MAX: usize = 64;
const PREFIX_CHARS_MAX: usize = 24;
const SEPARATOR: &str = "__";

/// The servers with what stands before the names of their tools, no two the same.
pub(super) fn prefixed(servers: Vec<McpServer>) -> Vec<(String, McpServer)> {
    let mut taken = HashSet::new();
    let named = servers.into_iter().map(|server| {
        let base = accepted(&server.name, PREFIX_CHARS_MAX);
        let mut prefix = base.clone();
        let mut number = 2;
        while !taken.insert(prefix.clone()) {
            prefix = format!("{base}_{number}");
            number += 1;
        }
        (prefix, server)
    });
    named.collect()
}

/// The servers that may have a tool of this name, the likeliest first.
pub(super) fn candidates(servers: Vec<McpServer>, name: &str) -> Vec<(String, McpServer)> {
    let is_of = |prefix: &str| {
        let rest = name.strip_prefix(prefix);
        rest.is_some_and(|rest| rest.starts_with(SEPARATOR))
    };
    let mut found = prefixed(servers);
    found.retain(|(prefix, _)| is_of(prefix));
    found.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
    found
}

/// A server's tools as they are offered, each with the name its connection knows it by.
pub(super) fn offered(prefix: &str, tools: &[McpTool]) -> Vec<(OfferedTool, String)> {
    let mut taken = HashSet::new();
    let named = tools.iter().filter_map(|tool| {
        let full = format!("{prefix}{SEPARATOR}{}", tool.original);
        let name = accepted(&full, NAME_CHARS_MAX);
        // Two that differ only in what is cut off: the first keeps the name.
        taken.insert(name.clone()).then(|| {
            let schema = tool.function.schema.as_ref();
            let schema = schema.and_then(|schema| serde_json::from_str(schema.get()).ok());
            let offered = OfferedTool {
                name,
                description: tool.function.description.clone(),
                input_schema: schema.unwrap_or_else(empty_schema),
            };
            (offered, tool.function.name.clone())
        })
    });
    named.collect()
}

fn empty_schema() -> Map<String, Value> {
    Map::from_iter([("type".to_owned(), Value::from("object"))])
}

fn accepted(name: &str, max: usize) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let chars = name.chars().map(|c| if allowed(c) { c } else { '_' });
    chars.take(max).collect()
}

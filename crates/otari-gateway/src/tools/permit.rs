//! Which tools a key may use.

use otari_tools::definitions::GatewayTool;

use crate::error::GatewayError;

/// A use of a tool, as a permission names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolUse<'a> {
    Own(GatewayTool),
    /// An MCP server that the request brings along.
    InlineMcp,
    /// An MCP server that is stored or configured, by its name.
    Mcp(&'a str),
    /// A tool of the search endpoint, by its name.
    Search(&'a str),
}

/// The tools a key may use: `otari_web_search`, `otari_web_fetch`, `otari_code_execution`; `mcp` for every MCP server
/// or `mcp:NAME` for one; `search` for every search tool or `search:NAME` for one. An empty list permits nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolList(Vec<String>);

/// Longest list of one key.
const ENTRIES_MAX: usize = 200;
const ENTRY_CHARS_MAX: usize = 256;

impl ToolList {
    pub fn new(entries: Vec<String>) -> Self {
        Self(entries)
    }

    pub fn permits(&self, used: ToolUse<'_>) -> bool {
        self.0.iter().any(|entry| {
            let entry = entry.as_str();
            match used {
                ToolUse::Own(tool) => entry == tool.kind(),
                ToolUse::InlineMcp => entry == "mcp",
                ToolUse::Mcp(name) => entry == "mcp" || entry.strip_prefix("mcp:") == Some(name),
                ToolUse::Search(name) => {
                    entry == "search" || entry.strip_prefix("search:") == Some(name)
                }
            }
        })
    }

    /// What is wrong with a list, if anything.
    pub fn problem(entries: &[String]) -> Option<String> {
        if entries.len() > ENTRIES_MAX {
            return Some(format!("allowed_tools has more than {ENTRIES_MAX} entries"));
        }
        let wrong = entries.iter().find(|entry| !is_entry(entry))?;
        let shown: String = wrong.chars().take(64).collect();
        Some(format!(
            "allowed_tools: '{shown}' is no tool; use otari_web_search, otari_web_fetch, otari_code_execution, mcp, \
             mcp:NAME, search or search:NAME"
        ))
    }
}

fn is_entry(entry: &str) -> bool {
    let named = ["mcp:", "search:"].into_iter().any(|prefix| {
        let name = entry.strip_prefix(prefix);
        name.is_some_and(|name| !name.is_empty() && entry.chars().count() <= ENTRY_CHARS_MAX)
    });
    let own = || {
        GatewayTool::ALL
            .into_iter()
            .any(|tool| tool.kind() == entry)
    };
    named || matches!(entry, "mcp" | "search") || own()
}

/// That a list, where there is one, permits a use.
pub(crate) fn check(list: Option<&ToolList>, used: ToolUse<'_>) -> Result<(), GatewayError> {
    if list.is_none_or(|list| list.permits(used)) {
        return Ok(());
    }
    Err(GatewayError::ToolNotPermitted(match used {
        ToolUse::Own(tool) => tool.kind().to_owned(),
        ToolUse::InlineMcp => "mcp".to_owned(),
        ToolUse::Mcp(name) => format!("mcp:{name}"),
        ToolUse::Search(name) => format!("search:{name}"),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &[&str]) -> ToolList {
        ToolList::new(entries.iter().map(|entry| (*entry).to_owned()).collect())
    }

    #[test]
    fn a_list_permits_what_it_names_and_nothing_else() {
        let search = ToolUse::Own(GatewayTool::WebSearch);
        let fetch = ToolUse::Own(GatewayTool::WebFetch);
        for (entries, used, expected) in [
            (&["otari_web_search"][..], search, true),
            (&["otari_web_search"], fetch, false),
            (&[], search, false),
            (&["mcp"], ToolUse::InlineMcp, true),
            (&["mcp"], ToolUse::Mcp("files"), true),
            (&["mcp:files"], ToolUse::Mcp("files"), true),
            (&["mcp:files"], ToolUse::Mcp("files2"), false),
            (&["mcp:files"], ToolUse::InlineMcp, false),
            (&["search:exa"], ToolUse::Search("exa"), true),
            (&["search"], ToolUse::Search("exa"), true),
            (&["otari_web_search"], ToolUse::Search("exa"), false),
        ] {
            assert_eq!(
                list(entries).permits(used),
                expected,
                "{entries:?} {used:?}"
            );
        }
        assert!(check(None, search).is_ok());
    }

    #[test]
    fn an_entry_that_names_no_tool_is_told() {
        let problem = |entry: &str| ToolList::problem(&[entry.to_owned()]);
        for entry in ["otari_web_search", "mcp", "mcp:a b", "search:x"] {
            assert_eq!(problem(entry), None, "{entry}");
        }
        for entry in ["web_search", "", "mcp:", "*", "otari_"] {
            assert!(
                problem(entry).is_some_and(|text| text.contains("use otari_web_search")),
                "{entry}"
            );
        }
    }
}

//! What a request asks of the gateway's own tools.

use std::borrow::Cow;

use otari_tools::definitions::GatewayTool;
use otari_wire::members::Members;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::error::{FieldProblem, GatewayError};
use crate::request::fields::{int_member, present, problem, string_member};

const SERVERS_MAX: usize = 20;
const STORED_SERVERS_MAX: usize = 50;
const NAME_CHARS_MAX: usize = 128;
const HINT_CHARS_MAX: usize = 2000;
/// What the types of the gateway's own tools begin with.
const PREFIX: &str = "otari_";
/// What those of web search begin with at every provider.
const WEB_SEARCH: &str = "web_search";

/// The members of a request that concern tools the gateway runs.
#[derive(Debug, Default)]
pub(crate) struct WantedTools {
    /// A tool only the gateway has, or an MCP server.
    pub(crate) own: bool,
    /// A provider's web search, which the gateway may be set up to run itself.
    pub(crate) web_search: bool,
    pub(crate) servers: Vec<InlineServer>,
    /// Stored or configured servers.
    pub(crate) server_ids: Vec<String>,
    pub(crate) header: Option<String>,
    pub(crate) max_iterations: Option<u32>,
    /// A sandbox session to go on with, or `auto` for one that stays.
    pub(crate) container: Option<String>,
}

/// An MCP server that a request brings along.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct InlineServer {
    pub(crate) name: String,
    pub(crate) url: String,
    #[serde(default)]
    pub(crate) authorization_token: Option<otari_types::Secret>,
    #[serde(default)]
    pub(crate) purpose_hint: Option<String>,
    #[serde(default)]
    pub(crate) allowed_tools: Option<Vec<String>>,
    /// Where Anthropic's connector has the list.
    #[serde(default)]
    tool_configuration: Option<ToolConfiguration>,
}

#[derive(Clone, Debug, Deserialize)]
struct ToolConfiguration {
    #[serde(default)]
    allowed_tools: Option<Vec<String>>,
}

impl InlineServer {
    /// All of its tools when empty.
    pub(crate) fn allowed(&self) -> Vec<String> {
        let configured = self.tool_configuration.as_ref();
        let configured = configured.and_then(|one| one.allowed_tools.clone());
        self.allowed_tools
            .clone()
            .or(configured)
            .unwrap_or_default()
    }
}

/// `None` where the request asks for nothing of the kind, as most do.
pub(super) fn wanted_tools(
    members: &Members<'_>,
    problems: &mut Vec<FieldProblem>,
) -> Result<Option<WantedTools>, GatewayError> {
    let mut wanted = WantedTools {
        servers: list(members, "mcp_servers", problems),
        server_ids: list(members, "mcp_server_ids", problems),
        ..WantedTools::default()
    };
    for kind in native_kinds(members) {
        if kind.starts_with(PREFIX) {
            known(&kind)?;
            wanted.own = true;
        }
        wanted.web_search |= kind.starts_with(WEB_SEARCH);
    }
    wanted.own |= !wanted.servers.is_empty() || !wanted.server_ids.is_empty();
    if !wanted.own && !wanted.web_search {
        return Ok(None);
    }
    check_servers(&wanted, problems);
    wanted.header = string_member(members, "tools_header", problems).map(Cow::into_owned);
    wanted.container = container(members);
    if let Some(most) = int_member(members, "max_tool_iterations", problems) {
        match u32::try_from(most) {
            Ok(most) if most > 0 => wanted.max_iterations = Some(most),
            _ => problems.push(problem(
                &["max_tool_iterations"],
                "greater_than_equal",
                "Input should be greater than or equal to 1",
            )),
        }
    }
    Ok(Some(wanted))
}

/// A tool's type, of every entry that is not a plain function.
fn native_kinds(members: &Members<'_>) -> Vec<String> {
    #[derive(Deserialize)]
    struct Tool<'a> {
        #[serde(borrow, default, rename = "type")]
        kind: Option<Cow<'a, str>>,
    }
    // Most requests have no such word, and are not read further.
    let tools = present(members, "tools")
        .filter(|tools| tools.contains(PREFIX) || tools.contains(WEB_SEARCH));
    let tools = tools.and_then(|tools| serde_json::from_str::<Vec<&RawValue>>(tools).ok());
    let kinds = tools.unwrap_or_default().into_iter().filter_map(|tool| {
        let tool = serde_json::from_str::<Tool<'_>>(tool.get()).ok()?;
        tool.kind.map(Cow::into_owned)
    });
    kinds.collect()
}

fn known(kind: &str) -> Result<(), GatewayError> {
    let mut own = GatewayTool::ALL.into_iter();
    if own.any(|tool| tool.kind() == kind) {
        return Ok(());
    }
    Err(GatewayError::InvalidRequest(format!(
        "{kind} is no tool of this gateway; GET /v1/tools lists those it has"
    )))
}

/// A list of entries that each say what is wrong with them; `null` is an empty one.
fn list<T: DeserializeOwned>(
    members: &Members<'_>,
    name: &str,
    problems: &mut Vec<FieldProblem>,
) -> Vec<T> {
    let Some(raw) = present(members, name) else {
        return Vec::new();
    };
    let Ok(entries) = serde_json::from_str::<Vec<Value>>(raw) else {
        problems.push(problem(
            &[name],
            "list_type",
            "Input should be a valid list",
        ));
        return Vec::new();
    };
    let mut read = Vec::with_capacity(entries.len());
    for (at, entry) in entries.into_iter().enumerate() {
        match serde_json::from_value(entry) {
            Ok(entry) => read.push(entry),
            Err(error) => {
                let text = format!("Input is not valid: {error}");
                problems.push(problem(&[name, &at.to_string()], "value_error", &text));
            }
        }
    }
    read
}

fn check_servers(wanted: &WantedTools, problems: &mut Vec<FieldProblem>) {
    for (at, server) in wanted.servers.iter().enumerate() {
        let mut at_fault = |member: &str, fits: bool, text: String| {
            if !fits {
                let loc = ["mcp_servers", &at.to_string(), member];
                problems.push(problem(&loc, "value_error", &text));
            }
        };
        let name = server.name.chars().count();
        let text = format!("Input should have 1 to {NAME_CHARS_MAX} characters");
        at_fault("name", (1..=NAME_CHARS_MAX).contains(&name), text);
        let hint = server.purpose_hint.as_deref().unwrap_or_default();
        let text = format!("Input should have at most {HINT_CHARS_MAX} characters");
        at_fault("purpose_hint", hint.chars().count() <= HINT_CHARS_MAX, text);
    }
    for (name, count, max) in [
        ("mcp_servers", wanted.servers.len(), SERVERS_MAX),
        (
            "mcp_server_ids",
            wanted.server_ids.len(),
            STORED_SERVERS_MAX,
        ),
    ] {
        if count > max {
            let text = format!("List should have at most {max} items");
            problems.push(problem(&[name], "too_long", &text));
        }
    }
}

/// `"container"`: an id, `"auto"`, or an object with either.
fn container(members: &Members<'_>) -> Option<String> {
    let value: Value = serde_json::from_str(present(members, "container")?).ok()?;
    let inner = value.get("id").or_else(|| value.get("type"));
    inner.unwrap_or(&value).as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use otari_translate::Surface;

    use crate::error::GatewayError;
    use crate::request::Request;

    fn ask<T>(more: &str, see: impl FnOnce(Result<Request<'_>, GatewayError>) -> T) -> T {
        let body = format!(r#"{{"model":"m","messages":[{{"role":"user"}}],{more}}}"#);
        see(Request::parse(Surface::Chat, None, body.as_bytes()))
    }

    #[test]
    fn only_what_the_gateway_runs_is_wanted_of_it() {
        for (more, own, web_search) in [
            (r#""tools":[{"type":"otari_web_search"}]"#, true, false),
            (
                r#""tools":[{"type":"function"},{"type":"otari_code_execution"}]"#,
                true,
                false,
            ),
            (
                r#""tools":[{"type":"web_search_20250305","name":"web_search"}]"#,
                false,
                true,
            ),
            (
                r#""mcp_servers":[{"name":"a","url":"https://a"}]"#,
                true,
                false,
            ),
            (r#""mcp_server_ids":["a"]"#, true, false),
        ] {
            ask(more, |request| {
                let wanted = request.unwrap().tools.unwrap();
                assert_eq!((wanted.own, wanted.web_search), (own, web_search), "{more}");
            });
        }
        for more in [
            r#""mcp_servers":[],"tools":[{"type":"function","function":{"name":"otari_web_search"}}]"#,
            r#""mcp_server_ids":null,"tools":[]"#,
        ] {
            ask(more, |request| {
                assert!(request.unwrap().tools.is_none(), "{more}")
            });
        }
    }

    #[test]
    fn what_cannot_be_is_told_where_it_stands() {
        for (more, at) in [
            (r#""mcp_servers":{}"#, "mcp_servers"),
            (r#""mcp_servers":[{"name":"a"}]"#, "mcp_servers.0"),
            (
                r#""mcp_servers":[{"name":"","url":"https://a"}]"#,
                "mcp_servers.0.name",
            ),
            (r#""mcp_server_ids":[1]"#, "mcp_server_ids.0"),
            (
                r#""mcp_server_ids":["a"],"max_tool_iterations":0"#,
                "max_tool_iterations",
            ),
        ] {
            ask(more, |request| match request {
                Err(GatewayError::InvalidBody(problems)) => {
                    assert_eq!(problems[0].loc.join("."), at, "{more}");
                }
                other => panic!("{more}: {other:?}"),
            });
        }
        let unknown = r#""tools":[{"type":"otari_telepathy"}]"#;
        ask(unknown, |request| {
            let error = request.unwrap_err().to_string();
            assert!(error.contains("otari_telepathy") && error.contains("/v1/tools"));
        });
    }
}

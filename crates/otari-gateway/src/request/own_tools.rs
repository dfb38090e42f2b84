//! Tools that the gateway itself would run.

use std::borrow::Cow;

use otari_wire::members::Members;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::GatewayError;
use crate::request::fields::present;

/// It runs none yet, and a provider does not know them: an answer without them would look as if they had found
/// nothing.
pub(super) fn refuse_own_tools(members: &Members<'_>) -> Result<(), GatewayError> {
    #[derive(Deserialize)]
    struct Tool<'a> {
        #[serde(borrow, default, rename = "type")]
        kind: Option<Cow<'a, str>>,
    }
    const PREFIX: &str = "otari_";
    let mut wanted = ["mcp_servers", "mcp_server_ids"]
        .into_iter()
        .find(|name| present(members, name).is_some_and(|list| list != "[]"))
        .map(str::to_owned);
    // Most requests have no such word, and are not read further.
    let tools = present(members, "tools").filter(|tools| tools.contains(PREFIX));
    for tool in tools
        .and_then(|tools| serde_json::from_str::<Vec<&RawValue>>(tools).ok())
        .unwrap_or_default()
    {
        let kind = serde_json::from_str::<Tool<'_>>(tool.get()).ok();
        let kind = kind.and_then(|tool| tool.kind);
        wanted = wanted.or(kind
            .filter(|kind| kind.starts_with(PREFIX))
            .map(Cow::into_owned));
    }
    match wanted {
        None => Ok(()),
        Some(tool) => Err(GatewayError::InvalidRequest(format!(
            "{tool} is not available: this version of the gateway runs no tools of its own"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use otari_translate::Surface;

    use crate::request::Request;

    #[test]
    fn tools_the_gateway_would_run_are_refused_rather_than_forwarded() {
        let ask = |more: &str| {
            let body = format!(r#"{{"model":"m","messages":[{{"role":"user"}}],{more}}}"#);
            Request::parse(Surface::Chat, None, body.as_bytes())
                .map(|_| ())
                .map_err(|error| error.to_string())
        };
        for (more, named) in [
            (
                r#""tools":[{"type":"otari_web_search"}]"#,
                "otari_web_search",
            ),
            (
                r#""tools":[{"type":"function"},{"type":"otari_code_execution"}]"#,
                "otari_code_execution",
            ),
            (
                r#""mcp_servers":[{"name":"a","url":"https://a"}]"#,
                "mcp_servers",
            ),
        ] {
            assert!(ask(more).unwrap_err().contains(named), "{more}");
        }
        for more in [
            r#""mcp_servers":[],"tools":[{"type":"function","function":{"name":"otari_web_search"}}]"#,
            r#""mcp_server_ids":null,"tools":[]"#,
        ] {
            assert_eq!(ask(more), Ok(()), "{more}");
        }
    }
}

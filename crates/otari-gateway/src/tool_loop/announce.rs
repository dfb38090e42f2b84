//! What tools of the gateway's did, as blocks of the surfaces that have some for it.
//!
//! Clients send these blocks back. Their ids say whose they are, so that no provider is asked about them.

use otari_tools::search::SearchHit;
use otari_translate::{Block, Call, Part, Raw, Surface, Unknown, Wire};
use otari_types::new_id;
use serde_json::{Value, json};

use super::pool::{Coded, Found, Ran};

/// In every id of such a block.
const MARK: &str = "_otari_";
const PAGE_AGE_CHARS_MAX: usize = 128;

/// `searches`: the caller declared a provider's search tool, whose blocks it understands.
pub(super) fn announcement(surface: Surface, searches: bool, ran: &Ran) -> Vec<Unknown> {
    let blocks = match surface {
        Surface::Responses => item(ran).into_iter().collect(),
        Surface::Messages => pair(ran, searches).unwrap_or_default(),
        Surface::Chat | Surface::Completions | Surface::Gemini => Vec::new(),
    };
    let wire = match surface {
        Surface::Messages => Wire::Anthropic,
        _ => Wire::OpenAiResponses,
    };
    let as_unknown = |block: Value| Unknown {
        wire,
        raw: Raw::from(&block),
        loc: String::new(),
    };
    blocks.into_iter().map(as_unknown).collect()
}

fn id(prefix: &str) -> String {
    format!("{prefix}{MARK}{}", new_id().replace('-', ""))
}

/// OpenAI's item of the same tool.
fn item(ran: &Ran) -> Option<Value> {
    Some(match &ran.found {
        Found::Nothing => return None,
        Found::Search { query, .. } => json!({
            "id": id("ws"), "type": "web_search_call", "status": "completed",
            "action": {"type": "search", "query": query},
        }),
        Found::Page { url } => json!({
            "id": id("ws"), "type": "web_search_call", "status": "completed",
            "action": {"type": "open_page", "url": url},
        }),
        Found::Code(coded) => {
            let logs = [coded.stdout.as_str(), coded.stderr.as_str()].concat();
            json!({
                "id": id("ci"), "type": "code_interpreter_call", "status": "completed",
                "code": coded.code, "container_id": coded.container,
                "outputs": [{"type": "logs", "logs": logs}],
            })
        }
        Found::Mcp {
            server,
            tool,
            arguments,
            text,
        } => {
            let failed = ran.outcome.is_error;
            json!({
                "id": id("mcp"), "type": "mcp_call", "status": if failed { "failed" } else { "completed" },
                "server_label": server, "name": tool, "arguments": arguments,
                "output": if failed { Value::Null } else { json!(text) },
                "error": if failed { json!(text) } else { Value::Null },
            })
        }
    })
}

/// Anthropic's blocks of the same tool: the call and its result.
fn pair(ran: &Ran, searches: bool) -> Option<Vec<Value>> {
    let id = id("srvtoolu");
    let (name, input, result) = match &ran.found {
        Found::Search { query, hits } if searches => (
            "web_search",
            json!({"query": query}),
            json!({"type": "web_search_tool_result", "tool_use_id": id, "content": hits.iter().filter_map(hit).collect::<Vec<_>>()}),
        ),
        Found::Code(coded) => (
            "code_execution",
            json!({"code": coded.code}),
            json!({"type": "code_execution_tool_result", "tool_use_id": id, "content": code_result(coded)}),
        ),
        _ => return None,
    };
    let call = json!({"type": "server_tool_use", "id": id, "name": name, "input": input});
    Some(vec![call, result])
}

/// `encrypted_content` is what only the provider can make.
fn hit(hit: &SearchHit) -> Option<Value> {
    if hit.url.is_empty() {
        return None;
    }
    let age = hit.published.as_ref();
    let age = age.map(|age| age.chars().take(PAGE_AGE_CHARS_MAX).collect::<String>());
    Some(json!({
        "type": "web_search_result", "url": hit.url, "title": hit.title,
        "page_age": age, "encrypted_content": "",
    }))
}

fn code_result(coded: &Coded) -> Value {
    let files = coded.files.iter().map(
        |file| json!({"type": "code_execution_output", "file_id": file.id, "filename": file.name}),
    );
    json!({
        "type": "code_execution_result", "stdout": coded.stdout, "stderr": coded.stderr,
        "return_code": coded.return_code, "content": files.collect::<Vec<_>>(),
    })
}

/// Whether a request may hold such blocks; a text can look as if it did.
pub(crate) fn may_hold_announcements(body: &[u8]) -> bool {
    memchr::memmem::find(body, MARK.as_bytes()).is_some()
}

/// Takes them out of a request. With `intercepted`, also search results of other gateways of this kind: those without
/// anything a provider signed.
pub(crate) fn drop_announcements(call: &mut Call, intercepted: bool) {
    let mut dropped: Vec<String> = Vec::new();
    for part in call.turns.iter().flat_map(|turn| &turn.parts) {
        let Block::Unknown(unknown) = &part.block else {
            continue;
        };
        let Ok(block) = serde_json::from_str::<Value>(unknown.raw.get()) else {
            continue;
        };
        let text = |name: &str| block.get(name).and_then(Value::as_str).unwrap_or_default();
        let is_unsigned = || {
            let hits = block.get("content").and_then(Value::as_array);
            let unsigned = |hit: &Value| hit.get("encrypted_content") == Some(&json!(""));
            text("type") == "web_search_tool_result"
                && hits.is_some_and(|hits| hits.iter().all(unsigned))
        };
        for id in [text("id"), text("tool_use_id")] {
            if id.contains(MARK) {
                dropped.push(id.to_owned());
            }
        }
        if intercepted && is_unsigned() {
            dropped.push(text("tool_use_id").to_owned());
        }
    }
    if dropped.is_empty() {
        return;
    }
    for turn in &mut call.turns {
        turn.parts.retain(|part| !is_of(part, &dropped));
    }
    call.turns.retain(|turn| !turn.parts.is_empty());
}

fn is_of(part: &Part, ids: &[String]) -> bool {
    let Block::Unknown(unknown) = &part.block else {
        return false;
    };
    let block = serde_json::from_str::<Value>(unknown.raw.get()).unwrap_or_default();
    ["id", "tool_use_id"].into_iter().any(|name| {
        let id = block.get(name).and_then(Value::as_str);
        id.is_some_and(|id| ids.iter().any(|known| known == id))
    })
}

//! What tools of the gateway's did, as blocks of the surfaces that have some for it.
//!
//! Clients send these blocks back. Their ids say whose they are, so that no provider is asked about them.

mod programs;

use otari_tools::search::SearchHit;
use otari_translate::{Block, Call, Part, Raw, Surface, Unknown, Wire};
use otari_types::new_id;
use serde_json::{Value, json};

use super::pool::{Found, Ran};

/// In every id of such a block.
const MARK: &str = "_otari_";
const PAGE_AGE_CHARS_MAX: usize = 128;

/// `searches`: the caller declared a provider's search tool, whose blocks it understands.
pub(super) fn announcement(surface: Surface, searches: bool, ran: &Ran) -> Vec<Unknown> {
    let blocks = match surface {
        Surface::Responses => items(ran),
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

/// OpenAI's items of the same tool.
fn items(ran: &Ran) -> Vec<Value> {
    let item = match &ran.found {
        Found::Nothing => return Vec::new(),
        Found::Code(coded) => return programs::items(coded, ran.outcome.is_error),
        Found::Search { query, .. } => json!({
            "id": id("ws"), "type": "web_search_call", "status": "completed",
            "action": {"type": "search", "query": query},
        }),
        Found::Page { url } => json!({
            "id": id("ws"), "type": "web_search_call", "status": "completed",
            "action": {"type": "open_page", "url": url},
        }),
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
    };
    vec![item]
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
        Found::Code(coded) => {
            let kind = coded.program.kind().tool_name();
            let result = programs::result(coded);
            (
                kind,
                json!(coded.input),
                json!({"type": format!("{kind}_tool_result"), "tool_use_id": id, "content": result}),
            )
        }
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

/// Whether a block of this id is one of the gateway's own.
pub(crate) fn is_announcement(id: &str) -> bool {
    id.contains(MARK)
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
            if is_announcement(id) {
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

#[cfg(test)]
mod tests {
    use otari_translate::surface;

    use super::*;

    #[test]
    fn blocks_of_the_gateways_own_are_dropped_and_others_stay() {
        let body = r#"{"model":"m","input":[
            {"role":"user","content":"hi"},
            {"id":"ci_otari_1","type":"code_interpreter_call","status":"completed","code":"1","container_id":"","outputs":[]},
            {"id":"ci_theirs","type":"code_interpreter_call","status":"completed","code":"1","container_id":"","outputs":[]}
        ]}"#;
        let mut call = surface::parse(Surface::Responses, body.as_bytes()).unwrap();
        drop_announcements(&mut call, false);
        let left: Vec<_> = call.turns.iter().flat_map(|turn| &turn.parts).collect();
        assert_eq!(left.len(), 2, "{left:?}");
    }
}

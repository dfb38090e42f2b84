//! A request with the conversation it goes on from written out.

use bytes::Bytes;
use otari_store::responses::ResponseRow;
use otari_wire::members::{Members, ObjectWriter, write_json_string};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::request::Request;
use crate::tool_loop::is_announcement;

pub(super) fn text_member(request: &Request<'_>, name: &str) -> Option<String> {
    serde_json::from_str(request.members.get(name)?.get()).ok()
}

/// The `input` of a request as a JSON array of items: a text is one user message.
pub(super) fn input_items(request: &Request<'_>) -> String {
    let input = request.members.get("input").map_or("[]", RawValue::get);
    if !input.starts_with('"') {
        return input.to_owned();
    }
    format!(
        r#"[{{"type":"message","role":"user","content":[{{"type":"input_text","text":{input}}}]}}]"#
    )
}

/// The same request with the items of `turns` before its own, and nothing to look up.
pub(super) fn expand(request: &Request<'_>, turns: &[ResponseRow]) -> Bytes {
    let mut items: Vec<String> = Vec::new();
    for turn in turns {
        items.extend(raw_items(&turn.input));
        items.extend(output_items(&turn.response));
    }
    items.extend(raw_items(&input_items(request)));
    let mut body = ObjectWriter::with_capacity(request.demand.prompt_bytes + 512);
    for (name, value) in request.members.iter() {
        match name {
            "input" => body.raw("input", &format!("[{}]", items.join(","))),
            "previous_response_id" => {}
            _ => body.raw(name, value.get()),
        }
    }
    body.finish().into()
}

fn raw_items(array: &str) -> Vec<String> {
    let items = serde_json::from_str::<Vec<&RawValue>>(array).unwrap_or_default();
    items
        .into_iter()
        .map(|item| item.get().to_owned())
        .collect()
}

/// What an answer said, as input. Ids name things that only their maker has, and reasoning without its encrypted
/// form can be read by nobody.
fn output_items(response: &str) -> Vec<String> {
    #[derive(Deserialize)]
    struct Answered<'a> {
        #[serde(borrow, default)]
        output: Vec<&'a RawValue>,
    }
    let Ok(Answered { output }) = serde_json::from_str(response) else {
        return Vec::new();
    };
    output
        .into_iter()
        .filter_map(|item| as_input(item.get()))
        .collect()
}

fn as_input(item: &str) -> Option<String> {
    let members = Members::parse(item.as_bytes()).ok()?;
    // What a tool of the gateway's did stands in the text that followed it.
    if members
        .get("id")
        .is_some_and(|id| is_announcement(id.get()))
    {
        return None;
    }
    let is_reasoning = members.get("type").map(RawValue::get) == Some(r#""reasoning""#);
    let encrypted = members.get("encrypted_content").map(RawValue::get);
    if is_reasoning && encrypted.is_none_or(|text| text == "null") {
        return None;
    }
    let mut out = ObjectWriter::with_capacity(item.len());
    for (name, value) in members.iter() {
        let dropped = !is_reasoning && matches!(name, "id" | "status");
        if !dropped {
            out.raw(name, value.get());
        }
    }
    String::from_utf8(out.finish()).ok()
}

/// The page of `items` that a list request asks for, in OpenAI's list shape. `None` when `after` is no item of it.
pub(super) fn list(
    id: &str,
    input: &str,
    after: Option<&str>,
    limit: usize,
    ascending: bool,
) -> Option<Vec<u8>> {
    // Items have no ids of their own here: the place of each in its request makes one.
    let mut items: Vec<(String, String)> = raw_items(input)
        .into_iter()
        .enumerate()
        .map(|(index, item)| {
            (
                format!("item_{}_{index}", id.trim_start_matches("resp_")),
                item,
            )
        })
        .collect();
    if !ascending {
        items.reverse();
    }
    let start = match after {
        None => 0,
        Some(after) => items.iter().position(|(id, _)| id == after)? + 1,
    };
    let has_more = items.len() > start.saturating_add(limit);
    let page: Vec<_> = items.iter().skip(start).take(limit).collect();
    let mut out = br#"{"object":"list","data":["#.to_vec();
    for (index, (id, item)) in page.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        let members = Members::parse(item.as_bytes()).ok()?;
        let mut with_id = ObjectWriter::with_capacity(item.len() + 64);
        with_id.string("id", id);
        if members.get("type").is_none() {
            with_id.string("type", "message");
        }
        for (name, value) in members.iter().filter(|(name, _)| *name != "id") {
            with_id.raw(name, value.get());
        }
        out.extend_from_slice(&with_id.finish());
    }
    out.push(b']');
    for (name, item) in [("first_id", page.first()), ("last_id", page.last())] {
        out.extend_from_slice(format!(r#","{name}":"#).as_bytes());
        match item {
            Some((id, _)) => write_json_string(&mut out, id),
            None => out.extend_from_slice(b"null"),
        }
    }
    out.extend_from_slice(format!(r#","has_more":{has_more}}}"#).as_bytes());
    Some(out)
}

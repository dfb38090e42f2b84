//! The texts of a request or an answer, wherever its format puts them.
//!
//! Works on the JSON as it is, not on what the gateway understands of it: a text that a provider reads is found also
//! where it stands in a member that is new. What names, addresses or encodes something is passed over.

use otari_translate::Surface;
use otari_wire::members::{Members, ObjectWriter};
use serde_json::{Value, json};

/// Members that hold no text for anybody to read.
const STRUCTURE: &[&str] = &[
    "b64_json",
    "cache_control",
    "call_id",
    "container",
    "data",
    "detail",
    "encrypted_content",
    "file_data",
    "file_id",
    "file_uri",
    "fileUri",
    "finishReason",
    "finish_reason",
    "format",
    "id",
    "image_url",
    "logprobs",
    "logprobsResult",
    "media_type",
    "mimeType",
    "mime_type",
    "model",
    "name",
    "native_finish_reason",
    "object",
    "role",
    "safetyRatings",
    "signature",
    "status",
    "stop_reason",
    "thoughtSignature",
    "thought_signature",
    "tool_call_id",
    "tool_use_id",
    "type",
    "url",
];

/// Whose words a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speaker {
    /// Instructions of the application.
    System,
    User,
    Assistant,
    /// What a tool returned.
    Tool,
}

/// Where a text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) speaker: Speaker,
    /// The turn, of a request; the answer, of several.
    pub(crate) turn: usize,
}

/// The members of a request or an answer that hold texts.
#[derive(Debug)]
pub(crate) struct Document(Vec<(&'static str, Value)>);

type Visit<'v> = dyn FnMut(Place, &mut String) + 'v;

impl Document {
    /// The prompt of a request.
    pub(crate) fn prompt(surface: Surface, members: &Members<'_>) -> Self {
        let names: &[&'static str] = match surface {
            Surface::Chat => &["tools", "functions", "prediction", "messages"],
            Surface::Messages => &["tools", "system", "messages"],
            // A stored prompt's variables are part of what is said.
            Surface::Responses => &["tools", "instructions", "prompt", "input"],
            Surface::Completions => &["prompt", "suffix"],
            Surface::Gemini => &[
                "tools",
                "systemInstruction",
                "system_instruction",
                "contents",
            ],
        };
        Self::of(names, members)
    }

    /// What an answer says.
    pub(crate) fn answer(surface: Surface, members: &Members<'_>) -> Self {
        let names: &[&'static str] = match surface {
            Surface::Chat | Surface::Completions => &["choices"],
            Surface::Messages => &["content"],
            Surface::Responses => &["output"],
            Surface::Gemini => &["candidates"],
        };
        Self::of(names, members)
    }

    /// What a tool returned.
    pub(crate) fn result(text: &str) -> Self {
        Self(vec![(
            "messages",
            json!([{"role": "tool", "content": text}]),
        )])
    }

    /// The text of [`Self::result`], with what was replaced.
    pub(crate) fn into_result(mut self) -> String {
        let mut texts = self.texts().into_iter();
        texts.next().map(|(_, text)| text).unwrap_or_default()
    }

    fn of(names: &[&'static str], members: &Members<'_>) -> Self {
        let read = names.iter().filter_map(|name| {
            let value = serde_json::from_str(members.get(name)?.get()).ok()?;
            Some((*name, value))
        });
        Self(read.collect())
    }

    /// Every text, in order. It may be changed.
    pub(crate) fn visit(&mut self, visit: &mut Visit<'_>) {
        for (name, value) in &mut self.0 {
            let speaker = match *name {
                "system" | "instructions" | "systemInstruction" | "system_instruction"
                | "tools" | "functions" => Speaker::System,
                "choices" | "content" | "output" | "candidates" | "prediction" => {
                    Speaker::Assistant
                }
                _ => Speaker::User,
            };
            match value {
                Value::Array(turns) => {
                    for (turn, value) in turns.iter_mut().enumerate() {
                        walk(value, Place { speaker, turn }, visit);
                    }
                }
                value => walk(value, Place { speaker, turn: 0 }, visit),
            }
        }
    }

    pub(crate) fn texts(&mut self) -> Vec<(Place, String)> {
        let mut texts = Vec::new();
        self.visit(&mut |place, text| texts.push((place, text.clone())));
        texts
    }

    /// The body with these members in place of its own.
    pub(crate) fn put_into(&self, members: &Members<'_>) -> Vec<u8> {
        let mut body = ObjectWriter::with_capacity(1024);
        for (name, raw) in members.iter() {
            match self.0.iter().find(|(own, _)| *own == name) {
                Some((own, value)) => body.raw(own, &value.to_string()),
                None => body.raw(name, raw.get()),
            }
        }
        body.finish()
    }

    /// Probabilities spell out the tokens of a text.
    pub(crate) fn drop_probabilities(&mut self) {
        for (_, value) in &mut self.0 {
            let Value::Array(choices) = value else {
                continue;
            };
            for choice in choices.iter_mut().filter_map(Value::as_object_mut) {
                for name in ["logprobs", "logprobsResult"] {
                    if let Some(logprobs) = choice.get_mut(name) {
                        *logprobs = Value::Null;
                    }
                }
            }
        }
    }
}

/// What the user said last: the texts of the last turn that has some of a user, else of the last turn.
pub(crate) fn last_user_text(texts: &[(Place, String)]) -> String {
    let by_user = |(place, _): &&(Place, String)| place.speaker == Speaker::User;
    let turn = texts.iter().rev().find(by_user).or(texts.last());
    let Some((last, _)) = turn else {
        return String::new();
    };
    let said = texts.iter().filter(|(place, _)| place == last);
    let said: Vec<&str> = said.map(|(_, text)| text.as_str()).collect();
    said.join("\n")
}

/// The texts of one event of a stream, with the number of the answer they belong to.
pub(crate) fn event_texts(surface: Surface, event: &[u8]) -> Vec<(usize, String)> {
    let Ok(Value::Object(mut event)) = serde_json::from_slice::<Value>(event) else {
        return Vec::new();
    };
    let place = |turn| Place {
        speaker: Speaker::Assistant,
        turn,
    };
    let mut texts = Vec::new();
    let mut push = |place: Place, text: &mut String| texts.push((place.turn, std::mem::take(text)));
    match surface {
        Surface::Chat | Surface::Completions | Surface::Gemini => {
            let name = if surface == Surface::Gemini {
                "candidates"
            } else {
                "choices"
            };
            let choices = event.get_mut(name).and_then(Value::as_array_mut);
            for choice in choices.into_iter().flatten() {
                let index = choice.get("index").and_then(Value::as_u64);
                let index = index
                    .and_then(|index| usize::try_from(index).ok())
                    .unwrap_or(0);
                walk(choice, place(index), &mut push);
            }
        }
        Surface::Messages => {
            for name in ["delta", "content_block"] {
                if let Some(part) = event.get_mut(name) {
                    walk(part, place(0), &mut push);
                }
            }
        }
        Surface::Responses => {
            if let Some(delta) = event.get_mut("delta") {
                walk(delta, place(0), &mut push);
            }
        }
    }
    texts
}

fn walk(value: &mut Value, place: Place, visit: &mut Visit<'_>) {
    match value {
        Value::String(text) => visit(place, text),
        Value::Array(items) => {
            for item in items {
                walk(item, place, visit);
            }
        }
        Value::Object(members) => {
            let place = Place {
                speaker: speaker(members).unwrap_or(place.speaker),
                ..place
            };
            // A document given as plain text has it where others have base64.
            let plain = members.get("type").and_then(Value::as_str) == Some("text");
            for (name, value) in members.iter_mut() {
                let place = match name.as_str() {
                    "functionResponse" | "function_response" => Place {
                        speaker: Speaker::Tool,
                        ..place
                    },
                    "data" if plain => place,
                    name if STRUCTURE.contains(&name) && !is_argument(value) => continue,
                    _ => place,
                };
                walk(value, place, visit);
            }
        }
        _ => {}
    }
}

/// An object under a structural name, as in the arguments of a tool, is looked into: `url` may be `{"url": …}` of an
/// image, whose own `url` is passed over, or `name` a member somebody's tool has.
fn is_argument(value: &Value) -> bool {
    value.is_object()
}

fn speaker(members: &serde_json::Map<String, Value>) -> Option<Speaker> {
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    match text("role") {
        Some("user" | "human") => return Some(Speaker::User),
        Some("assistant" | "model") => return Some(Speaker::Assistant),
        Some("system" | "developer") => return Some(Speaker::System),
        Some("tool" | "function") => return Some(Speaker::Tool),
        _ => {}
    }
    match text("type")? {
        kind if kind.ends_with("_result") || kind.ends_with("_output") => Some(Speaker::Tool),
        "function_call" | "custom_tool_call" | "reasoning" | "tool_use" => Some(Speaker::Assistant),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(surface: Surface, body: &Value) -> Vec<(Place, String)> {
        let body = body.to_string();
        let members = Members::parse(body.as_bytes()).unwrap();
        Document::prompt(surface, &members).texts()
    }

    fn said(speaker: Speaker, turn: usize, text: &str) -> (Place, String) {
        (Place { speaker, turn }, text.to_owned())
    }

    #[test]
    fn the_texts_of_every_surface_are_found_with_their_speaker() {
        use Speaker::{Assistant, System, Tool, User};
        let chat = json!({"model": "m", "messages": [
            {"role": "developer", "content": "be kind"},
            {"role": "user", "name": "bob", "content": [{"type": "text", "text": "one"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]},
            {"role": "assistant", "content": null, "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}}]},
            {"role": "tool", "tool_call_id": "c", "content": "result"},
        ]});
        let found = [
            said(System, 0, "be kind"),
            said(User, 1, "one"),
            said(Assistant, 2, "{\"a\":1}"),
            said(Tool, 3, "result"),
        ];
        assert_eq!(read(Surface::Chat, &chat), found);
        let messages = json!({"system": [{"type": "text", "text": "be kind"}], "messages": [
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {"q": "x"}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "result"}]},
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "page"}},
                {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "AAAA"}},
                {"type": "text", "text": "one"},
            ]},
        ]});
        let found = [
            said(System, 0, "be kind"),
            said(Assistant, 0, "x"),
            said(Tool, 1, "result"),
            said(User, 1, "page"),
            said(User, 1, "one"),
        ];
        assert_eq!(read(Surface::Messages, &messages), found);
        let responses = json!({"instructions": "be kind", "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "one"}]},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "result"},
        ]});
        let found = [
            said(System, 0, "be kind"),
            said(User, 0, "one"),
            said(Assistant, 1, "{}"),
            said(Tool, 2, "result"),
        ];
        assert_eq!(read(Surface::Responses, &responses), found);
        assert_eq!(
            read(Surface::Responses, &json!({"input": "one"})),
            [said(User, 0, "one")]
        );
        assert_eq!(
            read(Surface::Completions, &json!({"prompt": ["a", "b"]})),
            [said(User, 0, "a"), said(User, 1, "b")]
        );
        let gemini = json!({"contents": [
            {"role": "user", "parts": [{"text": "one"}, {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"out": "result"}}}]},
        ]});
        assert_eq!(
            read(Surface::Gemini, &gemini),
            [said(User, 0, "one"), said(Tool, 1, "result")]
        );
    }

    /// Whatever part of a request the model reads is read here.
    #[test]
    fn tools_predictions_and_variables_are_texts_too() {
        use Speaker::{Assistant, System, User};
        let chat = json!({
            "messages": [], "prediction": {"type": "content", "content": "guess"},
            "tools": [{"type": "function", "function": {"name": "f", "description": "does", "parameters": {"type": "object"}}}],
        });
        let found = [said(System, 0, "does"), said(Assistant, 0, "guess")];
        assert_eq!(read(Surface::Chat, &chat), found);
        let responses = json!({"prompt": {"id": "p", "variables": {"who": "bob"}}, "input": "one"});
        let found = [said(User, 0, "bob"), said(User, 0, "one")];
        assert_eq!(read(Surface::Responses, &responses), found);
    }

    #[test]
    fn the_last_words_of_the_user_are_all_texts_of_that_turn() {
        let body = json!({"messages": [
            {"role": "user", "content": "earlier"},
            {"role": "user", "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]},
            {"role": "assistant", "content": "three"},
        ]});
        assert_eq!(last_user_text(&read(Surface::Chat, &body)), "one\ntwo");
        let body = json!({"messages": [{"role": "system", "content": "a"}, {"role": "assistant", "content": "b"}]});
        assert_eq!(last_user_text(&read(Surface::Chat, &body)), "b");
    }

    #[test]
    fn events_of_a_stream_show_the_text_they_add() {
        for (surface, event, texts) in [
            (
                Surface::Chat,
                r#"{"id":"x","choices":[{"index":1,"delta":{"role":"assistant","content":"a","tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"b"}}]},"finish_reason":"stop"}]}"#,
                vec![(1, "a"), (1, "b")],
            ),
            (
                Surface::Messages,
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}"#,
                vec![(0, "a")],
            ),
            (
                Surface::Messages,
                r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"}}"#,
                vec![],
            ),
            (
                Surface::Responses,
                r#"{"type":"response.output_text.delta","delta":"a","item_id":"i"}"#,
                vec![(0, "a")],
            ),
            (
                Surface::Completions,
                r#"{"choices":[{"index":0,"text":"a"}]}"#,
                vec![(0, "a")],
            ),
            (
                Surface::Gemini,
                r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"a"}]},"finishReason":"STOP"}]}"#,
                vec![(0, "a")],
            ),
        ] {
            let texts: Vec<(usize, String)> = texts
                .into_iter()
                .map(|(n, text)| (n, text.to_owned()))
                .collect();
            assert_eq!(event_texts(surface, event.as_bytes()), texts, "{event}");
        }
    }
}

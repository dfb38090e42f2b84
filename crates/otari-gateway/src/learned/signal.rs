//! What a request is about, as far as the learned router looks: the words of the person.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::choice::Declined;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Signal {
    pub(super) text: String,
}

/// A body of any surface.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, alias = "functions")]
    tools: Option<&'a RawValue>,
    #[serde(borrow, alias = "contents")]
    messages: Option<Vec<Turn<'a>>>,
    /// Of Responses, or of Completions.
    #[serde(borrow, alias = "prompt")]
    input: Option<Input<'a>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Input<'a> {
    #[serde(borrow)]
    Text(Cow<'a, str>),
    #[serde(borrow)]
    Turns(Vec<Turn<'a>>),
    Other(serde::de::IgnoredAny),
}

#[derive(Deserialize)]
struct Turn<'a> {
    #[serde(borrow)]
    role: Option<Cow<'a, str>>,
    #[serde(borrow, alias = "parts")]
    content: Option<Content<'a>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content<'a> {
    #[serde(borrow)]
    Text(Cow<'a, str>),
    #[serde(borrow)]
    Parts(Vec<Part<'a>>),
    Other(serde::de::IgnoredAny),
}

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
}

impl Signal {
    /// `opening`: the first turn of the person decides, and so every call of a conversation the same; else the last.
    pub(super) fn read(body: &[u8], opening: bool) -> Result<Self, Declined> {
        let body: Body<'_> = serde_json::from_slice(body).map_err(|_| Declined::NoText)?;
        if body
            .tools
            .is_some_and(|tools| !matches!(tools.get(), "null" | "[]"))
        {
            return Err(Declined::Tools);
        }
        let turns = match (&body.messages, &body.input) {
            (Some(turns), _) | (None, Some(Input::Turns(turns))) => turns,
            (None, Some(Input::Text(text))) => return Self::of(text),
            (None, Some(Input::Other(_)) | None) => return Err(Declined::NoText),
        };
        let mut texts = turns.iter().filter_map(Turn::said_by_the_person);
        let text = if opening {
            texts.next()
        } else {
            texts.next_back()
        };
        Self::of(&text.ok_or(Declined::NoText)?)
    }

    fn of(text: &str) -> Result<Self, Declined> {
        let text = text.trim();
        if text.is_empty() {
            return Err(Declined::NoText);
        }
        Ok(Self {
            text: text.to_owned(),
        })
    }
}

impl Turn<'_> {
    fn said_by_the_person(&self) -> Option<String> {
        // Gemini's single turns have no role.
        if self.role.as_ref().is_some_and(|role| role != "user") {
            return None;
        }
        let text = match self.content.as_ref()? {
            Content::Text(text) => text.to_string(),
            Content::Parts(parts) => {
                let texts = parts.iter().filter_map(|part| part.text.as_deref());
                texts.collect::<Vec<_>>().join("\n")
            }
            Content::Other(_) => return None,
        };
        (!text.trim().is_empty()).then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(body: &Value, opening: bool) -> Result<String, Declined> {
        Signal::read(body.to_string().as_bytes(), opening).map(|signal| signal.text)
    }

    #[test]
    fn what_the_person_says_on_every_surface() {
        let chat = json!({"messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "first"},
            {"role": "assistant", "content": "yes?"},
            {"role": "user", "content": [{"type": "text", "text": "second"}, {"type": "image_url", "image_url": {"url": "x"}}]},
        ]});
        assert_eq!(read(&chat, true).unwrap(), "first");
        assert_eq!(read(&chat, false).unwrap(), "second");
        let gemini = json!({"contents": [{"parts": [{"text": "first"}]}]});
        let responses = json!({"input": [{"role": "user", "content": [{"type": "input_text", "text": "first"}]}]});
        for body in [
            gemini,
            responses,
            json!({"input": "first"}),
            json!({"prompt": "first"}),
        ] {
            assert_eq!(read(&body, true).unwrap(), "first", "{body}");
        }
    }

    #[test]
    fn it_declines_what_brings_tools_or_says_nothing() {
        let with = |mut body: Value, tools: Value| {
            body["tools"] = tools;
            read(&body, true)
        };
        let said = json!({"messages": [{"role": "user", "content": "hi"}]});
        let tool = json!([{"type": "function", "function": {"name": "f"}}]);
        assert_eq!(with(said.clone(), tool), Err(Declined::Tools));
        assert_eq!(with(said, json!([])).unwrap(), "hi");
        for body in [
            json!({"messages": [{"role": "user", "content": "  "}]}),
            json!({"messages": [{"role": "assistant", "content": "hi"}]}),
            json!({"input": [[1, 2]]}),
            json!({}),
        ] {
            assert_eq!(read(&body, true), Err(Declined::NoText), "{body}");
        }
    }
}

//! Reads a chat request and decides what echo says to it.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::options::Options;
use super::reply::{Reply, Said, Usage, tokens_of};
use super::{Answer, Refusal, fingerprint, read, stream};

#[derive(Deserialize)]
struct ChatBody<'a> {
    #[serde(borrow)]
    messages: Vec<Message<'a>>,
    #[serde(default)]
    stream: Option<bool>,
    #[serde(default)]
    stream_options: Option<StreamOptions>,
    #[serde(default)]
    max_tokens: Option<i64>,
    #[serde(default)]
    max_completion_tokens: Option<i64>,
    #[serde(default)]
    tools: Option<Vec<Tool>>,
    #[serde(default)]
    tool_choice: Option<Value>,
}

#[derive(Deserialize)]
struct Message<'a> {
    role: String,
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: Option<bool>,
}

#[derive(Deserialize)]
struct Tool {
    #[serde(default)]
    function: Option<Function>,
}

#[derive(Deserialize)]
struct Function {
    name: String,
}

#[derive(Deserialize)]
struct Part {
    #[serde(default)]
    text: Option<String>,
}

pub(super) fn answer(model: &str, body: &[u8], options: &Options) -> Result<Answer, Refusal> {
    let request: ChatBody<'_> = read(body)?;
    let limit = request.output_limit()?;
    let texts: Vec<String> = request.messages.iter().map(Message::text).collect();
    let prompt_chars = texts.iter().map(|text| text.chars().count()).sum();
    let said = match request.tool_call(&texts) {
        Some(call) => call,
        None => Said::Text(lengthened(&request.last_word(&texts), options.tokens)),
    };
    let (said, completion_tokens, finish) = said.within(limit);
    let prompt_tokens = tokens_of(prompt_chars).max(1);
    let reply = Reply {
        id: fingerprint(body),
        model,
        said,
        finish,
        usage: Usage::new(prompt_tokens, completion_tokens),
    };
    if request.stream == Some(true) {
        let wants_usage = request
            .stream_options
            .is_some_and(|options| options.include_usage == Some(true));
        return Ok(Answer {
            chunks: stream::events(&reply, wants_usage),
            streamed: true,
        });
    }
    Ok(Answer::document(&reply.document()))
}

impl ChatBody<'_> {
    fn output_limit(&self) -> Result<Option<usize>, Refusal> {
        match self.max_completion_tokens.or(self.max_tokens) {
            None => Ok(None),
            Some(limit) => usize::try_from(limit).map(Some).map_err(|_| Refusal {
                param: "max_tokens",
                message: "max_tokens must not be negative".to_owned(),
            }),
        }
    }

    /// A tool result is echoed when it comes last, otherwise what the user said last.
    fn last_word(&self, texts: &[String]) -> String {
        let said = if self.ends_with_tool_result() {
            texts.last().cloned()
        } else {
            self.last_user_text(texts).map(str::to_owned)
        };
        format!("echo: {}", said.unwrap_or_default())
    }

    fn last_user_text<'t>(&self, texts: &'t [String]) -> Option<&'t str> {
        let messages = self.messages.iter().zip(texts).rev();
        messages
            .filter(|(message, _)| message.role == "user")
            .map(|(_, text)| text.as_str())
            .next()
    }

    fn ends_with_tool_result(&self) -> bool {
        self.messages.last().is_some_and(|last| last.role == "tool")
    }

    /// A call when the user wrote `call <tool> <arguments>` or when the choice of tool is forced. Never as the
    /// answer to a tool result: a loop of calls would have no end.
    fn tool_call(&self, texts: &[String]) -> Option<Said> {
        let offered: Vec<&str> = self
            .tools
            .iter()
            .flatten()
            .filter_map(|tool| tool.function.as_ref())
            .map(|function| function.name.as_str())
            .collect();
        let choice = self.tool_choice.as_ref();
        let is_choice = |name: &str| choice.and_then(Value::as_str) == Some(name);
        if offered.is_empty() || self.ends_with_tool_result() || is_choice("none") {
            return None;
        }
        let asked = self.last_user_text(texts).and_then(asked_call);
        let asked = asked.filter(|(name, _)| offered.contains(name));
        let forced = choice
            .and_then(|choice| choice.pointer("/function/name"))
            .and_then(Value::as_str)
            .or_else(|| is_choice("required").then(|| offered.first().copied())?);
        let (name, arguments) = match (forced, asked) {
            (Some(forced), Some((name, arguments))) if forced == name || is_choice("required") => {
                (name, arguments)
            }
            (Some(forced), _) => (forced, ""),
            (None, asked) => asked?,
        };
        Some(Said::Call {
            name: name.to_owned(),
            arguments: as_object(arguments),
        })
    }
}

/// `call <tool> <arguments>` apart.
fn asked_call(text: &str) -> Option<(&str, &str)> {
    let rest = text.trim().strip_prefix("call ")?.trim_start();
    Some(rest.split_once(char::is_whitespace).unwrap_or((rest, "")))
}

/// Arguments as JSON object text: what is not one becomes its `input` member.
fn as_object(arguments: &str) -> String {
    let arguments = arguments.trim();
    if arguments.is_empty() {
        return "{}".to_owned();
    }
    match serde_json::from_str::<Value>(arguments) {
        Ok(Value::Object(_)) => arguments.to_owned(),
        _ => serde_json::json!({ "input": arguments }).to_string(),
    }
}

/// A text of exactly `tokens` tokens, by repetition or by cutting.
fn lengthened(text: &str, tokens: Option<u32>) -> String {
    match tokens.and_then(|tokens| usize::try_from(tokens).ok()) {
        None => text.to_owned(),
        Some(tokens) => format!("{text} ")
            .chars()
            .cycle()
            .take(tokens.saturating_mul(super::reply::CHARS_PER_TOKEN))
            .collect(),
    }
}

impl Message<'_> {
    /// The message's text; of a list of parts, the texts of those that have one.
    fn text(&self) -> String {
        let Some(content) = self.content else {
            return String::new();
        };
        if let Ok(text) = serde_json::from_str::<String>(content.get()) {
            return text;
        }
        serde_json::from_str::<Vec<Part>>(content.get())
            .unwrap_or_default()
            .into_iter()
            .filter_map(|part| part.text)
            .collect::<Vec<String>>()
            .join("\n")
    }
}

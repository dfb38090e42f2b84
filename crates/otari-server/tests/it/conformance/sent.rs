//! What arrives upstream: a body of the format that is spoken there.

use otari_providers::quirk::{Quirk, allows_stream_options};
use otari_providers::{Dialect, Provider};
use otari_testkit::Captured;
use serde_json::{Value, json};

use super::answer::content_type;
use super::ask::{TOOL, TOOL_ANSWER, WORD};
use super::{Checked, MODEL, OUTPUT_LIMIT, Round, Wire, ensure};

/// Where a format keeps what every call has, as JSON pointers.
struct Layout {
    model: Option<&'static str>,
    conversation: &'static str,
    output_limit: &'static str,
    /// The name of the first function.
    tool: &'static str,
    /// Whether the body says that the answer shall be streamed.
    says_stream: bool,
}

fn layout(wire: Wire, provider: &Provider) -> Layout {
    let chat = Layout {
        model: Some("/model"),
        conversation: "/messages",
        output_limit: chat_limit(provider),
        tool: "/tools/0/function/name",
        says_stream: true,
    };
    match wire {
        Wire::Chat | Wire::BuiltIn => chat,
        Wire::Mistral | Wire::Cohere => Layout {
            output_limit: "/max_tokens",
            ..chat
        },
        Wire::Sagemaker => Layout {
            model: None,
            output_limit: "/max_tokens",
            ..chat
        },
        Wire::Watsonx => Layout {
            model: Some("/model_id"),
            output_limit: "/max_tokens",
            says_stream: false,
            ..chat
        },
        Wire::Ollama => Layout {
            output_limit: "/options/num_predict",
            ..chat
        },
        Wire::Responses => Layout {
            conversation: "/input",
            output_limit: "/max_output_tokens",
            tool: "/tools/0/name",
            ..chat
        },
        Wire::Anthropic => Layout {
            model: (provider.dialect != Dialect::VertexAnthropic).then_some("/model"),
            output_limit: "/max_tokens",
            tool: "/tools/0/name",
            ..chat
        },
        Wire::Gemini => Layout {
            model: None,
            conversation: "/contents",
            output_limit: "/generationConfig/maxOutputTokens",
            tool: "/tools/0/functionDeclarations/0/name",
            says_stream: false,
        },
        Wire::Bedrock => Layout {
            model: None,
            output_limit: "/inferenceConfig/maxTokens",
            tool: "/toolConfig/tools/0/toolSpec/name",
            says_stream: false,
            ..chat
        },
    }
}

/// The spelling that the row knows; without one the caller's passes, which `check` looks at itself.
fn chat_limit(provider: &Provider) -> &'static str {
    let field = provider.quirks.iter().find_map(|quirk| match quirk {
        Quirk::MaxTokensField("max_tokens") => Some("/max_tokens"),
        Quirk::MaxTokensField(_) => Some("/max_completion_tokens"),
        _ => None,
    });
    field.unwrap_or("")
}

pub(super) fn check(
    wire: Wire,
    provider: &Provider,
    round: Round,
    stream: bool,
    sent: &Captured,
) -> Checked {
    ensure!(sent.method == "POST", "sent as {}", sent.method);
    let kind = sent.headers.get("content-type").map(String::as_str);
    ensure!(kind == Some("application/json"), "sent as {kind:?}");
    let accepted = sent.headers.get("accept").map(String::as_str);
    let expected = if stream {
        content_type(wire)
    } else {
        "application/json"
    };
    ensure!(accepted == Some(expected), "accepts {accepted:?}");
    let body: Value = serde_json::from_slice(&sent.body).map_err(|_| "sent no JSON".to_owned())?;
    let layout = layout(wire, provider);
    match layout.model {
        Some(at) => ensure!(body.pointer(at) == Some(&json!(MODEL)), "model: {body}"),
        None => ensure!(body.get("model").is_none(), "a model in the body: {body}"),
    }
    let conversation = body.pointer(layout.conversation).and_then(Value::as_array);
    let said = json!(conversation).to_string();
    ensure!(said.contains(WORD), "conversation: {body}");
    let answered = [TOOL, TOOL_ANSWER, "Oslo"]
        .iter()
        .all(|word| said.contains(word));
    ensure!(answered == (round == Round::Result), "tool results: {body}");
    check_limit(layout.output_limit, &body)?;
    let tool = body.pointer(layout.tool);
    ensure!(tool.is_some() == (round != Round::Plain), "tools: {body}");
    ensure!(tool.is_none_or(|name| name == TOOL), "tools: {body}");
    let streams = body.get("stream").and_then(Value::as_bool).unwrap_or(false);
    ensure!(streams == (stream && layout.says_stream), "stream: {body}");
    ensure!(
        wire != Wire::Ollama || body["stream"].is_boolean(),
        "silent on stream: {body}"
    );
    check_quirks(wire, provider, stream, &body)?;
    // Said by the client of Responses, for whom keeping is the default. Strict hosts know no such member.
    ensure!(
        wire == Wire::Responses || body.get("store").is_none(),
        "store: {body}"
    );
    match provider.dialect {
        Dialect::VertexAnthropic => {
            let version = &body["anthropic_version"];
            ensure!(version == "vertex-2023-10-16", "version {version}");
        }
        Dialect::Watsonx => ensure!(body["project_id"].is_string(), "no project: {body}"),
        _ if wire == Wire::Anthropic => {
            let version = sent.headers.get("anthropic-version");
            ensure!(version.is_some(), "no anthropic-version");
        }
        _ => {}
    }
    Ok(())
}

fn check_limit(at: &str, body: &Value) -> Checked {
    let spellings = ["/max_tokens", "/max_completion_tokens"];
    let limit = |at: &str| body.pointer(at) == Some(&json!(OUTPUT_LIMIT));
    if at.is_empty() {
        let given = spellings.iter().filter(|at| limit(at)).count();
        ensure!(given == 1, "output limit: {body}");
        return Ok(());
    }
    ensure!(limit(at), "no output limit at {at}: {body}");
    for other in spellings.iter().filter(|other| **other != at) {
        ensure!(body.pointer(other).is_none(), "{other} too: {body}");
    }
    Ok(())
}

/// What the row says of OpenAI's members holds on every format that has them.
fn check_quirks(wire: Wire, provider: &Provider, stream: bool, body: &Value) -> Checked {
    let is_chat = matches!(wire, Wire::Chat | Wire::Mistral | Wire::Sagemaker);
    let asks = body.get("stream_options");
    if !is_chat {
        ensure!(asks.is_none(), "stream_options: {body}");
        return Ok(());
    }
    if stream && allows_stream_options(provider.quirks) {
        ensure!(
            asks == Some(&json!({"include_usage": true})),
            "usage is not asked for: {body}"
        );
    } else {
        ensure!(asks.is_none(), "stream_options: {body}");
    }
    let members = || body.as_object().into_iter().flatten();
    for quirk in provider.quirks {
        match quirk {
            Quirk::DropParams(names) => {
                let left = members().find(|(name, _)| names.contains(&name.as_str()));
                ensure!(left.is_none(), "should be dropped: {left:?}");
            }
            Quirk::RenameParam(from, to) => {
                ensure!(body.get(*from).is_none(), "should be {to}: {body}");
            }
            Quirk::OnlyParams(names) => {
                let other = members().find(|(name, _)| !names.contains(&name.as_str()));
                ensure!(other.is_none(), "not known there: {other:?}");
            }
            _ => {}
        }
    }
    Ok(())
}

/// Members that the row renames or drops, for a request whose members pass as they are.
pub(super) fn with_edited_members(provider: &Provider, body: &mut Value) {
    for quirk in provider.quirks {
        match quirk {
            // `user` is the gateway's own.
            Quirk::DropParams(names) => {
                for name in names.iter().filter(|name| **name != "user") {
                    body[*name] = json!(1);
                }
            }
            Quirk::RenameParam(from, _) => body[*from] = json!(1),
            _ => {}
        }
    }
}

/// Where [`with_edited_members`] put something under another name.
pub(super) fn check_renamed(provider: &Provider, body: &Value) -> Checked {
    for quirk in provider.quirks {
        if let Quirk::RenameParam(from, to) = quirk {
            ensure!(body[*to] == 1, "{from} did not become {to}: {body}");
        }
    }
    Ok(())
}

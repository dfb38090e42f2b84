//! A generation request as far as the gateway reads it: a borrowed view, the rest stays raw.

mod check;
mod fields;
mod own_tools;

use std::borrow::Cow;

use otari_translate::Surface;
use otari_wire::members::Members;
use serde::Deserialize;

use crate::error::{FieldProblem, GatewayError};
use crate::guardrails::{Entry, entries};
use crate::inbound::Named;
use crate::reserve::Demand;
use crate::unit::Unit;

use check::check;
use own_tools::wanted_tools;

pub(crate) use own_tools::{InlineServer, WantedTools};

pub(crate) use fields::{
    bool_member, int_member, parse_members, present, problem, required_string, string_member,
};

/// A parsed body. Members that the gateway does not own are only in `members`.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) surface: Surface,
    pub(crate) members: Members<'a>,
    pub(crate) model: Cow<'a, str>,
    pub(crate) stream: bool,
    /// Whom the client says the call is for: billed to, if it may say so.
    pub(crate) user: Option<Cow<'a, str>>,
    pub(crate) demand: Demand,
    /// The checks it asks for.
    pub(crate) guardrails: Vec<Entry>,
    /// The tools the gateway is to run.
    pub(crate) tools: Option<WantedTools>,
    /// The caller's word for the work it belongs to, which a platform is told.
    pub(crate) session: Option<Cow<'a, str>>,
}

const SESSION_CHARS_MAX: usize = 255;

/// Where a surface keeps what the gateway reads.
struct Layout {
    /// The conversation.
    input: &'static str,
    /// Other members that become part of the prompt.
    prompt: &'static [&'static str],
    /// Limits of the output, the first that is given counts.
    limits: &'static [&'static str],
}

const fn layout(surface: Surface) -> Layout {
    match surface {
        Surface::Chat => Layout {
            input: "messages",
            prompt: &["tools"],
            limits: &["max_tokens", "max_completion_tokens"],
        },
        Surface::Messages => Layout {
            input: "messages",
            prompt: &["system", "tools"],
            limits: &["max_tokens"],
        },
        Surface::Responses => Layout {
            input: "input",
            prompt: &["instructions", "tools"],
            limits: &["max_output_tokens"],
        },
        Surface::Completions => Layout {
            input: "prompt",
            prompt: &["suffix"],
            limits: &["max_tokens"],
        },
        Surface::Gemini => Layout {
            input: "contents",
            prompt: &["systemInstruction", "system_instruction", "tools"],
            // Below `generationConfig`.
            limits: &[],
        },
    }
}

impl<'a> Request<'a> {
    /// `named`: what the address says, for the surface whose bodies do not.
    pub(crate) fn parse(
        surface: Surface,
        named: Option<&'a Named>,
        body: &'a [u8],
    ) -> Result<Self, GatewayError> {
        let members = parse_members(body)?;
        let layout = layout(surface);
        let mut problems = Vec::new();
        let (model, stream) = match named {
            Some(named) => (Cow::Borrowed(named.model.as_str()), named.stream),
            None => model_and_stream(&members, &mut problems),
        };
        check(surface, layout.input, &members, &mut problems);
        let user = match surface {
            Surface::Messages => metadata_user(&members, &mut problems),
            Surface::Gemini => None,
            Surface::Chat | Surface::Responses | Surface::Completions => {
                string_member(&members, "user", &mut problems)
            }
        };
        let demand = demand(surface, &layout, &members, &mut problems);
        let guardrails = entries(&members, &mut problems);
        let session = string_member(&members, "session_label", &mut problems);
        if session
            .as_ref()
            .is_some_and(|label| label.chars().count() > SESSION_CHARS_MAX)
        {
            let text = format!("String should have at most {SESSION_CHARS_MAX} characters");
            problems.push(problem(&["session_label"], "string_too_long", &text));
        }
        let tools = wanted_tools(&members, &mut problems)?;
        if !problems.is_empty() {
            return Err(GatewayError::InvalidBody(problems));
        }
        if model.trim().is_empty() {
            return Err(GatewayError::InvalidRequest("model is required".to_owned()));
        }
        if surface == Surface::Responses && present(&members, "background") == Some("true") {
            let text =
                "background responses are not available: what they cost could not be recorded";
            return Err(GatewayError::InvalidRequest(text.to_owned()));
        }
        Ok(Self {
            surface,
            members,
            model,
            stream,
            user,
            demand,
            guardrails,
            tools,
            session,
        })
    }
}

fn model_and_stream<'a>(
    members: &Members<'a>,
    problems: &mut Vec<FieldProblem>,
) -> (Cow<'a, str>, bool) {
    let model = string_member(members, "model", problems);
    if members.get("model").is_none() {
        problems.push(problem(&["model"], "missing", "Field required"));
    }
    let stream = bool_member(members, "stream", problems).unwrap_or(false);
    (model.unwrap_or_default(), stream)
}

fn demand(
    surface: Surface,
    layout: &Layout,
    members: &Members<'_>,
    problems: &mut Vec<FieldProblem>,
) -> Demand {
    let mut max_output = None;
    for name in layout.limits {
        let limit = int_member(members, name, problems);
        max_output = max_output.or(limit);
    }
    let choices = match surface {
        Surface::Chat | Surface::Completions => int_member(members, "n", problems),
        Surface::Gemini => {
            let config = generation_config(members);
            max_output = config.max_output_tokens;
            config.candidate_count
        }
        Surface::Messages | Surface::Responses => None,
    };
    let size = |name: &str| members.get(name).map_or(0, |raw| raw.get().len());
    Demand {
        prompt_bytes: size(layout.input)
            + layout.prompt.iter().map(|name| size(name)).sum::<usize>(),
        max_output: max_output.map(|tokens| tokens.max(0)),
        choices: choices.unwrap_or(1).max(1),
        unit: Unit::Tokens,
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct GenerationConfig {
    #[serde(alias = "max_output_tokens")]
    max_output_tokens: Option<i64>,
    #[serde(alias = "candidate_count")]
    candidate_count: Option<i64>,
}

/// What is wrong with it the surface's own reader says.
fn generation_config(members: &Members<'_>) -> GenerationConfig {
    let either = ["generationConfig", "generation_config"];
    let given = either.iter().find_map(|name| members.get(name));
    let read = given.and_then(|raw| serde_json::from_str(raw.get()).ok());
    read.unwrap_or_default()
}

/// Messages says whom it is for in `metadata.user_id`.
fn metadata_user<'a>(
    members: &Members<'a>,
    problems: &mut Vec<FieldProblem>,
) -> Option<Cow<'a, str>> {
    #[derive(Deserialize)]
    struct Metadata<'a> {
        #[serde(borrow, default)]
        user_id: Option<Cow<'a, str>>,
    }
    let raw = present(members, "metadata")?;
    if let Ok(metadata) = serde_json::from_str::<Metadata<'a>>(raw) {
        return metadata.user_id;
    }
    let message = "Input should be a valid dictionary whose user_id is a string";
    problems.push(problem(&["metadata"], "dict_type", message));
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(body: &str) -> Vec<(String, &'static str)> {
        match Request::parse(Surface::Chat, None, body.as_bytes()) {
            Err(GatewayError::InvalidBody(problems)) => problems
                .into_iter()
                .map(|p| (p.loc.join("."), p.kind))
                .collect(),
            other => panic!("expected field problems, got {other:?}"),
        }
    }

    #[test]
    fn a_request_is_read_without_losing_members() {
        let body = br#"{"model":"openai:m","messages":[{"role":"user","content":"hi"}],"stream":true,"max_completion_tokens":7,"top_k":3}"#;
        let request = Request::parse(Surface::Chat, None, body).unwrap();
        assert_eq!(
            (
                request.model.as_ref(),
                request.stream,
                request.demand.max_output
            ),
            ("openai:m", true, Some(7))
        );
        assert_eq!(request.members.get("top_k").unwrap().get(), "3");
    }

    #[test]
    fn every_bad_member_is_named() {
        assert_eq!(
            problems("{}"),
            [
                ("model".to_owned(), "missing"),
                ("messages".to_owned(), "missing")
            ]
        );
        assert_eq!(
            problems(r#"{"model":1,"messages":{}}"#),
            [
                ("model".to_owned(), "string_type"),
                ("messages".to_owned(), "list_type")
            ]
        );
        assert_eq!(
            problems(r#"{"model":"m","messages":[1,{},{"role":2}],"stream":"yes","n":1.5}"#),
            [
                ("stream".to_owned(), "bool_type"),
                ("messages.0".to_owned(), "dict_type"),
                ("messages.1.role".to_owned(), "missing"),
                ("messages.2.role".to_owned(), "string_type"),
                ("n".to_owned(), "int_type"),
            ]
        );
        assert_eq!(
            problems(r#"{"model":"a","model":"b"}"#),
            [("model".to_owned(), "invalid_body")]
        );
    }

    #[test]
    fn what_is_not_json_says_where() {
        for (body, at) in [("{nope", 1), ("", 0), ("{\"a\":1,\n x}", 9)] {
            match Request::parse(Surface::Chat, None, body.as_bytes()) {
                Err(GatewayError::InvalidJson { offset }) => assert_eq!(offset, at, "{body}"),
                other => panic!("{other:?}"),
            }
        }
        assert!(matches!(
            Request::parse(Surface::Chat, None, b"{\"model\":\"\xff\"}"),
            Err(GatewayError::InvalidJson { .. })
        ));
    }

    #[test]
    fn a_blank_model_is_a_request_without_model() {
        let error = Request::parse(
            Surface::Chat,
            None,
            br#"{"model":" ","messages":[{"role":"user"}]}"#,
        )
        .unwrap_err();
        assert_eq!(error.to_string(), "Invalid request: model is required");
    }
}

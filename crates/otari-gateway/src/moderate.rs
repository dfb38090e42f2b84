//! The walk of a moderation: a flat price, and OpenAI's answer from whoever judges.

use otari_providers::{Operation, UpstreamError};
use otari_types::new_id;
use otari_wire::members::Members;
use serde_json::{Map, Value};

use crate::Gateway;
use crate::error::{FieldProblem, GatewayError};
use crate::inbound::{Inbound, Reply, ReplyBody};
use crate::pass::{
    At, Errand, Raw, Reading, Task, Whole, answer_members, forwarded, speaks_openai,
};
use crate::relay::malformed;
use crate::request::{parse_members, problem, required_string, string_member};
use crate::reserve::Demand;
use crate::unit::Unit;

const RAW: &str = "provider_raw";

impl Gateway {
    /// Answers one moderation request. `include_raw`: each result also as the provider wrote it, in `provider_raw`.
    pub async fn moderate(
        &self,
        inbound: &Inbound,
        include_raw: bool,
    ) -> Result<Reply, GatewayError> {
        let members = parse_members(&inbound.body)?;
        let mut problems = Vec::new();
        let model = required_string(&members, "model", &mut problems);
        let user = string_member(&members, "user", &mut problems);
        check_input(&members, &mut problems);
        if !problems.is_empty() {
            return Err(GatewayError::InvalidBody(problems));
        }
        let errand = Errand {
            inbound,
            operation: Operation::Moderations,
            model: &model,
            user: user.as_deref(),
            demand: Demand {
                choices: 1,
                unit: Unit::Calls,
                ..Demand::default()
            },
        };
        let decode = |at: &At<'_>, raw: Raw| decode(at, &raw, include_raw);
        let encode = |at: &At<'_>| {
            speaks_openai(at.instance, Operation::Moderations, "moderations")?;
            let message = forwarded(&members, at.model);
            Ok(Task::one(message, Reading::Whole(&decode)))
        };
        self.pass(&errand, &encode).await
    }
}

/// A text, a list of texts, or a list of content parts.
fn check_input(members: &Members<'_>, problems: &mut Vec<FieldProblem>) {
    let Some(input) = members.get("input") else {
        problems.push(problem(&["input"], "missing", "Field required"));
        return;
    };
    let fits = match serde_json::from_str(input.get()) {
        Ok(Value::String(_)) => true,
        Ok(Value::Array(items)) => {
            items.iter().all(Value::is_string) || items.iter().all(Value::is_object)
        }
        _ => false,
    };
    if !fits {
        let message = "Input should be a string, a list of strings or a list of content objects";
        problems.push(problem(&["input"], "string_or_list_type", message));
    }
}

fn decode(at: &At<'_>, raw: &Raw, include_raw: bool) -> Result<Whole, UpstreamError> {
    answer_members(&raw.body)?;
    let unlike = || malformed("the answer has no list of results");
    let mut answer: Map<String, Value> = serde_json::from_slice(&raw.body).map_err(|_| unlike())?;
    let results = answer.get_mut("results").and_then(Value::as_array_mut);
    for result in results.ok_or_else(unlike)? {
        let result = result.as_object_mut().ok_or_else(unlike)?;
        complete(result, include_raw);
    }
    if !answer.get("id").is_some_and(Value::is_string) {
        answer.insert("id".to_owned(), format!("modr-{}", new_id()).into());
    }
    let named = answer.get("model").and_then(Value::as_str);
    let shown = at.label.or(named).unwrap_or(at.model).to_owned();
    answer.insert("model".to_owned(), shown.into());
    let body = Value::Object(answer).to_string();
    Ok(Whole::of(ReplyBody::Json(body.into())))
}

/// Mistral says how sure it is of each category and which apply, but not what follows.
fn complete(result: &mut Map<String, Value>, include_raw: bool) {
    let of_provider = result.remove(RAW);
    let as_written = include_raw.then(|| result.clone());
    if !result.get("flagged").is_some_and(Value::is_boolean) {
        let categories = result.get("categories").and_then(Value::as_object);
        let flagged = categories.is_some_and(|all| all.values().any(|v| *v == Value::Bool(true)));
        result.insert("flagged".to_owned(), flagged.into());
    }
    if let Some(as_written) = as_written {
        // Another gateway's answer holds what the provider wrote already.
        let raw = of_provider.unwrap_or(Value::Object(as_written));
        result.insert(RAW.to_owned(), raw);
    }
}

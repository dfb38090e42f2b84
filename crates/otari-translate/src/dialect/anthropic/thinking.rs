//! How a Claude model is told to think, wherever it is hosted.

use crate::call::{Block, Call, Reasoning, Role, Thinking, ToolChoice, Turn};
use crate::effort::Effort;
use crate::json::Object;
use crate::origin::Origin;

use super::model::{Model, ThinkingStyle};

const MIN_BUDGET: i64 = 1024;

/// How the model is told to think.
pub(in crate::dialect) enum Mode {
    Silent,
    Off,
    Budget(i64),
    Adaptive(Option<Effort>),
}

impl Mode {
    pub(in crate::dialect) fn is_on(&self) -> bool {
        matches!(self, Self::Budget(_) | Self::Adaptive(_))
    }

    pub(in crate::dialect) fn object(&self) -> Option<Object> {
        match self {
            Self::Silent => None,
            Self::Off => Some(Object::typed("disabled")),
            Self::Budget(tokens) => Some(Object::typed("enabled").with("budget_tokens", *tokens)),
            Self::Adaptive(_) => Some(Object::typed("adaptive")),
        }
    }
}

/// A forced tool call is refused together with thinking, and being forced is the plainer wish.
pub(in crate::dialect) fn thinking(call: &Call, model: &Model) -> Mode {
    let Some(wish) = call.thinking else {
        return Mode::Silent;
    };
    let forced = matches!(
        call.tool_choice,
        Some(
            ToolChoice::Required
                | ToolChoice::Named(_)
                | ToolChoice::Allowed { required: true, .. }
        )
    );
    if forced || model.thinking == ThinkingStyle::None {
        return Mode::Silent;
    }
    if wish.is_off() {
        return Mode::Off;
    }
    match model.thinking {
        ThinkingStyle::None => Mode::Silent,
        ThinkingStyle::Budget if is_amid_thoughtless_calls(&call.turns) => Mode::Silent,
        ThinkingStyle::Budget => Mode::Budget(budget(wish)),
        ThinkingStyle::Adaptive => Mode::Adaptive(wish.level()),
    }
}

/// Whether the last turns call tools without a thought that Claude signed, as another provider's model does. With a
/// budget, these models refuse to think on from there: "Expected `thinking` or `redacted_thinking`, but found
/// `tool_use`".
fn is_amid_thoughtless_calls(turns: &[Turn]) -> bool {
    let is_result = |turn: &Turn| {
        let mut parts = turn.parts.iter();
        parts.any(|part| matches!(part.block, Block::ToolResult(_)))
    };
    let loop_turns = turns
        .iter()
        .rev()
        .take_while(|turn| turn.role != Role::User || is_result(turn));
    let mut calls = false;
    for part in loop_turns.flat_map(|turn| &turn.parts) {
        match &part.block {
            Block::Reasoning(reasoning) if is_claudes(reasoning) => return false,
            Block::ToolCall(_) => calls = true,
            _ => {}
        }
    }
    calls
}

fn is_claudes(reasoning: &Reasoning) -> bool {
    let signature = reasoning.signature.as_ref();
    signature.is_some_and(|signature| signature.origin == Origin::Anthropic)
}

fn budget(wish: Thinking) -> i64 {
    let level = wish.effort.unwrap_or(Effort::Medium);
    wish.budget
        .unwrap_or_else(|| level.claude_budget())
        .max(MIN_BUDGET)
}

/// The limit is not optional, and thinking counts inside it: it must leave room for an answer.
pub(in crate::dialect) fn max_tokens(wanted: Option<i64>, model: &Model, thinking: &Mode) -> i64 {
    let limit = wanted.unwrap_or(model.max_output);
    match thinking {
        Mode::Budget(tokens) if limit <= *tokens => tokens.saturating_add(limit.max(1)),
        _ => limit,
    }
}

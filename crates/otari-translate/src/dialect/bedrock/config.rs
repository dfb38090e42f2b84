//! Limits, sampling and thinking: partly Converse's own members, partly each family's.

use crate::call::{Call, Thinking};
use crate::effort::Effort;
use crate::json::{Json, Object};

use super::super::Target;
use super::super::anthropic::model::{Model, of};
use super::super::anthropic::thinking::{Mode, max_tokens, thinking};
use super::family::Family;

/// Claude's own knobs, for the Claudes.
pub(super) struct Claude {
    pub(super) model: Model,
    pub(super) mode: Mode,
}

impl Claude {
    pub(super) fn of(call: &Call, target: &Target<'_>, family: Family) -> Option<Self> {
        (family == Family::Claude).then(|| {
            let model = of(target.model);
            let mode = thinking(call, &model);
            Self { model, mode }
        })
    }
}

pub(super) fn inference(call: &Call, target: &Target<'_>, claude: Option<&Claude>) -> Object {
    let wanted = call.max_output.or(target.max_output);
    let limit = match claude {
        // The budget counts inside the limit, so the limit must be said.
        Some(claude) if matches!(claude.mode, Mode::Budget(_)) => {
            let wanted = wanted.unwrap_or(claude.model.max_output);
            Some(max_tokens(Some(wanted), &claude.model, &claude.mode))
        }
        _ => wanted,
    };
    let mut config = Object::new().with_some("maxTokens", limit);
    let samples = claude.is_none_or(|claude| claude.model.sampling && !claude.mode.is_on());
    if samples {
        // The scale ends at 1 here and at 2 elsewhere.
        config = config.with_some(
            "temperature",
            call.temperature.map(|value| value.clamp(0.0, 1.0)),
        );
        if claude.is_none() || call.temperature.is_none() {
            config = config.with_some("topP", call.top_p);
        }
    }
    let stop: Vec<Json> = call
        .stop
        .iter()
        .filter(|text| !text.trim().is_empty())
        .map(Json::from)
        .collect();
    if !stop.is_empty() {
        config.set("stopSequences", stop);
    }
    config
}

/// `additionalModelRequestFields`: what only the family knows. Families without a place for `top_k` or an effort do
/// without.
pub(super) fn model_fields(call: &Call, family: Family, claude: Option<&Claude>) -> Object {
    let mut fields = Object::new();
    if let Some(claude) = claude {
        if let Some(thinking) = claude.mode.object() {
            fields.set("thinking", thinking);
        }
        if let Mode::Adaptive(Some(effort)) = claude.mode {
            let effort = effort.anthropic(claude.model.xhigh);
            fields.set("output_config", Object::new().with("effort", effort));
        }
        if claude.model.sampling && !claude.mode.is_on() {
            fields = fields.with_some("top_k", call.top_k);
        }
        return fields;
    }
    let level = call.thinking.and_then(Thinking::level);
    match family {
        Family::Mistral => fields = fields.with_some("top_k", call.top_k),
        Family::Cohere => fields = fields.with_some("k", call.top_k),
        Family::GptOss => {
            fields = fields.with_some("reasoning_effort", level.map(three_steps));
        }
        Family::Nova => {
            if let Some(top_k) = call.top_k {
                fields.set("inferenceConfig", Object::new().with("topK", top_k));
            }
            if let Some(level) = level {
                fields.set("reasoningConfig", nova_reasoning(level));
            }
        }
        Family::Claude | Family::Plain | Family::Unknown => {}
    }
    fields
}

fn nova_reasoning(level: Effort) -> Object {
    if level == Effort::None {
        return Object::typed("disabled");
    }
    Object::typed("enabled").with("maxReasoningEffort", three_steps(level))
}

fn three_steps(level: Effort) -> &'static str {
    match level {
        Effort::None | Effort::Minimal | Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High | Effort::XHigh | Effort::Max => "high",
    }
}

//! What was delivered so far: of the turn that is read now, and of those of a conversation with tools that ended.

use otari_metering::Estimate;
use otari_tools::tool_loop::ToolTally;
use otari_types::TokenUsage;

use super::{Open, Settlement};
use crate::settings::MissingUsagePolicy;
use crate::unit::Unit;

/// What the upstream has delivered so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Produced {
    /// Of the turn that is read now; a call without tools of the gateway's has one.
    pub(crate) usage: Option<TokenUsage>,
    /// Bytes of generated text, for an estimate when no usage comes.
    pub(crate) generated_bytes: usize,
    /// Images or calls, where those are billed: what the upstream made, once it is known to have made any.
    pub(crate) pieces: Option<i64>,
    pub(crate) first_chunk_ms: Option<i64>,
    /// Calls of the gateway's own tools.
    pub(crate) tools: ToolTally,
    pub(super) turns: Turns,
}

/// The turns of a conversation with tools.
#[derive(Clone, Debug, Default)]
pub(super) struct Turns {
    /// What each that ended consumed.
    pub(super) ended: Vec<TokenUsage>,
    /// Some of it was estimated.
    pub(super) estimated: bool,
    /// Between two turns, nothing is being read.
    between: bool,
    /// Of the prompt that is answered now, where it is not the call's own.
    prompt_bytes: Option<usize>,
}

/// What a call's turns consumed.
pub(super) struct Used {
    pub(super) turns: Vec<TokenUsage>,
    /// Some of it was not reported.
    pub(super) estimated: bool,
}

pub(super) fn sum(turns: &[TokenUsage]) -> Option<TokenUsage> {
    turns.iter().copied().reduce(TokenUsage::plus)
}

impl Settlement {
    /// A turn of a conversation with tools ended; another may follow.
    pub(crate) fn end_turn(&mut self) {
        let Some(open) = &mut self.open else { return };
        let (usage, estimated) = open.usage_of_turn();
        let produced = &mut open.produced;
        produced.turns.ended.extend(usage);
        produced.turns.estimated |= estimated;
        produced.turns.between = true;
        produced.usage = None;
        produced.generated_bytes = 0;
    }

    /// The next turn is asked for, with a prompt of this size.
    pub(crate) fn begin_turn(&mut self, prompt_bytes: usize) {
        let Some(open) = &mut self.open else { return };
        open.produced.turns.between = false;
        open.produced.turns.prompt_bytes = Some(prompt_bytes);
    }
}

impl Open {
    /// Whether the turn that is read now brought anything.
    pub(super) fn has_delivered(&self) -> bool {
        self.produced.usage.is_some() || self.produced.generated_bytes > 0
    }

    /// What every turn consumed.
    pub(super) fn usage_to_bill(&self) -> Used {
        let mut used = self.usage_of_ended();
        let (now, estimated) = self.usage_of_turn();
        used.turns.extend(now);
        used.estimated |= estimated;
        used
    }

    /// What the turns that ended consumed: owed whatever becomes of the call.
    pub(super) fn usage_of_ended(&self) -> Used {
        let turns = &self.produced.turns;
        Used {
            turns: turns.ended.clone(),
            estimated: turns.estimated,
        }
    }

    /// Reported usage, or an estimate from the text lengths when none was reported and the policy bills it.
    fn usage_of_turn(&self) -> (Option<TokenUsage>, bool) {
        let Produced {
            usage,
            generated_bytes,
            turns,
            ..
        } = &self.produced;
        if usage.is_some() {
            return (*usage, false);
        }
        if self.demand.unit != Unit::Tokens || turns.between {
            return (None, false);
        }
        self.metrics.missing_usage.inc();
        if self.missing_usage == MissingUsagePolicy::AllowFree {
            return (None, false);
        }
        let usage = TokenUsage {
            input: tokens_of(turns.prompt_bytes.unwrap_or(self.demand.prompt_bytes)),
            output: tokens_of(*generated_bytes),
            ..TokenUsage::default()
        };
        (Some(usage), true)
    }
}

/// The usual length of a token, for texts whose tokens nobody counted.
fn tokens_of(bytes: usize) -> i64 {
    Estimate {
        prompt_chars: bytes,
        ..Estimate::default()
    }
    .input_tokens()
}

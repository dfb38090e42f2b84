//! Between a model that asks for tools and the tools: what to run, what to hand on, when to stop. No IO.
//!
//! ```text
//! reply → turn() → Run(calls)   → run them → answered() → ask the model again
//!                → Mixed(calls) → run them → settled()  → the rest of the reply is the caller's
//!                → Finished     → the reply is the answer
//!                → Limit        → 422
//! ```

mod arguments;
mod tally;

use std::collections::HashSet;

use otari_translate::{
    Block, Call, Finish, FinishReason, Part, Role, Tool, ToolCall, ToolChoice, ToolResult, Turn,
};
use otari_types::TokenUsage;
use serde_json::{Map, Value};

pub use tally::{ToolCount, ToolTally};

/// What a failed tool's text begins with, for dialects that have no other sign of failure.
pub const ERROR_PREFIX: &str = "[tool error] ";
pub const ITERATIONS_DEFAULT: u32 = 10;
pub const ITERATIONS_MAX: u32 = 25;
/// Of one reply. More is a model gone astray; the rest is answered, but not run.
const CALLS_PER_TURN_MAX: usize = 64;

/// The number of times a provider may be called for one request: what the request says, within the bounds of the
/// gateway and of a policy.
pub fn iteration_limit(requested: Option<u32>, policy: Option<u32>) -> u32 {
    requested
        .unwrap_or(ITERATIONS_DEFAULT)
        .min(ITERATIONS_MAX)
        .min(policy.unwrap_or(ITERATIONS_MAX))
        .max(1)
}

/// A call to run.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnedCall {
    pub id: String,
    pub name: String,
    pub arguments: Map<String, Value>,
}

/// What running a call came to.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolOutcome {
    pub call_id: String,
    pub content: Vec<Part>,
    pub is_error: bool,
}

impl ToolOutcome {
    pub fn text(call_id: &str, text: impl Into<String>) -> Self {
        Self {
            call_id: call_id.to_owned(),
            content: vec![Part::text(text)],
            is_error: false,
        }
    }

    /// A failure in words for the model.
    pub fn failed(call_id: &str, error: &dyn std::error::Error) -> Self {
        Self {
            is_error: true,
            ..Self::text(call_id, error.to_string())
        }
    }
}

/// What to do after a reply.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Run these, at once if you like, and give the outcomes to [`ToolLoop::answered`]. Can be empty, when every call
    /// was one that cannot be run: the model is told so.
    Run(Vec<OwnedCall>),
    /// The caller has to run some calls of this reply itself. Run these for what they do, give the outcomes to
    /// [`ToolLoop::settled`], and hand the reply on without them.
    Mixed(Vec<OwnedCall>),
    /// The reply is the answer. Calls that [`ToolLoop::hides`] are half-formed leftovers, not for the caller.
    Finished,
    /// The last permitted reply still asks for tools; they are not run.
    Limit { limit: u32 },
}

/// The loop of one request.
#[derive(Clone, Debug)]
pub struct ToolLoop {
    owned: HashSet<String>,
    /// The caller's own functions; `None` when it declared tools whose names only the provider knows.
    foreign: Option<HashSet<String>>,
    limit: u32,
    turns: u32,
    usage: Option<TokenUsage>,
    unreported: u32,
    tally: ToolTally,
    /// The reply that waits for its tools, and what is known about its calls without running them.
    waiting: Option<Waiting>,
}

#[derive(Clone, Debug)]
struct Waiting {
    blocks: Vec<Block>,
    refused: Vec<ToolOutcome>,
    names: Vec<(String, String)>,
}

impl ToolLoop {
    /// `call` as the caller sent it or with the owned tools added, whose names are `owned`.
    pub fn new(call: &Call, owned: HashSet<String>, limit: u32) -> Self {
        let mut foreign = Some(HashSet::new());
        for tool in &call.tools {
            match (tool, &mut foreign) {
                (Tool::Function(function), Some(names)) if !owned.contains(&function.name) => {
                    names.insert(function.name.clone());
                }
                (Tool::Function(_), _) => {}
                (Tool::Native(_), _) => foreign = None,
            }
        }
        Self {
            owned,
            foreign,
            limit: limit.max(1),
            turns: 0,
            usage: None,
            unreported: 0,
            tally: ToolTally::default(),
            waiting: None,
        }
    }

    /// Whether calls of this name are the gateway's affair, which the caller does not get to see: its own tools, and
    /// names that a model invents.
    pub fn hides(&self, name: &str) -> bool {
        !self.is_foreign(name)
    }

    /// Takes a finished reply: its blocks, what it consumed, why it ended.
    pub fn turn(
        &mut self,
        mut blocks: Vec<Block>,
        usage: Option<TokenUsage>,
        end: &Finish,
    ) -> Step {
        self.turns += 1;
        self.add_usage(usage);
        // Cut off or withheld: what calls there are may be half of what was meant.
        if end.reason != FinishReason::ToolCalls {
            return Step::Finished;
        }
        repair_ids(&mut blocks, self.turns);
        let calls = blocks.iter().filter_map(|block| match block {
            Block::ToolCall(call) => Some(call),
            _ => None,
        });
        let (foreign, ours): (Vec<&ToolCall>, Vec<&ToolCall>) =
            calls.partition(|call| self.is_foreign(&call.name));
        if ours.is_empty() {
            return Step::Finished;
        }
        if foreign.is_empty() && self.turns >= self.limit {
            return Step::Limit { limit: self.limit };
        }
        let mut run = Vec::new();
        let mut refused = Vec::new();
        for call in &ours {
            match self.runnable(call, run.len()) {
                Ok(call) => run.push(call),
                Err(text) => refused.push(ToolOutcome {
                    call_id: call.id.clone(),
                    content: vec![Part::text(text)],
                    is_error: true,
                }),
            }
        }
        let names = ours.iter().map(|call| (call.id.clone(), call.name.clone()));
        let names = names.collect();
        let mixed = !foreign.is_empty();
        self.waiting = Some(Waiting {
            blocks,
            refused,
            names,
        });
        if mixed {
            Step::Mixed(run)
        } else {
            Step::Run(run)
        }
    }

    /// Takes the outcomes of [`Step::Run`] and puts the reply and them into the call that is sent next. A call
    /// without an outcome is answered as failed: no provider accepts a conversation with a call left open.
    pub fn answered(&mut self, call: &mut Call, outcomes: Vec<ToolOutcome>) {
        let Some(waiting) = self.waiting.take() else {
            return;
        };
        let mut known: Vec<ToolOutcome> = waiting.refused;
        known.extend(outcomes);
        let mut results = Vec::new();
        for (id, name) in &waiting.names {
            let at = known.iter().position(|outcome| outcome.call_id == *id);
            let outcome = match at {
                Some(at) => known.swap_remove(at),
                None => no_outcome(id),
            };
            self.tally.add(name, outcome.is_error);
            results.push(Part::from(Block::ToolResult(as_result(outcome))));
        }
        let said = waiting.blocks.into_iter().map(Part::from).collect();
        call.turns.push(Turn::new(Role::Assistant, said));
        call.turns.push(Turn::new(Role::User, results));
        call.tool_choice = after_first(call.tool_choice.take());
    }

    /// Takes the outcomes of [`Step::Mixed`]: they count, though no model reads them.
    pub fn settled(&mut self, outcomes: &[ToolOutcome]) {
        let Some(waiting) = self.waiting.take() else {
            return;
        };
        for (id, name) in &waiting.names {
            let known = outcomes.iter().chain(&waiting.refused);
            let mut found = known.filter(|outcome| outcome.call_id == *id);
            self.tally
                .add(name, found.next().is_none_or(|outcome| outcome.is_error));
        }
    }

    /// What all replies consumed together; `None` when no provider said.
    pub fn usage(&self) -> Option<TokenUsage> {
        self.usage
    }

    /// Replies for which no usage was reported.
    pub fn unreported(&self) -> u32 {
        self.unreported
    }

    /// Replies so far.
    pub fn turns(&self) -> u32 {
        self.turns
    }

    /// Owed whatever becomes of the request.
    pub fn tally(&self) -> &ToolTally {
        &self.tally
    }

    /// A name that neither side declared is a model's invention: it is told so, and the caller never hears of it.
    fn is_foreign(&self, name: &str) -> bool {
        !self.owned.contains(name)
            && self
                .foreign
                .as_ref()
                .is_none_or(|names| names.contains(name))
    }

    fn runnable(&self, call: &ToolCall, before: usize) -> Result<OwnedCall, String> {
        if !self.owned.contains(&call.name) {
            return Err(format!("there is no tool named {}", call.name));
        }
        if before >= CALLS_PER_TURN_MAX {
            return Err(format!(
                "only {CALLS_PER_TURN_MAX} calls are run at a time; this one was not"
            ));
        }
        let arguments = arguments::parse(&call.arguments);
        Ok(OwnedCall {
            id: call.id.clone(),
            name: call.name.clone(),
            arguments: arguments.ok_or("the arguments are not a JSON object")?,
        })
    }

    fn add_usage(&mut self, usage: Option<TokenUsage>) {
        let Some(usage) = usage else {
            self.unreported += 1;
            return;
        };
        self.usage = Some(match self.usage {
            None => usage,
            Some(sum) => sum.plus(usage),
        });
    }
}

/// Ids that are empty or given twice leave no way to say which result answers which call.
fn repair_ids(blocks: &mut [Block], turn: u32) {
    let mut seen = HashSet::new();
    for (at, block) in blocks.iter_mut().enumerate() {
        if let Block::ToolCall(call) = block {
            if call.id.is_empty() || seen.contains(&call.id) {
                call.id = format!("call_{turn}_{at}");
            }
            seen.insert(call.id.clone());
        }
    }
}

/// A tool that must be called was called; if it still had to be, the loop would never end.
fn after_first(choice: Option<ToolChoice>) -> Option<ToolChoice> {
    match choice {
        Some(ToolChoice::Required | ToolChoice::Named(_)) => Some(ToolChoice::Auto),
        Some(ToolChoice::Allowed { names, .. }) => Some(ToolChoice::Allowed {
            required: false,
            names,
        }),
        other => other,
    }
}

fn as_result(outcome: ToolOutcome) -> ToolResult {
    let mut content = outcome.content;
    if outcome.is_error {
        match content.first_mut() {
            Some(Part {
                block: Block::Text(text),
                ..
            }) => text.insert_str(0, ERROR_PREFIX),
            _ => content.insert(0, Part::text(ERROR_PREFIX.trim_end())),
        }
    }
    ToolResult {
        call_id: outcome.call_id,
        content,
        is_error: outcome.is_error,
    }
}

fn no_outcome(id: &str) -> ToolOutcome {
    ToolOutcome {
        call_id: id.to_owned(),
        content: vec![Part::text("the tool gave no result")],
        is_error: true,
    }
}

//! Signed reasoning of answers, kept for clients that cannot carry it: Chat has no place for it beside a tool call,
//! and models that get their own reasoning back without its signature, or not at all, refuse or do worse.
//!
//! Kept by caller and tool call id, in memory and bounded: what is lost is only the thought, never the call.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use otari_translate::{Block, Call, Event, Opening, Part, Reasoning, Role};
use otari_types::UserId;

/// Bytes of reasoning kept in all; the least used goes first.
const KEPT_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// A conversation that rests longer goes on without.
const KEPT_IDLE: Duration = Duration::from_hours(1);

#[derive(Clone, Debug)]
pub(crate) struct KeptReasoning(Cache<(UserId, String), Arc<[Reasoning]>>);

impl Default for KeptReasoning {
    fn default() -> Self {
        let size = |key: &(UserId, String), blocks: &Arc<[Reasoning]>| {
            let bytes: usize = blocks
                .iter()
                .map(|block| {
                    let signature = block.signature.as_ref();
                    block.text.len() + signature.map_or(0, |signature| signature.value.len())
                })
                .sum();
            u32::try_from(bytes + key.1.len()).unwrap_or(u32::MAX)
        };
        Self(
            Cache::builder()
                .weigher(size)
                .max_capacity(KEPT_BYTES_MAX)
                .time_to_idle(KEPT_IDLE)
                .build(),
        )
    }
}

impl KeptReasoning {
    /// Puts what was thought before a tool call back in front of it, where the client did not send it along.
    pub(crate) fn recall(&self, user: &UserId, call: &mut Call) {
        for turn in &mut call.turns {
            let carried = turn.parts.iter().any(|part| is_signed(&part.block));
            if turn.role != Role::Assistant || carried {
                continue;
            }
            let mut parts = Vec::with_capacity(turn.parts.len());
            for part in turn.parts.drain(..) {
                if let Block::ToolCall(tool) = &part.block
                    && let Some(kept) = self.0.get(&(user.clone(), tool.id.clone()))
                {
                    let restored = kept.iter().cloned().map(Block::Reasoning);
                    parts.extend(restored.map(|block| Part { block, cache: None }));
                }
                parts.push(part);
            }
            turn.parts = parts;
        }
    }

    /// Watches one answer to `user`.
    pub(crate) fn watch(&self, user: &UserId) -> Watch {
        Watch {
            kept: self.clone(),
            user: user.clone(),
            open: None,
            before: Vec::new(),
        }
    }
}

fn is_signed(block: &Block) -> bool {
    matches!(block, Block::Reasoning(reasoning) if reasoning.signature.is_some())
}

/// Gathers the signed reasoning before each tool call of an answer.
#[derive(Debug)]
pub(crate) struct Watch {
    kept: KeptReasoning,
    user: UserId,
    open: Option<Reasoning>,
    before: Vec<Reasoning>,
}

impl Watch {
    pub(crate) fn read(&mut self, event: &Event) {
        match event {
            Event::Open(Opening::Reasoning { redacted }) => {
                self.open = Some(Reasoning {
                    redacted: *redacted,
                    ..Reasoning::default()
                });
            }
            Event::Open(Opening::ToolCall { id, .. }) => {
                let before: Arc<[Reasoning]> = std::mem::take(&mut self.before).into();
                if !before.is_empty() {
                    self.kept.0.insert((self.user.clone(), id.clone()), before);
                }
            }
            Event::Delta(text) => {
                if let Some(open) = &mut self.open {
                    open.text.push_str(text);
                }
            }
            Event::Signature(signature) => {
                if let Some(open) = &mut self.open {
                    open.signature = Some(signature.clone());
                }
            }
            Event::Close => {
                let closed = self.open.take();
                self.before
                    .extend(closed.filter(|block| block.signature.is_some()));
            }
            _ => {}
        }
    }
}

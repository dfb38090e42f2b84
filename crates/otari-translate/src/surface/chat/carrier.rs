//! Where Chat puts what it has no place for: signed reasoning.

use crate::call::Reasoning;
use crate::json::{Json, Object};
use crate::origin::{Origin, Signature};

/// Chat has no ordered blocks, so signed reasoning travels in `extra_content` and comes back from there.
#[derive(Debug, Default)]
pub(super) struct ReasoningCarrier {
    pub(super) block: Reasoning,
    pub(super) blocks: usize,
    /// A Gemini signature that waits for the part it signs.
    pub(super) google: Option<String>,
}

impl ReasoningCarrier {
    pub(super) fn open(&mut self, redacted: bool) {
        self.block = Reasoning {
            redacted,
            ..Reasoning::default()
        };
    }

    /// What the message must carry for the closed block, unless it waits for the next part.
    pub(super) fn close(&mut self) -> Option<Object> {
        let block = std::mem::take(&mut self.block);
        let signature = block.signature.as_ref()?;
        if signature.origin == Origin::Google {
            self.google = Some(signature.value.clone());
            return None;
        }
        let entry = thinking_block(&block, signature, self.blocks);
        self.blocks += 1;
        let list = Json::Array(vec![Json::Object(entry)]);
        let inner = Object::new().with("thinking_blocks", list);
        Some(Object::new().with(signature.origin.name(), inner))
    }

    pub(super) fn take_google(&mut self) -> Option<Object> {
        self.google.take().map(google_extra)
    }
}

/// `index` is there for client libraries that merge streamed lists by it.
pub(super) fn thinking_block(block: &Reasoning, signature: &Signature, index: usize) -> Object {
    let entry = Object::new().with("index", index);
    if block.redacted {
        return entry
            .with("type", "redacted_thinking")
            .with("data", &signature.value);
    }
    entry
        .with("type", "thinking")
        .with("thinking", &block.text)
        .with("signature", &signature.value)
}

pub(super) fn google_extra(value: String) -> Object {
    let inner = Object::new().with("thought_signature", value);
    Object::new().with(Origin::Google.name(), inner)
}

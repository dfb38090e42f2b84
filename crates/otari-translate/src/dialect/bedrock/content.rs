//! Turns and blocks as Converse wants them.

use crate::call::{
    Block, CacheMark, Call, MediaKind, Part, Reasoning, Role, ToolCall, ToolResult, Turn,
};
use crate::error::TranslateError;
use crate::json::{Json, Object, Raw};
use crate::origin::Origin;

use super::super::carry::unsupported;
use super::super::tool_id;
use super::family::Family;
use super::media::Documents;

type Result<T> = std::result::Result<T, TranslateError>;

/// Writes the content of one request.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    pub(super) call: &'a Call,
    pub(super) family: Family,
    /// Without `toolConfig`, calls and results of the past are refused: they are told as text.
    pub(super) tools_as_text: bool,
    pub(super) documents: Documents,
}

impl Writer<'_> {
    /// The instructions before the conversation, and those inside it.
    pub(super) fn system(&mut self) -> Result<Vec<Json>> {
        let later = self.call.turns.iter();
        let later = later.filter(|turn| turn.role == Role::System);
        let parts = self
            .call
            .system
            .iter()
            .chain(later.flat_map(|turn| &turn.parts));
        let mut blocks = Vec::new();
        for part in parts {
            self.block(part, &mut blocks)?;
        }
        Ok(blocks)
    }

    /// Alternating turns, results before text.
    pub(super) fn messages(&mut self) -> Result<Vec<Json>> {
        let mut merged: Vec<(Role, Vec<Json>)> = Vec::new();
        let call = self.call;
        for turn in call.turns.iter().filter(|turn| turn.role != Role::System) {
            let blocks = self.turn(turn)?;
            match merged.last_mut() {
                _ if blocks.is_empty() => {}
                Some((role, known)) if *role == turn.role => known.extend(blocks),
                _ => merged.push((turn.role, blocks)),
            }
        }
        if !merged.iter().any(|(role, _)| *role == Role::User) {
            return Err(TranslateError::Invalid {
                loc: "messages".to_owned(),
                problem: "the provider of this model needs a user message".to_owned(),
            });
        }
        let messages = merged.into_iter().map(|(role, blocks)| {
            let role = match role {
                Role::Assistant => "assistant",
                _ => "user",
            };
            Json::Object(Object::new().with("role", role).with("content", blocks))
        });
        Ok(messages.collect())
    }

    fn turn(&mut self, turn: &Turn) -> Result<Vec<Json>> {
        let is_result = |part: &&Part| matches!(part.block, Block::ToolResult(_));
        let is_last = self.call.turns.last().is_some_and(|last| last == turn);
        let ends_the_call = is_last && turn.role == Role::Assistant;
        let results = turn.parts.iter().filter(is_result);
        let others = turn.parts.iter().filter(|part| !is_result(part));
        let mut blocks = Vec::new();
        for part in results.chain(others) {
            match &part.block {
                // A final assistant turn is continued, and must not end in space.
                Block::Text(text) if ends_the_call => {
                    let trimmed = Part {
                        block: Block::Text(text.trim_end().to_owned()),
                        cache: part.cache.clone(),
                    };
                    self.block(&trimmed, &mut blocks)?;
                }
                _ => self.block(part, &mut blocks)?,
            }
        }
        let has_document = |part: &Part| matches!(&part.block, Block::Media(media) if media.kind == MediaKind::File);
        let has_text =
            |part: &Part| matches!(&part.block, Block::Text(text) if !text.trim().is_empty());
        if turn.parts.iter().any(has_document) && !turn.parts.iter().any(has_text) {
            // A document alone is refused.
            blocks.push(text_block("See the document."));
        }
        Ok(blocks)
    }

    fn block(&mut self, part: &Part, blocks: &mut Vec<Json>) -> Result<()> {
        let before = blocks.len();
        match &part.block {
            // Neither empty text nor mere space is taken.
            Block::Text(text) | Block::Refusal(text) => {
                if !text.trim().is_empty() {
                    blocks.push(text_block(text));
                }
            }
            Block::Reasoning(reasoning) => {
                // Not cacheable, and void at any other maker's.
                blocks.extend(self.thinking(reasoning));
                return Ok(());
            }
            Block::ToolCall(call) => blocks.push(self.tool_use(call)),
            Block::ToolResult(result) => self.tool_result(result, blocks)?,
            Block::Media(media) => blocks.push(self.documents.media(media)?),
            Block::Unknown(unknown) => return Err(unsupported(&unknown.loc)),
        }
        if blocks.len() > before
            && let Some(mark) = &part.cache
        {
            blocks.extend(self.cache_point(mark));
        }
        Ok(())
    }

    pub(super) fn cache_point(&self, mark: &CacheMark) -> Option<Json> {
        if !self.family.can_cache() {
            return None;
        }
        let ttl = mark.ttl.as_ref().filter(|_| self.family == Family::Claude);
        let point = Object::typed("default").with_some("ttl", ttl);
        Some(one("cachePoint", point))
    }

    fn thinking(&self, reasoning: &Reasoning) -> Option<Json> {
        let signature = reasoning.signature.as_ref()?;
        if signature.origin != Origin::Anthropic || self.family != Family::Claude {
            return None;
        }
        let content = if reasoning.redacted {
            Object::new().with("redactedContent", &signature.value)
        } else {
            let text = Object::new()
                .with("text", &reasoning.text)
                .with("signature", &signature.value);
            Object::new().with("reasoningText", text)
        };
        Some(one("reasoningContent", content))
    }

    fn tool_use(&self, call: &ToolCall) -> Json {
        if self.tools_as_text {
            return text_block(&format!("[called {}: {}]", call.name, call.arguments));
        }
        let tool = Object::new()
            .with("toolUseId", self.tool_id(&call.id))
            .with("name", &call.name)
            .with("input", call.input());
        one("toolUse", tool)
    }

    fn tool_result(&mut self, result: &ToolResult, blocks: &mut Vec<Json>) -> Result<()> {
        let mut content = Vec::new();
        for part in &result.content {
            match &part.block {
                Block::Text(text) => content.extend((!text.is_empty()).then(|| result_text(text))),
                Block::Media(media) if media.kind != MediaKind::Audio => {
                    content.push(self.documents.media(media)?);
                }
                Block::Unknown(unknown) => return Err(unsupported(&unknown.loc)),
                _ => return Err(unsupported("tool_result")),
            }
        }
        if self.tools_as_text {
            blocks.push(text_block("[result of the call:]"));
            for item in content {
                blocks.push(as_text(item));
            }
            return Ok(());
        }
        if content.is_empty() {
            content.push(text_block("(no output)"));
        }
        let status = result.is_error.then_some("error");
        let inner = Object::new()
            .with("toolUseId", self.tool_id(&result.call_id))
            .with("content", content)
            .with_some("status", status);
        blocks.push(one("toolResult", inner));
        Ok(())
    }

    fn tool_id(&self, id: &str) -> String {
        match self.family {
            Family::Mistral => tool_id::nine(id),
            _ => tool_id::clean(id, &['_', '.', ':', '-']),
        }
    }
}

/// `{name: {..}}`, the shape of every member of a union here.
pub(super) fn one(name: &'static str, inner: Object) -> Json {
    Json::Object(Object::new().with(name, inner))
}

fn text_block(text: &str) -> Json {
    Json::Object(Object::new().with("text", text))
}

/// An object is told as one; anything else, lists too, is text.
fn result_text(text: &str) -> Json {
    match Raw::parse(text) {
        Some(raw) if raw.is_object() => Json::Object(Object::new().with("json", raw)),
        _ => text_block(text),
    }
}

fn as_text(item: Json) -> Json {
    if let Json::Object(object) = &item
        && let Some(json) = object.get("json")
    {
        return text_block(&json.to_text());
    }
    item
}

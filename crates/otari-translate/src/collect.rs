//! A whole answer: the events of a stream, folded.

use otari_types::TokenUsage;

use crate::call::{Block, Reasoning, ToolCall};
use crate::event::{Citation, Event, Finish, Opening};

/// A complete answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    pub id: String,
    pub model: String,
    pub blocks: Vec<ReplyBlock>,
    /// `None` when the provider reported nothing, which is not the same as zero.
    pub usage: Option<TokenUsage>,
    pub finish: Finish,
}

/// A block of an answer, with the sources of its text.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplyBlock {
    pub block: Block,
    pub citations: Vec<Citation>,
}

impl Reply {
    /// The answer as events again, each block in one piece: for a surface that streams what came whole.
    pub fn into_events(self) -> Vec<Event> {
        let mut events = vec![Event::Start {
            id: self.id,
            model: self.model,
        }];
        for ReplyBlock { block, citations } in self.blocks {
            let (opening, text, signature) = match block {
                Block::Text(text) => (Opening::Text, text, None),
                Block::Refusal(text) => (Opening::Refusal, text, None),
                Block::Reasoning(block) => {
                    let redacted = block.redacted;
                    (Opening::Reasoning { redacted }, block.text, block.signature)
                }
                Block::ToolCall(ToolCall {
                    id,
                    name,
                    arguments,
                }) => (Opening::ToolCall { id, name }, arguments, None),
                Block::Unknown(unknown) => {
                    events.push(Event::Unknown(unknown));
                    continue;
                }
                // Not in an answer.
                Block::ToolResult(_) | Block::Media(_) => continue,
            };
            events.push(Event::Open(opening));
            if !text.is_empty() {
                events.push(Event::Delta(text));
            }
            events.extend(citations.into_iter().map(Event::Citation));
            events.extend(signature.map(Event::Signature));
            events.push(Event::Close);
        }
        events.extend(self.usage.map(Event::Usage));
        events.push(Event::Finish(self.finish));
        events
    }
}

/// Folds events into a [`Reply`].
#[derive(Clone, Debug, Default)]
pub struct Collector {
    id: String,
    model: String,
    blocks: Vec<ReplyBlock>,
    usage: Option<TokenUsage>,
    finish: Option<Finish>,
}

impl Collector {
    pub fn push(&mut self, event: &Event) {
        match event {
            Event::Start { id, model } => {
                self.id.clone_from(id);
                self.model.clone_from(model);
            }
            Event::Open(opening) => self.blocks.push(ReplyBlock {
                block: empty_block(opening),
                citations: Vec::new(),
            }),
            Event::Unknown(unknown) => self.blocks.push(ReplyBlock {
                block: Block::Unknown(unknown.clone()),
                citations: Vec::new(),
            }),
            Event::Usage(usage) => match &mut self.usage {
                Some(known) => known.merge(usage),
                None => self.usage = Some(*usage),
            },
            Event::Finish(finish) => self.finish = Some(finish.clone()),
            Event::Close => {}
            Event::Delta(_) | Event::Signature(_) | Event::Citation(_) => self.extend_open(event),
        }
    }

    /// The usage reported so far, also when the stream fails later.
    pub fn usage(&self) -> Option<TokenUsage> {
        self.usage
    }

    /// The blocks so far, finished or not.
    pub fn into_blocks(self) -> Vec<ReplyBlock> {
        self.blocks
    }

    /// The answer, or `None` when it never finished.
    pub fn into_reply(self) -> Option<Reply> {
        Some(Reply {
            id: self.id,
            model: self.model,
            blocks: self.blocks,
            usage: self.usage,
            finish: self.finish?,
        })
    }

    fn extend_open(&mut self, event: &Event) {
        let Some(open) = self.blocks.last_mut() else {
            return;
        };
        match (event, &mut open.block) {
            (Event::Delta(text), Block::Text(known) | Block::Refusal(known)) => {
                known.push_str(text);
            }
            (Event::Delta(text), Block::Reasoning(reasoning)) => reasoning.text.push_str(text),
            (Event::Delta(text), Block::ToolCall(call)) => call.arguments.push_str(text),
            (Event::Signature(signature), Block::Reasoning(reasoning)) => {
                reasoning.signature = Some(signature.clone());
            }
            (Event::Citation(citation), _) => open.citations.push(citation.clone()),
            _ => {}
        }
    }
}

impl FromIterator<Event> for Collector {
    fn from_iter<I: IntoIterator<Item = Event>>(events: I) -> Self {
        let mut collector = Self::default();
        for event in events {
            collector.push(&event);
        }
        collector
    }
}

fn empty_block(opening: &Opening) -> Block {
    match opening {
        Opening::Text => Block::Text(String::new()),
        Opening::Reasoning { redacted } => Block::Reasoning(Reasoning {
            redacted: *redacted,
            ..Reasoning::default()
        }),
        Opening::ToolCall { id, name } => Block::ToolCall(ToolCall {
            id: id.clone(),
            name: name.clone(),
            arguments: String::new(),
        }),
        Opening::Refusal => Block::Refusal(String::new()),
    }
}

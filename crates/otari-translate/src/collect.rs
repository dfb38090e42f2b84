//! A whole answer: the events of a stream, folded.

use otari_types::TokenUsage;

use crate::call::{Block, Reasoning, ToolCall};
use crate::event::{Citation, Event, Finish, Logprobs, Opening};

/// A complete answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    pub id: String,
    pub model: String,
    pub blocks: Vec<ReplyBlock>,
    /// `None` when the provider reported nothing, which is not the same as zero.
    pub usage: Option<TokenUsage>,
    pub finish: Finish,
    /// Empty unless asked for.
    pub logprobs: Logprobs,
    /// Further answers, in the order of their numbers.
    pub others: Vec<Choice>,
}

/// A block of an answer, with the sources of its text.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplyBlock {
    pub block: Block,
    pub citations: Vec<Citation>,
}

/// A further answer, where several were asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// Its number; the first answer is 0 and not among them.
    pub index: i64,
    pub blocks: Vec<ReplyBlock>,
    pub logprobs: Logprobs,
    pub finish: Finish,
}

impl Reply {
    /// The answer as events again, each block in one piece: for a surface that streams what came whole.
    pub fn into_events(self) -> Vec<Event> {
        let mut events = vec![Event::Start {
            id: self.id,
            model: self.model,
        }];
        logprob_event(self.logprobs, &mut events);
        block_events(self.blocks, &mut events);
        for choice in &self.others {
            events.push(Event::Choice(choice.index));
            logprob_event(choice.logprobs.clone(), &mut events);
            block_events(choice.blocks.clone(), &mut events);
        }
        events.extend(self.usage.map(Event::Usage));
        if !self.others.is_empty() {
            events.push(Event::Choice(0));
        }
        events.push(Event::Finish(self.finish));
        for choice in self.others {
            events.push(Event::Choice(choice.index));
            events.push(Event::Finish(choice.finish));
        }
        events
    }
}

fn logprob_event(logprobs: Logprobs, events: &mut Vec<Event>) {
    if !logprobs.is_empty() {
        events.push(Event::Logprobs(logprobs));
    }
}

fn block_events(blocks: Vec<ReplyBlock>, events: &mut Vec<Event>) {
    for ReplyBlock { block, citations } in blocks {
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
            Block::Media(media) => {
                events.push(Event::Media(media));
                continue;
            }
            // Not in an answer.
            Block::ToolResult(_) => continue,
        };
        events.push(Event::Open(opening));
        if !text.is_empty() {
            events.push(Event::Delta(text));
        }
        events.extend(citations.into_iter().map(Event::Citation));
        events.extend(signature.map(Event::Signature));
        events.push(Event::Close);
    }
}

/// Folds events into a [`Reply`].
#[derive(Clone, Debug, Default)]
pub struct Collector {
    id: String,
    model: String,
    usage: Option<TokenUsage>,
    first: Gathered,
    others: Vec<(i64, Gathered)>,
    /// Whose events follow.
    current: i64,
}

/// One answer so far.
#[derive(Clone, Debug, Default)]
struct Gathered {
    blocks: Vec<ReplyBlock>,
    logprobs: Logprobs,
    finish: Option<Finish>,
}

impl Collector {
    pub fn push(&mut self, event: &Event) {
        match event {
            Event::Start { id, model } => {
                self.id.clone_from(id);
                self.model.clone_from(model);
            }
            Event::Choice(index) => self.current = *index,
            Event::Usage(usage) => match &mut self.usage {
                Some(known) => known.merge(usage),
                None => self.usage = Some(*usage),
            },
            _ => self.gathered().push(event),
        }
    }

    /// The usage reported so far, also when the stream fails later.
    pub fn usage(&self) -> Option<TokenUsage> {
        self.usage
    }

    /// The blocks of the first answer so far, finished or not.
    pub fn into_blocks(self) -> Vec<ReplyBlock> {
        self.first.blocks
    }

    /// The answer, or `None` when it, or one of several, never finished.
    pub fn into_reply(self) -> Option<Reply> {
        let others = self.others.into_iter().map(|(index, gathered)| {
            Some(Choice {
                index,
                blocks: gathered.blocks,
                logprobs: gathered.logprobs,
                finish: gathered.finish?,
            })
        });
        Some(Reply {
            id: self.id,
            model: self.model,
            blocks: self.first.blocks,
            usage: self.usage,
            finish: self.first.finish?,
            logprobs: self.first.logprobs,
            others: others.collect::<Option<_>>()?,
        })
    }

    fn gathered(&mut self) -> &mut Gathered {
        if self.current == 0 {
            return &mut self.first;
        }
        let known = self.others.iter();
        let at = known.take_while(|(index, _)| *index < self.current).count();
        let is_new = self
            .others
            .get(at)
            .is_none_or(|(index, _)| *index != self.current);
        if is_new {
            self.others.insert(at, (self.current, Gathered::default()));
        }
        match self.others.get_mut(at) {
            Some((_, gathered)) => gathered,
            None => &mut self.first,
        }
    }
}

impl Gathered {
    fn push(&mut self, event: &Event) {
        let whole = |block| ReplyBlock {
            block,
            citations: Vec::new(),
        };
        match event {
            Event::Open(opening) => self.blocks.push(whole(empty_block(opening))),
            Event::Unknown(unknown) => self.blocks.push(whole(Block::Unknown(unknown.clone()))),
            Event::Media(media) => self.blocks.push(whole(Block::Media(media.clone()))),
            Event::Logprobs(logprobs) => self.logprobs.append(logprobs),
            Event::Finish(finish) => self.finish = Some(finish.clone()),
            Event::Start { .. } | Event::Choice(_) | Event::Usage(_) | Event::Close => {}
            Event::Delta(_) | Event::Signature(_) | Event::Citation(_) => self.extend_open(event),
        }
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

//! Thoughts that a model writes into its text, between tags, taken out of it again.
//!
//! Only at the beginning of a text: further on, a tag is something the model writes about.

use crate::event::{Event, Opening};

/// Whether a model writes its thoughts into its text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ThinkTags {
    #[default]
    Off,
    /// Between `<think>` and `</think>` (also `thinking` and `chain_of_thought`).
    On,
    /// The same, but the server's template has written the opening tag already: all is thought up to the closing tag.
    Opened,
}

const TAGS: [(&str, &str); 3] = [
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<chain_of_thought>", "</chain_of_thought>"),
];

/// Takes the thoughts out of every answer.
#[derive(Debug)]
pub(super) struct Thoughts {
    tags: ThinkTags,
    answers: Vec<(i64, Sorter)>,
    /// Whose events follow.
    current: i64,
}

/// Sorts the fragments of one answer's text into reasoning and text. Fragments are cut anywhere, so what could be the
/// beginning of a tag is held back.
#[derive(Debug)]
struct Sorter {
    tags: ThinkTags,
    state: State,
    held: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Not in a block of text.
    Outside,
    /// In one of which nothing is known yet; after thoughts, the space that parts them from the text is left out.
    Undecided {
        after_thoughts: bool,
    },
    Text,
    /// `begun`: the reasoning block is open, because there was something to say.
    Thought {
        closing: &'static str,
        begun: bool,
    },
}

impl Thoughts {
    pub(super) fn new(tags: ThinkTags) -> Option<Self> {
        (tags != ThinkTags::Off).then(|| Self {
            tags,
            answers: Vec::new(),
            current: 0,
        })
    }

    /// Moves the events of `raw` on.
    pub(super) fn sort(&mut self, raw: &mut Vec<Event>, events: &mut Vec<Event>) {
        for event in raw.drain(..) {
            if let Event::Choice(index) = event {
                self.current = index;
                events.push(event);
            } else {
                self.sorter().event(event, events);
            }
        }
    }

    fn sorter(&mut self) -> &mut Sorter {
        let known = self.answers.iter();
        let at = known
            .take_while(|(index, _)| *index != self.current)
            .count();
        if at == self.answers.len() {
            let sorter = Sorter {
                tags: self.tags,
                state: State::Outside,
                held: String::new(),
            };
            self.answers.push((self.current, sorter));
        }
        #[expect(
            clippy::indexing_slicing,
            reason = "found in the list, or just pushed to it"
        )]
        &mut self.answers[at].1
    }
}

impl Sorter {
    fn event(&mut self, event: Event, events: &mut Vec<Event>) {
        match (&event, self.state) {
            (Event::Open(Opening::Text), _) => {
                self.state = match std::mem::replace(&mut self.tags, ThinkTags::On) {
                    ThinkTags::Opened => State::Thought {
                        closing: TAGS[0].1,
                        begun: false,
                    },
                    _ => State::Undecided {
                        after_thoughts: false,
                    },
                };
            }
            (_, State::Outside) | (Event::Usage(_) | Event::Logprobs(_), _) => events.push(event),
            (Event::Delta(text), _) => {
                self.held.push_str(text);
                self.read(events);
            }
            (Event::Close, _) => {
                self.flush(events);
                let open = match self.state {
                    State::Text => true,
                    State::Thought { begun, .. } => begun,
                    State::Undecided { .. } | State::Outside => false,
                };
                self.state = State::Outside;
                events.extend(open.then_some(Event::Close));
            }
            // A source belongs to text.
            (_, _) => {
                self.settle(events);
                events.push(event);
            }
        }
    }

    /// Takes from what is held as much as is certain.
    fn read(&mut self, events: &mut Vec<Event>) {
        loop {
            let before = self.state;
            match before {
                State::Outside => return,
                State::Text => return emit(&mut self.held, events),
                State::Undecided { .. } => self.decide(events),
                State::Thought { closing, .. } => self.think(closing, events),
            }
            if self.state == before {
                return;
            }
        }
    }

    fn decide(&mut self, events: &mut Vec<Event>) {
        let start = self.held.trim_start();
        let opened = TAGS.iter().find(|(tag, _)| start.starts_with(tag));
        if let Some((tag, closing)) = opened {
            self.held = start.get(tag.len()..).unwrap_or_default().to_owned();
            self.state = State::Thought {
                closing,
                begun: false,
            };
        } else if !TAGS.iter().any(|(tag, _)| tag.starts_with(start)) {
            self.settle(events);
        }
    }

    fn think(&mut self, closing: &'static str, events: &mut Vec<Event>) {
        if let Some(at) = self.held.find(closing) {
            let rest = self.held.split_off(at);
            let begun = self.thought(events);
            events.extend(begun.then_some(Event::Close));
            self.held = rest;
            self.held.drain(..closing.len());
            self.state = State::Undecided {
                after_thoughts: true,
            };
            return;
        }
        let keep = partial_tag(&self.held, closing);
        let rest = self.held.split_off(self.held.len() - keep);
        let begun = self.thought(events);
        self.held.push_str(&rest);
        self.state = State::Thought { closing, begun };
    }

    /// Hands on what is held as reasoning, opening it unless it is open. Thoughts begin with something that is not
    /// space, and no thoughts are no block.
    fn thought(&mut self, events: &mut Vec<Event>) -> bool {
        let begun = matches!(self.state, State::Thought { begun: true, .. });
        if !begun {
            self.held = self.held.trim_start().to_owned();
            if self.held.is_empty() {
                return false;
            }
            events.push(Event::Open(Opening::Reasoning { redacted: false }));
        }
        emit(&mut self.held, events);
        true
    }

    /// It is text, then.
    fn settle(&mut self, events: &mut Vec<Event>) {
        if let State::Undecided { after_thoughts } = self.state {
            if after_thoughts {
                self.held = self.held.trim_start().to_owned();
            }
            self.state = State::Text;
            events.push(Event::Open(Opening::Text));
        }
        emit(&mut self.held, events);
    }

    /// The block ends: what is held is what it seems.
    fn flush(&mut self, events: &mut Vec<Event>) {
        match self.state {
            State::Undecided { after_thoughts } => {
                if after_thoughts && self.held.trim().is_empty() {
                    self.held.clear();
                }
                if !self.held.is_empty() {
                    self.settle(events);
                }
            }
            State::Thought { closing, .. } => {
                let begun = self.thought(events);
                self.state = State::Thought { closing, begun };
            }
            State::Outside | State::Text => {}
        }
    }
}

fn emit(held: &mut String, events: &mut Vec<Event>) {
    if !held.is_empty() {
        events.push(Event::Delta(std::mem::take(held)));
    }
}

/// How many bytes at the end of `text` could be the beginning of `tag`.
fn partial_tag(text: &str, tag: &str) -> usize {
    (1..tag.len())
        .rev()
        .find(|len| tag.get(..*len).is_some_and(|head| text.ends_with(head)))
        .unwrap_or(0)
}

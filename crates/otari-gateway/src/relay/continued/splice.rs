//! Two models' answers as one: what was said, what the second is asked, and where its words join.

use otari_translate::{Block, Call, Event, Opening, Part, Role, Turn};
use otari_types::TokenUsage;

/// What the second model is told after the words of the first.
const GO_ON: &str = "Your answer was cut off here. Go on exactly where it stops, in the middle of a word if need be. Repeat \
                     nothing, and say nothing about the interruption.";
/// The longest repetition that is looked for where the second model begins.
const OVERLAP_MAX: usize = 96;
/// Shorter ones are chance: the same few letters occur everywhere.
const OVERLAP_MIN: usize = 8;

#[derive(Debug, Default)]
pub(super) struct Splice {
    started: bool,
    open: Option<Kind>,
    /// The texts of the answer so far.
    said: String,
    /// It has parts that nobody else can go on from.
    is_particular: bool,
    /// Of the parts that ended.
    used: Option<TokenUsage>,
    joint: Joint,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Reasoning,
    Other,
}

/// Where a second model's words join those of the first.
#[derive(Debug, Default)]
enum Joint {
    /// The first model's answer, or one that has joined.
    #[default]
    Closed,
    /// Its first words have not come. Thoughts before them are its own affair.
    Waiting { thinking: bool },
    /// Its first words, until they are enough to see what they repeat.
    Held(String),
}

impl Splice {
    /// Whether another model can go on from here: it knows texts only.
    pub(super) fn can_be_continued(&self) -> bool {
        !self.is_particular
    }

    /// What another model is asked.
    pub(super) fn continuation(&self, call: &Call) -> Call {
        let mut call = call.clone();
        if self.said.is_empty() {
            return call;
        }
        let turn = |role, text: &str| Turn {
            role,
            name: None,
            parts: vec![Part {
                block: Block::Text(text.to_owned()),
                cache: None,
            }],
        };
        call.turns.push(turn(Role::Assistant, &self.said));
        call.turns.push(turn(Role::User, GO_ON));
        call
    }

    /// The part that is told now broke off.
    pub(super) fn end_part(&mut self, out: &mut Vec<Event>) {
        self.join(out);
        self.joint = Joint::Closed;
    }

    /// Another model's answer follows. `used` is what the part before it consumed.
    pub(super) fn begin_part(&mut self, used: Option<TokenUsage>, out: &mut Vec<Event>) {
        self.used = match (self.used, used) {
            (Some(before), Some(used)) => Some(before.plus(used)),
            (before, used) => before.or(used),
        };
        if self.open == Some(Kind::Reasoning) {
            self.open = None;
            out.push(Event::Close);
        }
        self.joint = Joint::Waiting { thinking: false };
    }

    /// The next event of the part that is told now.
    pub(super) fn event(&mut self, event: Event, out: &mut Vec<Event>) {
        if self.joins(&event, out) {
            return;
        }
        match &event {
            Event::Start { .. } if self.started => return,
            Event::Start { .. } => self.started = true,
            Event::Open(opening) => {
                let kind = match opening {
                    Opening::Text => Kind::Text,
                    Opening::Reasoning { .. } => Kind::Reasoning,
                    Opening::ToolCall { .. } | Opening::Refusal => Kind::Other,
                };
                self.is_particular |= kind == Kind::Other;
                self.open = Some(kind);
            }
            Event::Delta(text) if self.open == Some(Kind::Text) => self.said.push_str(text),
            Event::Close => self.open = None,
            Event::Choice(_) | Event::Media(_) | Event::Unknown(_) => self.is_particular = true,
            Event::Usage(usage) => {
                let whole = self.used.map_or(*usage, |before| before.plus(*usage));
                out.push(Event::Usage(whole));
                return;
            }
            _ => {}
        }
        out.push(event);
    }

    /// Whether the event is taken care of: it belongs to the joint of two parts.
    fn joins(&mut self, event: &Event, out: &mut Vec<Event>) -> bool {
        match (&mut self.joint, event) {
            (Joint::Closed, _) | (_, Event::Usage(_)) => false,
            (Joint::Waiting { thinking }, Event::Open(Opening::Reasoning { .. })) => {
                *thinking = true;
                true
            }
            (Joint::Waiting { thinking }, Event::Close) => std::mem::take(thinking),
            (Joint::Waiting { thinking: true }, _)
            | (Joint::Waiting { .. }, Event::Start { .. }) => true,
            (Joint::Waiting { .. }, Event::Open(Opening::Text)) => {
                self.joint = Joint::Held(String::new());
                if self.open != Some(Kind::Text) {
                    self.open = Some(Kind::Text);
                    out.push(Event::Open(Opening::Text));
                }
                true
            }
            (Joint::Held(held), Event::Delta(text)) => {
                held.push_str(text);
                if held.len() >= OVERLAP_MAX {
                    self.join(out);
                }
                true
            }
            // Something else than words begins, or the words end.
            (Joint::Held(_), _) => {
                self.join(out);
                false
            }
            (Joint::Waiting { .. }, _) => {
                self.joint = Joint::Closed;
                if self.open.take().is_some() {
                    out.push(Event::Close);
                }
                false
            }
        }
    }

    /// The words that were held follow, without what they repeat.
    fn join(&mut self, out: &mut Vec<Event>) {
        let Joint::Held(held) = std::mem::take(&mut self.joint) else {
            return;
        };
        let fresh = held.get(overlap(&self.said, &held)..).unwrap_or_default();
        if !fresh.is_empty() {
            self.said.push_str(fresh);
            out.push(Event::Delta(fresh.to_owned()));
        }
    }
}

/// How many bytes at the beginning of `next` repeat the end of `said`.
fn overlap(said: &str, next: &str) -> usize {
    (OVERLAP_MIN..=next.len().min(OVERLAP_MAX))
        .rev()
        .find(|length| {
            let head = next.get(..*length);
            head.is_some_and(|head| said.ends_with(head))
        })
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(words: &[&str]) -> Vec<Event> {
        let open = std::iter::once(Event::Open(Opening::Text));
        open.chain(words.iter().map(|word| Event::Delta((*word).to_owned())))
            .collect()
    }

    fn told(first: Vec<Event>, second: Vec<Event>) -> (Vec<Event>, String) {
        let mut splice = Splice::default();
        let mut out = Vec::new();
        for event in first {
            splice.event(event, &mut out);
        }
        assert!(splice.can_be_continued());
        splice.begin_part(None, &mut out);
        for event in second {
            splice.event(event, &mut out);
        }
        let words = out.iter().filter_map(|event| match event {
            Event::Delta(text) => Some(text.as_str()),
            _ => None,
        });
        let words = words.collect();
        (out, words)
    }

    #[test]
    fn words_join_in_one_block_and_a_repetition_is_left_out() {
        let mut second = text(&["quick bro", "wn fox jumps"]);
        second.push(Event::Close);
        let (events, words) = told(text(&["The ", "quick brown f"]), second);
        assert_eq!(words, "The quick brown fox jumps");
        let opened = events
            .iter()
            .filter(|event| matches!(event, Event::Open(_)));
        assert_eq!((opened.count(), events.last()), (1, Some(&Event::Close)));
    }

    #[test]
    fn thoughts_of_the_second_are_its_own_affair() {
        let mut second = vec![
            Event::Open(Opening::Reasoning { redacted: false }),
            Event::Delta("hm".to_owned()),
            Event::Close,
        ];
        second.extend(text(&["b"]));
        second.push(Event::Close);
        assert_eq!(told(text(&["a"]), second).1, "ab");
    }

    #[test]
    fn a_thought_that_broke_off_ends_before_the_words() {
        let first = vec![
            Event::Open(Opening::Reasoning { redacted: false }),
            Event::Delta("so".to_owned()),
        ];
        let mut second = text(&["answer"]);
        second.push(Event::Close);
        let (events, _) = told(first, second);
        assert_eq!(events[2..4], [Event::Close, Event::Open(Opening::Text)]);
    }

    #[test]
    fn tool_calls_cannot_be_continued() {
        let mut splice = Splice::default();
        let call = Opening::ToolCall {
            id: "1".to_owned(),
            name: "f".to_owned(),
        };
        splice.event(Event::Open(call), &mut Vec::new());
        assert!(!splice.can_be_continued());
    }
}

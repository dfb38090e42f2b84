//! What the caller sees of a conversation: one answer, without the calls that are the gateway's affair.

use otari_tools::search::SearchHit;
use otari_translate::{Citation, Event, Finish, Opening, Signature, Surface};
use otari_types::TokenUsage;

use super::announce::announcement;
use super::pool::{Found, Ran};

/// Sources remembered for citations.
const SOURCES_MAX: usize = 100;

#[derive(Debug)]
pub(super) struct Shown {
    surface: Surface,
    /// Searches have blocks of their own on Messages, where the caller declared the provider's tool.
    searches: bool,
    started: bool,
    /// Inside a call that the caller does not get to see.
    hiding: bool,
    thought: Thought,
    texts: Texts,
    sources: Vec<SearchHit>,
    /// Where texts of several turns cannot stand apart, a whole answer is the last turn's.
    turn: Option<Vec<Event>>,
}

/// What is held of a thought until it is known what follows. A signature before a hidden call belongs to that call:
/// without it, providers refuse it, and a thought that has no words is nothing without its signature.
#[derive(Debug, Default)]
struct Thought {
    /// No words followed yet.
    begun: Option<Event>,
    signature: Option<Signature>,
    ended: bool,
}

/// What was said so far.
#[derive(Debug, Default)]
struct Texts {
    /// The open block, for its citations.
    open: Option<String>,
    any: bool,
}

impl Shown {
    pub(super) fn new(surface: Surface, stream: bool, searches: bool) -> Self {
        let one_text = !matches!(surface, Surface::Messages | Surface::Responses);
        Self {
            surface,
            searches,
            started: false,
            hiding: false,
            thought: Thought::default(),
            texts: Texts::default(),
            sources: Vec::new(),
            turn: (one_text && !stream).then(Vec::new),
        }
    }

    /// The next event of a turn.
    pub(super) fn event(
        &mut self,
        event: Event,
        hides: impl Fn(&str) -> bool,
        out: &mut Vec<Event>,
    ) {
        match &event {
            Event::Start { .. } if self.started => return,
            Event::Start { .. } => {
                self.started = true;
                out.push(event);
                return;
            }
            // Both are said once, when all is over.
            Event::Usage(_) | Event::Finish(_) => return,
            Event::Close if self.hiding => {
                self.hiding = false;
                return;
            }
            _ if self.hiding => return,
            Event::Signature(signature) => {
                self.thought.signature = Some(signature.clone());
                return;
            }
            Event::Close if self.thought.signature.is_some() => {
                self.thought.ended = true;
                return;
            }
            Event::Open(Opening::ToolCall { name, .. }) if hides(name) => {
                self.thought.signature = None;
                if self.thought.begun.take().is_some() {
                    self.thought.ended = false;
                }
                self.end_thought(out);
                self.hiding = true;
                return;
            }
            Event::Open(Opening::Reasoning { .. }) => {
                self.end_thought(out);
                self.thought.begun = Some(event);
                return;
            }
            _ => {}
        }
        self.end_thought(out);
        self.follow_text(&event, out);
        self.push(event, out);
    }

    /// What tools of the gateway's did, where the surface has a place for it.
    pub(super) fn announce(&mut self, ran: &Ran, out: &mut Vec<Event>) {
        if let Found::Search { hits, .. } = &ran.found {
            let room = SOURCES_MAX.saturating_sub(self.sources.len());
            self.sources.extend(hits.iter().take(room).cloned());
        }
        let blocks = announcement(self.surface, self.searches, ran);
        out.extend(blocks.into_iter().map(Event::Unknown));
    }

    /// A turn ended, and is not the last.
    pub(super) fn goes_on(&mut self, out: &mut Vec<Event>) {
        self.end_thought(out);
        if let Some(turn) = &mut self.turn {
            turn.clear();
        }
    }

    /// The answer is over.
    pub(super) fn finish(
        &mut self,
        finish: Finish,
        usage: Option<TokenUsage>,
        out: &mut Vec<Event>,
    ) {
        self.end_thought(out);
        out.extend(self.turn.take().unwrap_or_default());
        out.extend(usage.map(Event::Usage));
        out.push(Event::Finish(finish));
    }

    fn end_thought(&mut self, out: &mut Vec<Event>) {
        let begun = self.thought.begun.take();
        let signature = self.thought.signature.take().map(Event::Signature);
        for event in begun.into_iter().chain(signature) {
            self.push(event, out);
        }
        if std::mem::take(&mut self.thought.ended) {
            self.push(Event::Close, out);
        }
    }

    fn push(&mut self, event: Event, out: &mut Vec<Event>) {
        match &mut self.turn {
            Some(turn) => turn.push(event),
            None => out.push(event),
        }
    }

    /// Keeps the texts of turns apart, and cites what was found where a text names it.
    fn follow_text(&mut self, event: &Event, out: &mut Vec<Event>) {
        match event {
            Event::Open(Opening::Text) => self.texts.open = Some(String::new()),
            Event::Open(_) => self.texts.open = None,
            Event::Delta(delta) => {
                let Some(text) = &mut self.texts.open else {
                    return;
                };
                let one_text = !matches!(self.surface, Surface::Messages | Surface::Responses);
                let apart = text.is_empty() && self.texts.any && one_text && self.turn.is_none();
                text.push_str(delta);
                self.texts.any = true;
                if apart {
                    out.push(Event::Delta("\n\n".to_owned()));
                }
            }
            Event::Close => {
                let text = self.texts.open.take().unwrap_or_default();
                for citation in citations(&text, &self.sources) {
                    self.push(Event::Citation(citation), out);
                }
            }
            _ => {}
        }
    }
}

/// The sources whose address stands in the text, with where.
fn citations(text: &str, sources: &[SearchHit]) -> Vec<Citation> {
    let mut cited: Vec<Citation> = Vec::new();
    for source in sources {
        if source.url.is_empty() || cited.iter().any(|known| known.url == source.url) {
            continue;
        }
        let Some(at) = text.find(&source.url) else {
            continue;
        };
        let chars = |text: &str| i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
        let start = chars(text.get(..at).unwrap_or_default());
        cited.push(Citation {
            url: source.url.clone(),
            title: source.title.clone(),
            quote: String::new(),
            range: Some((start, start.saturating_add(chars(&source.url)))),
        });
    }
    cited
}

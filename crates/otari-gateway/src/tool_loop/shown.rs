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
    /// Of a thought that just ended. One before a hidden call belongs to that call: without it, providers refuse it.
    signature: Option<Signature>,
    thought_ended: bool,
    /// The open text block, for its citations.
    text: Option<String>,
    said: bool,
    sources: Vec<SearchHit>,
    /// Where texts of several turns cannot stand apart, a whole answer is the last turn's.
    turn: Option<Vec<Event>>,
}

impl Shown {
    pub(super) fn new(surface: Surface, stream: bool, searches: bool) -> Self {
        let one_text = !matches!(surface, Surface::Messages | Surface::Responses);
        Self {
            surface,
            searches,
            started: false,
            hiding: false,
            signature: None,
            thought_ended: false,
            text: None,
            said: false,
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
                self.signature = Some(signature.clone());
                return;
            }
            Event::Close if self.signature.is_some() => {
                self.thought_ended = true;
                return;
            }
            Event::Open(Opening::ToolCall { name, .. }) if hides(name) => {
                self.signature = None;
                self.end_thought(out);
                self.hiding = true;
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
        let signature = self.signature.take().map(Event::Signature);
        if let Some(signature) = signature {
            self.push(signature, out);
        }
        if std::mem::take(&mut self.thought_ended) {
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
            Event::Open(Opening::Text) => self.text = Some(String::new()),
            Event::Open(_) => self.text = None,
            Event::Delta(delta) => {
                let Some(text) = &mut self.text else { return };
                let one_text = !matches!(self.surface, Surface::Messages | Surface::Responses);
                let apart = text.is_empty() && self.said && one_text && self.turn.is_none();
                text.push_str(delta);
                self.said = true;
                if apart {
                    out.push(Event::Delta("\n\n".to_owned()));
                }
            }
            Event::Close => {
                let text = self.text.take().unwrap_or_default();
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

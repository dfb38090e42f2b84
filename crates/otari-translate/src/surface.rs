//! The formats clients call the gateway in: requests to [`Call`], [`Event`]s to answers.

mod chat;
mod completions;
mod gemini;
pub(crate) mod messages;
mod responses;
mod tools;

use crate::call::Call;
use crate::collect::Reply;
use crate::error::TranslateError;
use crate::event::Event;
use crate::json::Object;
use crate::route::Surface;

/// What the gateway, not the provider, says about an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Unique, letters and digits; each surface puts its own prefix before it.
    pub id: String,
    /// Unix seconds.
    pub created: i64,
    /// The model as the client named it.
    pub model: String,
}

/// A failure in the middle of a stream, in words for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure<'a> {
    /// OpenAI's or Anthropic's error type, as the surface has it (`server_error`, `overloaded_error`).
    pub kind: &'a str,
    pub code: Option<&'a str>,
    pub message: &'a str,
}

/// Reads a request body. Gemini's says neither the model nor whether to stream: its path does, and the caller sets
/// [`Call::model`] and [`Call::stream`].
pub fn parse(surface: Surface, body: &[u8]) -> Result<Call, TranslateError> {
    match surface {
        Surface::Chat => chat::parse(body),
        Surface::Messages => messages::parse(body),
        Surface::Responses => responses::parse(body),
        Surface::Completions => completions::parse(body),
        Surface::Gemini => gemini::parse(body),
    }
}

/// Renders a whole answer as the JSON body of a response.
pub fn render_reply(call: &Call, envelope: &Envelope, reply: &Reply) -> Vec<u8> {
    match call.surface {
        Surface::Chat => chat::render_reply(envelope, reply),
        Surface::Messages => messages::render_reply(envelope, reply),
        Surface::Responses => responses::render_reply(call, envelope, reply),
        Surface::Completions => completions::render_reply(envelope, reply),
        Surface::Gemini => gemini::render_reply(envelope, reply),
    }
}

/// JSON on one line, for an event of a stream: what came in as text can hold line ends, but only between tokens.
fn line(object: &Object) -> Vec<u8> {
    let mut out = object.to_vec();
    for byte in &mut out {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
    out
}

/// What an idle stream sends so that nothing on the way cuts it off. Clients pass over it.
pub fn keep_alive(surface: Surface) -> &'static [u8] {
    match surface {
        Surface::Messages => b"event: ping\ndata: {\"type\":\"ping\"}\n\n",
        Surface::Chat | Surface::Responses | Surface::Completions | Surface::Gemini => {
            b": keepalive\n\n"
        }
    }
}

/// Renders a stream of events as server-sent events, in the order and with the counters the surface promises.
#[derive(Debug)]
pub struct Renderer(Kind);

#[derive(Debug)]
enum Kind {
    Chat(Box<chat::Renderer>),
    Messages(Box<messages::Renderer>),
    Responses(Box<responses::Renderer>),
    Completions(Box<completions::Renderer>),
    Gemini(Box<gemini::Renderer>),
}

impl Renderer {
    pub fn new(call: &Call, envelope: Envelope) -> Self {
        Self(match call.surface {
            Surface::Chat => Kind::Chat(Box::new(chat::Renderer::new(call, envelope))),
            Surface::Messages => Kind::Messages(Box::new(messages::Renderer::new(envelope))),
            Surface::Responses => {
                Kind::Responses(Box::new(responses::Renderer::new(call, envelope)))
            }
            Surface::Completions => {
                Kind::Completions(Box::new(completions::Renderer::new(call, envelope)))
            }
            Surface::Gemini => Kind::Gemini(Box::new(gemini::Renderer::new(call, envelope))),
        })
    }

    /// Appends the frames of one event. Some events have none, and the last one brings the surface's end marks.
    pub fn event(&mut self, event: &Event, out: &mut Vec<u8>) {
        match &mut self.0 {
            Kind::Chat(renderer) => renderer.event(event, out),
            Kind::Messages(renderer) => renderer.event(event, out),
            Kind::Responses(renderer) => renderer.event(event, out),
            Kind::Completions(renderer) => renderer.event(event, out),
            Kind::Gemini(renderer) => renderer.event(event, out),
        }
    }

    /// Appends the surface's error frame and ends the stream.
    pub fn fail(&mut self, failure: Failure<'_>, out: &mut Vec<u8>) {
        match &mut self.0 {
            Kind::Chat(_) | Kind::Completions(_) => chat::render_failure(failure, out),
            Kind::Gemini(_) => gemini::render_failure(failure, out),
            Kind::Messages(_) => messages::render_failure(failure, out),
            Kind::Responses(renderer) => renderer.fail(failure, out),
        }
    }
}

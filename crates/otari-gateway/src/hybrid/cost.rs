//! What a call cost, told in its answer: `cost_usd` and `pricing_source` beside the token counts.

use std::collections::VecDeque;

use bytes::Bytes;
use otari_translate::Surface;
use otari_wire::sse::{Event, EventBuffer, data_frame, named_frame};
use serde_json::Value;

/// Events held back at most.
const HELD_MAX: usize = 4;

/// A cost as the platform says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InlineCost {
    /// Dollars, a decimal text.
    pub(crate) cost: String,
    pub(crate) source: String,
}

/// A whole answer with its cost. One that has no token counts stays as it is.
pub(crate) fn with_cost(surface: Surface, answer: Bytes, cost: &InlineCost) -> Bytes {
    let Ok(mut value) = serde_json::from_slice::<Value>(&answer) else {
        return answer;
    };
    match usage(surface, &mut value) {
        Some(usage) => put(usage, cost),
        None => return answer,
    }
    serde_json::to_vec(&value).map_or(answer, Bytes::from)
}

/// Holds back the event of a stream that tells the token counts, until the cost is known.
#[derive(Debug)]
pub(crate) struct Carrier {
    surface: Surface,
    buffer: EventBuffer,
    /// The event and what followed it; empty where none came yet.
    held: VecDeque<Event>,
}

impl Carrier {
    pub(crate) fn new(surface: Surface) -> Self {
        Self {
            surface,
            buffer: EventBuffer::default(),
            held: VecDeque::new(),
        }
    }

    /// Takes complete events; gives those that need not wait.
    pub(crate) fn push(&mut self, bytes: Bytes) -> Vec<Bytes> {
        let mut free = Vec::new();
        self.buffer.push(bytes);
        // The events come from the gateway's own renderer or were split before: none is too large.
        while let Ok(Some(event)) = self.buffer.next_event() {
            if self.parse(&event).is_some() {
                // The later one has the last word.
                free.extend(self.release(None));
                self.held.push_back(event);
            } else if self.held.is_empty() {
                free.push(event.raw);
            } else {
                self.held.push_back(event);
                if self.held.len() > HELD_MAX {
                    free.extend(self.release(None));
                }
            }
        }
        free
    }

    /// Lets go of everything, with the cost where it is known.
    pub(crate) fn release(&mut self, cost: Option<&InlineCost>) -> Vec<Bytes> {
        let mut held = std::mem::take(&mut self.held).into_iter();
        let mut free = Vec::with_capacity(held.len());
        if let Some(carrier) = held.next() {
            let priced = cost.and_then(|cost| self.priced(&carrier, cost));
            free.push(priced.unwrap_or(carrier.raw));
        }
        free.extend(held.map(|event| event.raw));
        free
    }

    fn priced(&self, event: &Event, cost: &InlineCost) -> Option<Bytes> {
        let mut value = self.parse(event)?;
        put(usage(self.surface, &mut value)?, cost);
        let json = serde_json::to_vec(&value).ok()?;
        Some(match event.name() {
            Some(name) => named_frame(name, &json),
            None => data_frame(&json),
        })
    }

    /// The event's document, where it tells the token counts.
    fn parse(&self, event: &Event) -> Option<Value> {
        let data = event.data()?;
        // Nearly every event is left unparsed.
        memchr::memmem::find(&data, br#""usage""#)?;
        let mut value: Value = serde_json::from_slice(&data).ok()?;
        let kind = value.get("type").and_then(Value::as_str);
        let may_carry = match self.surface {
            Surface::Chat | Surface::Completions => true,
            Surface::Messages => kind == Some("message_delta"),
            Surface::Responses => {
                matches!(kind, Some("response.completed" | "response.incomplete"))
            }
            Surface::Gemini => false,
        };
        (may_carry && usage(self.surface, &mut value).is_some()).then_some(value)
    }
}

/// Where a document tells the token counts.
fn usage(surface: Surface, document: &mut Value) -> Option<&mut Value> {
    let usage = match surface {
        Surface::Responses if document.get("response").is_some() => {
            document.pointer_mut("/response/usage")
        }
        Surface::Gemini => None,
        _ => document.get_mut("usage"),
    };
    usage.filter(|usage| usage.is_object())
}

fn put(usage: &mut Value, InlineCost { cost, source }: &InlineCost) {
    if let Value::Object(usage) = usage {
        usage.insert("cost_usd".to_owned(), cost.as_str().into());
        usage.insert("pricing_source".to_owned(), source.as_str().into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(events: Vec<Bytes>) -> Vec<String> {
        let text = |event: Bytes| String::from_utf8(event.to_vec()).unwrap();
        events.into_iter().map(text).collect()
    }

    fn cost() -> InlineCost {
        InlineCost {
            cost: "0.000123".into(),
            source: "managed".into(),
        }
    }

    fn push(carrier: &mut Carrier, event: &str) -> Vec<String> {
        texts(carrier.push(Bytes::from(event.to_owned())))
    }

    const TEXT: &str =
        "data: {\"choices\":[{\"delta\":{\"content\":\"usage\"}}],\"usage\":null}\n\n";
    const USAGE: &str = "data: {\"choices\":[],\"usage\":{\"total_tokens\":3}}\n\n";
    const DONE: &str = "data: [DONE]\n\n";

    #[test]
    fn the_counts_wait_for_their_cost_and_nothing_else_does() {
        let mut carrier = Carrier::new(Surface::Chat);
        assert_eq!(push(&mut carrier, TEXT), [TEXT]);
        assert!(push(&mut carrier, USAGE).is_empty());
        assert!(push(&mut carrier, DONE).is_empty());
        let priced = "data: {\"choices\":[],\"usage\":{\"total_tokens\":3,\"cost_usd\":\"0.000123\",\"pricing_source\":\"managed\"}}\n\n";
        assert_eq!(texts(carrier.release(Some(&cost()))), [priced, DONE]);
    }

    #[test]
    fn later_counts_set_earlier_ones_free() {
        let mut carrier = Carrier::new(Surface::Chat);
        assert!(push(&mut carrier, USAGE).is_empty());
        assert_eq!(push(&mut carrier, USAGE), [USAGE]);
        for _ in 1..HELD_MAX {
            assert!(push(&mut carrier, TEXT).is_empty());
        }
        // Too much follows: they were not the last words after all.
        assert_eq!(push(&mut carrier, TEXT).len(), HELD_MAX + 1);
        assert!(push(&mut carrier, USAGE).is_empty());
        assert_eq!(texts(carrier.release(None)), [USAGE]);
    }

    #[test]
    fn each_surface_has_its_place() {
        for (surface, event, expected) in [
            (
                Surface::Messages,
                "event: message_delta\ndata: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":3}}\n\n",
                "\"usage\":{\"output_tokens\":3,\"cost_usd\":\"0.000123\"",
            ),
            (
                Surface::Responses,
                "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"usage\":{\"total_tokens\":3}}}\n\n",
                "\"usage\":{\"total_tokens\":3,\"cost_usd\":\"0.000123\"",
            ),
        ] {
            let mut carrier = Carrier::new(surface);
            assert!(push(&mut carrier, event).is_empty());
            let released = texts(carrier.release(Some(&cost())));
            assert!(released[0].contains(expected), "{released:?}");
            assert!(released[0].starts_with("event: "), "{released:?}");
        }
        let mut carrier = Carrier::new(Surface::Messages);
        let start = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{},\"usage\":{}}\n\n";
        assert_eq!(push(&mut carrier, start), [start]);
    }

    #[test]
    fn a_whole_answer_without_counts_stays_as_it_is() {
        let answer = Bytes::from_static(b"{ \"choices\": [] }");
        assert_eq!(with_cost(Surface::Chat, answer.clone(), &cost()), answer);
        let answer = Bytes::from_static(b"{\"usage\":{\"total_tokens\":3}}");
        let priced = with_cost(Surface::Chat, answer, &cost());
        assert_eq!(
            priced,
            "{\"usage\":{\"total_tokens\":3,\"cost_usd\":\"0.000123\",\"pricing_source\":\"managed\"}}"
        );
    }
}

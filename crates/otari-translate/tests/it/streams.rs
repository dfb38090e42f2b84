//! Every recorded stream of every dialect, as events and as each surface shows it.

use std::fmt::Write as _;

use bytes::Bytes;
use otari_translate::surface::{Envelope, Failure, Renderer};
use otari_translate::{Call, Collector, DecodeError, Event, Surface, Wire, dialect, surface};
use proptest::prelude::*;
use serde_json::Value;

use crate::golden::{SURFACES, WIRES, differs, dir, streams};

pub(crate) fn envelope() -> Envelope {
    Envelope {
        id: "0a1b".to_owned(),
        created: 1_700_000_000,
        model: "harbour-model".to_owned(),
    }
}

pub(crate) fn request(surface: Surface) -> Call {
    let body: &[u8] = match surface {
        Surface::Chat => {
            br#"{"model":"m","messages":[{"role":"user","content":"x"}],"stream":true}"#
        }
        Surface::Messages => {
            br#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"}],"stream":true}"#
        }
        Surface::Responses => br#"{"model":"m","input":"x","instructions":"Brief.","stream":true}"#,
        Surface::Completions => br#"{"model":"m","prompt":"x","stream":true}"#,
        Surface::Gemini => br#"{"contents":[{"parts":[{"text":"x"}]}]}"#,
    };
    surface::parse(surface, body).unwrap()
}

pub(crate) fn decode(wire: Wire, chunks: &[&[u8]]) -> (Vec<Event>, Result<(), DecodeError>) {
    let mut decoder = dialect::Decoder::new(wire, "seed");
    let mut events = Vec::new();
    for chunk in chunks {
        let pushed = decoder.push(Bytes::copy_from_slice(chunk), &mut events);
        if pushed.is_err() {
            return (events, pushed);
        }
    }
    let finished = decoder.finish(&mut events);
    (events, finished)
}

fn render(surface: Surface, events: &[Event], failed: bool) -> String {
    let mut renderer = Renderer::new(&request(surface), envelope());
    let mut out = Vec::new();
    for event in events {
        renderer.event(event, &mut out);
    }
    if failed {
        let failure = Failure {
            kind: "server_error",
            code: None,
            message: "The provider failed.",
        };
        renderer.fail(failure, &mut out);
    }
    String::from_utf8(out).unwrap()
}

fn every_stream() -> Vec<(&'static str, Wire, String, Vec<u8>)> {
    let mut all = Vec::new();
    for (wire_name, wire) in WIRES {
        for (case, bytes) in streams(wire_name, wire) {
            all.push((wire_name, wire, case, bytes));
        }
    }
    all
}

#[test]
fn every_stream_becomes_what_its_golden_files_say() {
    let mut wrong = Vec::new();
    for (wire_name, wire, case, bytes) in every_stream() {
        let folder = dir(&format!("streams/{wire_name}"));
        let (events, result) = decode(wire, &[&bytes]);
        let mut text = String::new();
        for event in &events {
            writeln!(text, "{event:?}").unwrap();
        }
        writeln!(text, "{result:?}").unwrap();
        let mut files = vec![(folder.join(format!("{case}.events.txt")), text)];
        for (name, surface) in SURFACES {
            let file = folder.join(format!("{case}.{name}.txt"));
            files.push((file, render(surface, &events, result.is_err())));
        }
        for (file, text) in files {
            if differs(&file, &text) {
                wrong.push(file);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_stream_cut_at_any_byte_decodes_the_same() {
    for (_, wire, case, bytes) in every_stream() {
        let whole = decode(wire, &[&bytes]);
        for cut in 0..bytes.len() {
            let (head, tail) = bytes.split_at(cut);
            assert_eq!(decode(wire, &[head, tail]), whole, "{case} cut at {cut}");
        }
    }
}

/// Losing the end of a stream must never look like a complete answer, except where only end marks were lost.
#[test]
fn a_stream_that_ends_early_is_an_error_or_says_the_same() {
    for (_, wire, case, bytes) in every_stream() {
        let (whole, result) = decode(wire, &[&bytes]);
        if result.is_err() {
            continue;
        }
        let reply = whole.iter().cloned().collect::<Collector>().into_reply();
        for end in 0..bytes.len() {
            let (events, result) = decode(wire, &[&bytes[..end]]);
            if result.is_ok() {
                let short = events.into_iter().collect::<Collector>().into_reply();
                let (short, full) = (short.unwrap(), reply.clone().unwrap());
                assert_eq!(short.finish, full.finish, "{case} ends at {end}");
                assert_eq!(short.blocks, full.blocks, "{case} ends at {end}");
            }
        }
    }
}

proptest! {
    #[test]
    fn any_chunking_decodes_the_same(pick in any::<prop::sample::Index>(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..10)) {
        let all = every_stream();
        let (_, wire, _, bytes) = pick.get(&all);
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
        at.sort_unstable();
        let mut chunks = Vec::new();
        let mut from = 0;
        for cut in at {
            chunks.push(&bytes[from..cut]);
            from = cut;
        }
        chunks.push(&bytes[from..]);
        prop_assert_eq!(decode(*wire, &chunks), decode(*wire, &[bytes]));
    }
}

/// The promise of `Event`: start, blocks one after another, finish once and last.
#[test]
fn events_keep_their_order() {
    for (_, wire, case, bytes) in every_stream() {
        let (events, result) = decode(wire, &[&bytes]);
        let (mut started, mut open, mut finished) = (0, false, 0);
        for event in &events {
            assert_eq!(finished, 0, "{case}: {event:?} after the finish");
            match event {
                Event::Start { .. } => started += 1,
                Event::Open(_) => {
                    assert!(started == 1 && !open, "{case}: {event:?}");
                    open = true;
                }
                Event::Delta(text) => assert!(open && !text.is_empty(), "{case}: {event:?}"),
                Event::Signature(_) | Event::Citation(_) => assert!(open, "{case}: {event:?}"),
                Event::Close => {
                    assert!(open, "{case}");
                    open = false;
                }
                Event::Unknown(_) | Event::Media(_) => assert!(!open, "{case}"),
                Event::Usage(_) | Event::Logprobs(_) => {}
                Event::Choice(_) => panic!("{case}: nobody asked for several"),
                Event::Finish(_) => {
                    assert!(!open, "{case}");
                    finished += 1;
                }
            }
        }
        assert_eq!(finished, i32::from(result.is_ok()), "{case}");
    }
}

/// Clients index by these counters: a hole or a repetition breaks them.
#[test]
fn counters_have_no_gaps() {
    for (_, wire, case, bytes) in every_stream() {
        let (events, result) = decode(wire, &[&bytes]);
        let frames = |surface| {
            let text = render(surface, &events, result.is_err());
            let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
            data.filter(|data| *data != "[DONE]")
                .map(|data| serde_json::from_str::<Value>(data).unwrap())
                .collect::<Vec<_>>()
        };
        let responses = frames(Surface::Responses);
        let numbers = responses
            .iter()
            .map(|frame| frame["sequence_number"].as_u64().unwrap());
        assert!(numbers.eq(0..responses.len() as u64), "{case}");
        let added = responses
            .iter()
            .filter(|frame| frame["type"] == "response.output_item.added");
        for (place, frame) in added.enumerate() {
            assert_eq!(frame["output_index"], place, "{case}");
        }
        let messages = frames(Surface::Messages);
        let starts = messages
            .iter()
            .filter(|frame| frame["type"] == "content_block_start");
        for (place, frame) in starts.enumerate() {
            assert_eq!(frame["index"], place, "{case}");
        }
        let chat = frames(Surface::Chat);
        let openers = chat.iter().filter_map(|frame| {
            let call = &frame["choices"][0]["delta"]["tool_calls"][0];
            call["id"].is_string().then_some(&call["index"])
        });
        for (place, index) in openers.enumerate() {
            assert_eq!(*index, place, "{case}");
        }
    }
}

//! Whole answers, and the laws between whole and streamed ones.

use std::fmt::Write as _;

use otari_translate::surface::{Renderer, render_reply};
use otari_translate::{
    Block, Collector, Effort, Event, FinishReason, Origin, Path, Reply, Signature, Surface, Wire,
    dialect, path,
};
use serde_json::Value;

use crate::golden::{SURFACES, WIRES, cases, differs, dir, streams};
use crate::streams::{decode, envelope, request};

fn reply(events: &[Event]) -> Reply {
    events
        .iter()
        .cloned()
        .collect::<Collector>()
        .into_reply()
        .unwrap()
}

/// The replies of every stream and every whole answer that succeed.
fn every_reply() -> Vec<(String, Reply)> {
    let mut all = Vec::new();
    for (name, wire) in WIRES {
        for (case, bytes) in streams(name, wire) {
            if let (events, Ok(())) = decode(wire, &[&bytes]) {
                all.push((format!("{name} stream {case}"), reply(&events)));
            }
        }
        for (case, body) in cases(&format!("replies/{name}"), "json") {
            if let Ok(events) = dialect::decode_reply(wire, &body, "seed") {
                all.push((format!("{name} reply {case}"), reply(&events)));
            }
        }
    }
    all
}

#[test]
fn every_answer_becomes_what_its_golden_files_say() {
    let mut wrong = Vec::new();
    for (wire_name, wire) in WIRES {
        let folder = dir(&format!("replies/{wire_name}"));
        for (case, body) in cases(&format!("replies/{wire_name}"), "json") {
            let decoded = dialect::decode_reply(wire, &body, "seed");
            let mut files = Vec::new();
            let mut text = String::new();
            match &decoded {
                Err(error) => writeln!(text, "{error:?}").unwrap(),
                Ok(events) => {
                    for event in events {
                        writeln!(text, "{event:?}").unwrap();
                    }
                    for (name, surface) in SURFACES {
                        let call = request(surface);
                        let body = render_reply(&call, &envelope(), &reply(events));
                        let body: Value = serde_json::from_slice(&body).unwrap();
                        let pretty = serde_json::to_string_pretty(&body).unwrap() + "\n";
                        files.push((folder.join(format!("{case}.{name}.txt")), pretty));
                    }
                }
            }
            files.push((folder.join(format!("{case}.events.txt")), text));
            for (file, text) in files {
                if differs(&file, &text) {
                    wrong.push(file);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What every surface can say: text (a refusal is one, to Messages), calls, why it ended, what it cost.
#[derive(Debug, PartialEq)]
struct Gist {
    text: String,
    reasoning: String,
    calls: Vec<(String, String, String)>,
    reason: FinishReason,
    usage: Option<(i64, i64, i64)>,
}

fn gist(reply: &Reply) -> Gist {
    let mut gist = Gist {
        text: String::new(),
        reasoning: String::new(),
        calls: Vec::new(),
        reason: match reply.finish.reason {
            FinishReason::Pause => FinishReason::Stop,
            other => other,
        },
        usage: reply
            .usage
            .map(|usage| (usage.total_input(), usage.output, usage.cache_read)),
    };
    for block in &reply.blocks {
        match &block.block {
            Block::Text(text) | Block::Refusal(text) => gist.text.push_str(text),
            Block::Reasoning(reasoning) => gist.reasoning.push_str(&reasoning.text),
            Block::ToolCall(call) => {
                // An event of a stream is one line, so what stands on several is joined.
                let arguments = call.arguments.replace('\n', " ");
                gist.calls
                    .push((call.id.clone(), call.name.clone(), arguments));
            }
            Block::ToolResult(_) | Block::Media(_) | Block::Unknown(_) => {}
        }
    }
    gist
}

/// Completions have none: no provider is called in that format.
fn native(surface: Surface) -> Option<Wire> {
    let mut wires = WIRES.into_iter().map(|(_, wire)| wire);
    wires.find(|wire| path(surface, *wire) == Path::Verbatim)
}

/// A surface and the dialect of the same format undo each other: what a client of the gateway reads is what was said.
#[test]
fn what_a_surface_renders_its_own_dialect_reads_back() {
    for (case, original) in every_reply() {
        for (name, surface) in SURFACES {
            let Some(native) = native(surface) else {
                continue;
            };
            let body = render_reply(&request(surface), &envelope(), &original);
            let whole = dialect::decode_reply(native, &body, "seed").unwrap();
            let mut expected = gist(&original);
            let mut whole = gist(&reply(&whole));
            let mut renderer = Renderer::new(&request(surface), envelope());
            let mut stream = Vec::new();
            for event in original.clone().into_events() {
                renderer.event(&event, &mut stream);
            }
            let (events, result) = decode(native, &[&stream]);
            assert_eq!(result, Ok(()), "{case} streamed to {name}");
            let mut streamed = gist(&reply(&events));
            // Zero usage is written as nothing by none, and read as nothing by some.
            for gist in [&mut expected, &mut whole, &mut streamed] {
                gist.usage = gist.usage.filter(|usage| *usage != (0, 0, 0));
            }
            assert_eq!(whole, expected, "{case} whole to {name}");
            assert_eq!(streamed, expected, "{case} streamed to {name}");
        }
    }
}

#[test]
fn a_reply_survives_being_streamed() {
    for (case, original) in every_reply() {
        assert_eq!(reply(&original.clone().into_events()), original, "{case}");
    }
}

#[test]
fn a_signature_says_whose_it_is_only_abroad() {
    for native in Origin::ALL {
        for origin in Origin::ALL {
            let signature = Signature::new(origin, "otari:x:y");
            let carried = signature.to_client(native);
            assert_eq!(carried == "otari:x:y", origin == native);
            assert_eq!(Signature::from_client(native, &carried), signature);
        }
    }
}

#[test]
fn efforts_have_names_and_budgets_that_rise() {
    let names = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];
    let efforts: Vec<Effort> = names
        .iter()
        .map(|name| Effort::parse(name).unwrap())
        .collect();
    assert!(efforts.is_sorted());
    assert!(efforts.is_sorted_by_key(|effort| effort.claude_budget()));
    assert!(efforts.is_sorted_by_key(|effort| effort.gemini_budget()));
    for (effort, name) in efforts.iter().zip(names) {
        assert_eq!(effort.name(), name);
    }
    assert_eq!(Effort::parse("auto"), None);
    assert_eq!(Effort::of_budget(8192), Effort::Medium);
}

//! Streams that break after their first word: an error event and an end, never silence.

use otari_providers::Capability;
use otari_providers::quirk::writes_thoughts;
use otari_testkit::{Response, Script, Step};
use serde_json::Value;

use super::ask::ask;
use super::fleet::Fleet;
use super::{Checked, Problems, Round, Surface, Wire, answer, ensure};

#[derive(Clone, Copy, Debug)]
enum Cut {
    /// The connection is lost.
    Lost,
    /// The answer ends between two events as if it were whole.
    Short,
    /// It ends inside an event.
    Inside,
    /// It ends in the format's own error.
    Told,
}

/// The vendor's, for the operator only.
const VENDOR_WORDS: &str = "vendor words";

/// One row stands for all that are read the same way: the same format, with thoughts looked for in the text or not.
#[tokio::test]
async fn every_formats_broken_streams_say_so() {
    let fleet = Fleet::start().await;
    let mut problems = Problems::default();
    let mut seen = Vec::new();
    let mut calls = 0;
    for station in fleet.that_can(Capability::Streaming) {
        for surface in Surface::ALL {
            let (wire, _) = station.spoken(surface, true);
            let kind = (surface, wire, writes_thoughts(station.provider.quirks));
            if station.is_built_in() || seen.contains(&kind) {
                continue;
            }
            seen.push(kind);
            for cut in [Cut::Lost, Cut::Short, Cut::Inside, Cut::Told] {
                let steps = broken(wire, cut);
                let script = Script::steps(200, answer::content_type(wire), steps);
                station.upstream.always(script);
                let body = ask(surface, &station.selector(), Round::Plain, true);
                let response = fleet.call(station, surface, true, &body).await;
                let case = format!("{} {surface:?} {cut:?}", station.provider.id);
                problems.note(&case, check(surface, &response));
                calls += 1;
            }
        }
    }
    problems.none();
    let rows = fleet.app.usage().await;
    assert_eq!(rows.len(), calls);
    assert!(rows.iter().all(|row| row["status"] == "error"));
    assert_eq!(fleet.app.user("alice").await["reserved"], 0.0);
}

fn broken(wire: Wire, cut: Cut) -> Vec<Step> {
    let beginning = answer::beginning(wire);
    let last = beginning.last().cloned().unwrap_or_default();
    let mut steps: Vec<Step> = beginning.into_iter().map(Step::Send).collect();
    match cut {
        Cut::Short => {}
        Cut::Told => steps.push(Step::Send(answer::failure(wire, VENDOR_WORDS))),
        Cut::Lost => steps.push(Step::Cut),
        Cut::Inside => steps.push(Step::Send(last.slice(..last.len() / 2))),
    }
    steps
}

fn check(surface: Surface, response: &Response) -> Checked {
    let text = response.text();
    ensure!(response.status == 200, "{}: {text}", response.status);
    ensure!(!text.contains(VENDOR_WORDS), "tells too much: {text}");
    ensure!(text.contains("\"hel\""), "what came is missing: {text}");
    let events: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .collect();
    let parsed = events
        .iter()
        .filter_map(|data| serde_json::from_str::<Value>(data).ok());
    let parsed: Vec<Value> = parsed.collect();
    let is_type = |kind: &str| parsed.iter().any(|event| event["type"] == kind);
    let complete = match surface {
        Surface::Gemini => parsed
            .iter()
            .any(|event| !event["candidates"][0]["finishReason"].is_null()),
        Surface::Chat | Surface::Completions => parsed
            .iter()
            .any(|event| !event["choices"][0]["finish_reason"].is_null()),
        Surface::Messages => is_type("message_stop"),
        Surface::Responses => is_type("response.completed"),
    };
    ensure!(!complete, "looks complete: {text}");
    let failures = parsed
        .iter()
        .filter(|event| event["error"]["message"].is_string());
    ensure!(failures.count() == 1, "no error event, or several: {text}");
    let last = events.last().copied().unwrap_or_default();
    let ends = match surface {
        Surface::Chat | Surface::Completions => last == "[DONE]",
        Surface::Messages => last.contains(r#""type":"error""#),
        Surface::Responses | Surface::Gemini => last.contains("error"),
    };
    ensure!(ends, "ends with {last}");
    Ok(())
}

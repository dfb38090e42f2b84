//! Failures before an answer begins: the status and the shape that the surface's clients know, whoever failed.

use otari_providers::Capability;
use otari_testkit::{Response, Script, Step};
use serde_json::{Value, json};

use super::ask::ask;
use super::fleet::Fleet;
use super::{Checked, Problems, Round, Surface, answer, ensure};

/// Words of the vendor's that must not reach the caller with a failure of the gateway's own account.
const VENDOR_WORDS: &str = "vendor words";

struct Failure {
    upstream: u16,
    status: u16,
    /// OpenAI's type, Anthropic's, and Google's status.
    kinds: (&'static str, &'static str, &'static str),
}

const FAILURES: [Failure; 3] = [
    Failure {
        upstream: 401,
        status: 502,
        kinds: ("upstream_error", "api_error", "INTERNAL"),
    },
    Failure {
        upstream: 429,
        status: 429,
        kinds: ("rate_limit_error", "rate_limit_error", "RESOURCE_EXHAUSTED"),
    },
    Failure {
        upstream: 500,
        status: 502,
        kinds: ("upstream_error", "api_error", "INTERNAL"),
    },
];

#[tokio::test]
async fn every_rows_failures_become_the_surfaces_own() {
    let fleet = Fleet::start().await;
    let mut problems = Problems::default();
    let mut calls = 0;
    for station in fleet.that_can(Capability::Chat) {
        if station.is_built_in() {
            continue;
        }
        let id = station.provider.id;
        for surface in Surface::ALL {
            for failure in &FAILURES {
                let told = json!({"error": {"message": VENDOR_WORDS}, "message": VENDOR_WORDS});
                let script = Script::json(failure.upstream, &told).header("retry-after", "7");
                station.upstream.always(script);
                // Half of them as streams: a failure before the first event is none of the stream's.
                calls += 1;
                let stream = calls % 2 == 0;
                let body = ask(surface, &station.selector(), Round::Plain, stream);
                let response = fleet.call(station, surface, stream, &body).await;
                let case = format!("{id} {surface:?} {} stream={stream}", failure.upstream);
                problems.note(&case, check(surface, failure, &response));
            }
        }
    }
    problems.none();
    let rows = fleet.app.usage().await;
    assert_eq!(rows.len(), calls);
    let free = |row: &Value| row["status"] == "error" && row["cost"].is_null();
    assert!(rows.iter().all(free));
    assert_eq!(fleet.app.user("alice").await["reserved"], 0.0);
}

fn check(surface: Surface, failure: &Failure, response: &Response) -> Checked {
    let text = response.text();
    ensure!(
        response.status == failure.status,
        "{}: {text}",
        response.status
    );
    ensure!(!text.contains(VENDOR_WORDS), "tells too much: {text}");
    let wait = response.header("retry-after");
    ensure!(wait == Some("7"), "retry-after is {wait:?}");
    let body = response.json();
    let (openai, anthropic, google) = failure.kinds;
    let error = &body["error"];
    let kind = match surface {
        Surface::Messages => {
            ensure!(body["type"] == "error", "{text}");
            ensure!(body["request_id"].is_string(), "{text}");
            (&error["type"], anthropic)
        }
        Surface::Gemini => {
            ensure!(error["code"] == failure.status, "{text}");
            (&error["status"], google)
        }
        Surface::Chat | Surface::Responses | Surface::Completions => {
            ensure!(error.get("param").is_some(), "{text}");
            (&error["type"], openai)
        }
    };
    ensure!(kind.0 == kind.1, "{text}");
    ensure!(error["message"].is_string(), "{text}");
    ensure!(body.get("detail").is_some(), "{text}");
    Ok(())
}

/// Under a status of success, before anything was said.
#[tokio::test]
async fn a_stream_that_begins_with_an_error_is_an_http_error() {
    let fleet = Fleet::start().await;
    let mut problems = Problems::default();
    for station in fleet.that_can(Capability::Streaming) {
        if station.is_built_in() {
            continue;
        }
        let id = station.provider.id;
        for surface in Surface::ALL {
            let (wire, _) = station.spoken(surface, true);
            let told = vec![Step::Send(answer::failure(wire, VENDOR_WORDS))];
            station
                .upstream
                .always(Script::steps(200, answer::content_type(wire), told));
            let body = ask(surface, &station.selector(), Round::Plain, true);
            let response = fleet.call(station, surface, true, &body).await;
            let text = response.text();
            let honest = response.status == 502 && !text.contains(VENDOR_WORDS);
            let checked = if honest {
                Ok(())
            } else {
                Err(format!("{}: {text}", response.status))
            };
            problems.note(&format!("{id} {surface:?}"), checked);
        }
    }
    problems.none();
}

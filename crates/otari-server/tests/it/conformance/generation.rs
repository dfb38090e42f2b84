//! Every chat row on every surface, whole and streamed, through a round of function calling.

use otari_providers::Capability;

use super::ask::ask;
use super::fleet::{Fleet, Station};
use super::{Checked, Problems, Round, Surface, Wire, answer, chat_wire, ensure, heard, sent};

/// The built-in provider calls no function unless its prompt says so.
fn rounds(station: &Station, surface: Surface) -> impl Iterator<Item = Round> {
    let answers_words = station.is_built_in();
    let rounds = surface.rounds().iter().copied();
    rounds.filter(move |round| !answers_words || *round != Round::Offer)
}

async fn every_row_answers(surface: Surface) {
    let fleet = Fleet::start().await;
    let mut problems = Problems::default();
    for station in fleet.that_can(Capability::Chat) {
        for stream in [false, true] {
            for round in rounds(station, surface) {
                let case = format!(
                    "{} {surface:?} {round:?} stream={stream}",
                    station.provider.id
                );
                problems.note(&case, call(&fleet, station, surface, round, stream).await);
            }
        }
    }
    problems.none();
    let rows = fleet.app.usage().await;
    for station in fleet.that_can(Capability::Chat) {
        let calls = 2 * rounds(station, surface).count();
        let billed = Fleet::check_bill(&rows, station, surface, calls);
        problems.note(&format!("{} {surface:?} bill", station.provider.id), billed);
    }
    problems.none();
}

async fn call(
    fleet: &Fleet,
    station: &Station,
    surface: Surface,
    round: Round,
    stream: bool,
) -> Checked {
    let provider = station.provider;
    let (wire, path) = station.spoken(surface, stream);
    ensure!(
        !stream || provider.can(Capability::Streaming),
        "does not declare streaming"
    );
    station.upstream.always(answer::script(wire, round, stream));
    let mut body = ask(surface, &station.selector(), round, stream);
    // Where the caller's members pass, the row's exceptions are tried too.
    let edits =
        surface == Surface::Chat && matches!(chat_wire(provider), Wire::Chat | Wire::Mistral);
    if edits {
        sent::with_edited_members(provider, &mut body);
    }
    let response = fleet.call(station, surface, stream, &body).await;
    heard::check(surface, round, stream, &response)?;
    if station.is_built_in() {
        return Ok(());
    }
    heard::check_words(surface, round, stream, &response)?;
    let request = station.upstream.last();
    fleet.check_envelope(station, &request, &path)?;
    sent::check(wire, provider, round, stream, &request)?;
    if edits {
        sent::check_renamed(provider, &request.json())?;
    }
    Ok(())
}

#[tokio::test]
async fn every_chat_row_answers_chat() {
    every_row_answers(Surface::Chat).await;
}

#[tokio::test]
async fn every_chat_row_answers_messages() {
    every_row_answers(Surface::Messages).await;
}

#[tokio::test]
async fn every_chat_row_answers_responses() {
    every_row_answers(Surface::Responses).await;
}

#[tokio::test]
async fn every_chat_row_answers_completions() {
    every_row_answers(Surface::Completions).await;
}

#[tokio::test]
async fn every_chat_row_answers_gemini() {
    every_row_answers(Surface::Gemini).await;
}

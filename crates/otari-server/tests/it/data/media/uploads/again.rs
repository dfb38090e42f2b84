//! A failure in the middle of an upload: who comes next gets all of it.

use otari_testkit::{Arriving, Intake, Script, Sending};
use serde_json::{Value, json};

use super::{END, Lab, SOUND, field, file, of, text};

fn begun(model: &str) -> String {
    field("model", model) + &file("file", "FIRST")
}

/// The provider reads the beginning of what `sending` sends, and fails.
async fn fail(sending: &mut Sending, model: &str, provider: &Intake, status: u16) -> Arriving {
    sending.send(begun(model)).await;
    let mut arriving = provider.accept().await;
    arriving.until("FIRST").await;
    arriving
        .answer(status, &json!({"error": {"message": "no"}}))
        .await
}

/// The provider gets the whole form, the beginning of it before the end is sent.
async fn serve(sending: &mut Sending, provider: &Intake, model: &str) -> Arriving {
    let mut arriving = provider.accept().await;
    arriving.until("FIRST").await;
    sending.send(format!("LAST{END}")).await;
    sending.end().await;
    let got = arriving.whole().await.unwrap();
    let expected = format!("{}LAST{END}", begun(model));
    assert_eq!(String::from_utf8_lossy(&got), expected);
    arriving.answer(200, &text()).await
}

async fn statuses(lab: &Lab) -> Vec<(Value, Value)> {
    let rows = lab.app.usage().await;
    let rows = rows.into_iter();
    rows.map(|row| (of(&row, "status"), of(&row, "provider")))
        .collect()
}

#[tokio::test]
async fn the_next_candidate_gets_it_from_the_beginning() {
    for is_told in [true, false] {
        let lab = Lab::start().await;
        let length = begun("safe").len() + 4 + END.len();
        let mut sending = lab.begin(SOUND, is_told.then_some(length)).await;
        let _failed = fail(&mut sending, "safe", &lab.one, 500).await;
        serve(&mut sending, &lab.two, "other").await;
        assert_eq!(sending.expect(200).await, text());
        assert_eq!(
            statuses(&lab).await,
            [
                (json!("success"), json!("two")),
                (json!("absorbed"), json!("one"))
            ]
        );
        assert_eq!(lab.books("alice").await, (0.0, 1.0));
    }
}

#[tokio::test]
async fn a_candidate_of_another_format_gets_it_whole() {
    let lab = Lab::start().await;
    let candidate = json!({"content": {"parts": [{"text": "hello"}]}, "finishReason": "STOP"});
    lab.gemini
        .always(Script::json(200, &json!({"candidates": [candidate]})));
    let mut sending = lab.begin(SOUND, None).await;
    let begin = field("model", "heard") + &file("file", "RIFF\0\0\0\0WAVEfmt ");
    sending.send(&begin).await;
    let mut arriving = lab.one.accept().await;
    arriving.until("WAVE").await;
    let _failed = arriving.answer(503, &json!({})).await;
    sending.send(END).await;
    sending.end().await;
    assert_eq!(sending.expect(200).await, text());
    let shown = lab.gemini.last().json().to_string();
    assert!(shown.contains("UklGRgAAAABXQVZFZm10IA=="), "{shown}");
}

#[tokio::test]
async fn a_repetition_gets_it_from_the_beginning() {
    let lab = Lab::start_with(json!("k"), json!({"client_args": {"max_retries": 1}})).await;
    let mut sending = lab.begin(SOUND, None).await;
    let _failed = fail(&mut sending, "one:m", &lab.one, 500).await;
    serve(&mut sending, &lab.one, "m").await;
    assert_eq!(sending.expect(200).await, text());
    let statuses = statuses(&lab).await;
    assert_eq!(statuses[0].0, "success");
    assert_eq!(statuses[1].0, "absorbed");
}

#[tokio::test]
async fn another_key_gets_it_from_the_beginning() {
    let lab = Lab::start_with(json!(["k1", "k2"]), json!({})).await;
    let mut sending = lab.begin(SOUND, None).await;
    let failed = fail(&mut sending, "one:m", &lab.one, 429).await;
    let served = serve(&mut sending, &lab.one, "m").await;
    assert_ne!(
        failed.header("authorization"),
        served.header("authorization")
    );
    assert_eq!(sending.expect(200).await, text());
    assert_eq!(statuses(&lab).await.len(), 1);
}

#[tokio::test]
async fn all_that_failed_is_all_that_is_said() {
    let lab = Lab::start().await;
    let mut sending = lab.begin(SOUND, None).await;
    let _failed = fail(&mut sending, "safe", &lab.one, 500).await;
    let mut arriving = lab.two.accept().await;
    arriving.until("FIRST").await;
    let _failed = arriving.answer(500, &json!({})).await;
    sending.expect(502).await;
    assert_eq!(lab.books("alice").await, (0.0, 0.0));
}

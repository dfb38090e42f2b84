//! Sound and pictures are on their way to the provider before they are whole.

mod again;
mod broken;

use otari_testkit::{Arriving, Intake, MASTER_KEY, Sending, TestApp, Upstream};
use serde_json::{Value, json};

use super::super::fault_lab::of;
use super::{FORM, WAV};

const SOUND: &str = "/v1/audio/transcriptions";
const EDITS: &str = "/v1/images/edits";
const END: &str = "\r\n--xyz--\r\n";

/// A gateway before two providers that read as far as the test does, and a model that hears.
struct Lab {
    app: TestApp,
    one: Intake,
    two: Intake,
    gemini: Upstream,
    key: String,
}

impl Lab {
    async fn start() -> Self {
        Self::start_with(json!("k"), json!({})).await
    }

    /// With that key, or keys, of the first provider, and further members.
    async fn start_with(api_key: Value, more: Value) -> Self {
        let (one, two) = (Intake::start().await, Intake::start().await);
        let gemini = Upstream::start().await;
        let mut first = json!({"provider_type": "openai-compatible", "api_base": one.base()});
        let keys = if api_key.is_array() {
            "api_keys"
        } else {
            "api_key"
        };
        let first_members = first.as_object_mut().unwrap();
        first_members.insert(keys.to_owned(), api_key);
        first_members.extend(more.as_object().unwrap().clone());
        // Calls cost a dollar, and so do pictures.
        let price =
            json!({"input_price_per_million": 1_000_000.0, "output_price_per_million": 0.0});
        let picture = json!({"input_price_per_million": 1.0, "output_price_per_million": 0.0});
        let safe = json!({"select": [{"default": "one:m"}], "on_failure": ["two:other"]});
        let heard = json!({"select": [{"default": "one:m"}], "on_failure": ["gemini:g"]});
        let app = TestApp::builder()
            .set(
                "providers",
                json!({
                    "one": first,
                    "two": {"provider_type": "openai-compatible", "api_key": "k", "api_base": two.base()},
                    "gemini": {"api_key": "k", "api_base": gemini.base()},
                }),
            )
            .set("pricing", json!({"one:m": price, "one:p": picture, "two:other": price, "gemini:g": price}))
            .set("routing", json!({"policies": {"safe": safe, "heard": heard}}))
            .start()
            .await;
        let key = app.key("alice", json!({})).await;
        Self {
            app,
            one,
            two,
            gemini,
            key,
        }
    }

    /// Begins to send a form of that length, or of one that is not said.
    async fn begin(&self, path: &str, length: Option<usize>) -> Sending {
        self.begin_as(&self.key, path, length).await
    }

    async fn begin_as(&self, key: &str, path: &str, length: Option<usize>) -> Sending {
        Sending::begin(self.app.address, path, key, FORM, length).await
    }

    /// What is held and what was spent.
    async fn books(&self, user: &str) -> (f64, f64) {
        let user = self.app.user(user).await;
        let of = |name: &str| of(&user, name).as_f64().unwrap();
        (of("reserved"), of("spend"))
    }

    /// The status of the newest row, and its number.
    async fn newest(&self) -> (Value, Value) {
        let row = self.app.usage().await.remove(0);
        (of(&row, "status"), of(&row, "status_code"))
    }

    /// Waits for so many rows.
    async fn rows(&self, count: usize) {
        while self.app.usage().await.len() < count {
            tokio::task::yield_now().await;
        }
    }
}

fn field(name: &str, value: &str) -> String {
    format!("--xyz\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
}

/// A file without its end.
fn file(name: &str, content: &str) -> String {
    format!(
        "--xyz\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"a.wav\"\r\nContent-Type: audio/wav\r\n\r\n{content}"
    )
}

/// A further field behind a file.
fn late(name: &str, value: &str) -> String {
    let field = field(name, value);
    format!("\r\n{}", field.strip_suffix("\r\n").unwrap())
}

fn picture() -> Value {
    json!({"created": 1, "data": [{"b64_json": "AAAA"}]})
}

fn text() -> Value {
    json!({"text": "hello"})
}

#[tokio::test]
async fn the_first_is_there_before_the_last_is_sent() {
    let lab = Lab::start().await;
    let mut spent = 0.0;
    for (path, model, name, more, answer) in [
        (SOUND, "m", "file", field("language", "en"), text()),
        ("/v1/audio/translations", "m", "file", String::new(), text()),
        (EDITS, "p", "image[]", field("prompt", "a hat"), picture()),
        (
            "/v1/images/variations",
            "p",
            "image",
            String::new(),
            picture(),
        ),
    ] {
        for is_told in [true, false] {
            let place = format!("{path} {is_told}");
            let begin = field("user", "alice")
                + &field("model", &format!("one:{model}"))
                + &more
                + &file(name, "FIRST");
            let rest = format!("LAST{END}");
            let length = is_told.then_some(begin.len() + rest.len());
            let mut sending = lab.begin(path, length).await;
            sending.send(&begin).await;
            let mut arriving = lab.one.accept().await;
            arriving.until("FIRST").await;
            assert_eq!(lab.books("alice").await, (1.0, spent), "{place}");
            sending.send(&rest).await;
            sending.end().await;
            let expected = (begin + &rest)
                .replace(&field("user", "alice"), "")
                .replace("one:", "");
            let got = arriving.whole().await.unwrap();
            assert_eq!(String::from_utf8_lossy(&got), expected, "{place}");
            let told = arriving.header("content-length").map(str::to_owned);
            assert_eq!(told, is_told.then(|| expected.len().to_string()), "{place}");
            assert_eq!(arriving.header("content-type"), Some(FORM), "{place}");
            arriving.answer(200, &answer).await;
            assert_eq!(sending.expect(200).await, answer, "{place}");
            spent += 1.0;
            assert_eq!(lab.books("alice").await, (0.0, spent), "{place}");
            assert_eq!(lab.newest().await.0, "success", "{place}");
        }
    }
}

#[tokio::test]
async fn a_model_that_is_named_late_is_waited_for() {
    let lab = Lab::start().await;
    let mut sending = lab.begin(SOUND, None).await;
    sending.send(file("file", "FIRST")).await;
    sending.send(late("model", "one:m")).await;
    // Its name may go on until the next part begins.
    sending
        .send("\r\n--xyz\r\nContent-Disposition: form-data; name=\"language\"\r\n\r\nen")
        .await;
    let mut arriving = lab.one.accept().await;
    arriving.until("\r\n\r\nm\r\n").await;
    sending.send(END).await;
    sending.end().await;
    let got = arriving.whole().await.unwrap();
    let expected = file("file", "FIRST") + &late("model", "m") + &late("language", "en") + END;
    assert_eq!(String::from_utf8_lossy(&got), expected);
    arriving.answer(200, &text()).await;
    assert_eq!(sending.expect(200).await, text());
}

#[tokio::test]
async fn who_pays_is_known_before_anything_is_sent() {
    let lab = Lab::start().await;
    let model = field("model", "one:m");
    let early = field("user", "alice") + &model + &file("file", "FIRST");
    let mut sending = lab.begin_as(MASTER_KEY, SOUND, None).await;
    sending.send(&early).await;
    let mut arriving = lab.one.accept().await;
    arriving.until("FIRST").await;
    sending.send(END).await;
    sending.end().await;
    arriving.whole().await.unwrap();
    arriving.answer(200, &text()).await;
    sending.expect(200).await;
    assert_eq!(lab.books("alice").await, (0.0, 1.0));

    let behind = model.clone() + &file("file", "FIRST") + &late("user", "alice") + END;
    let mut sending = lab.begin_as(MASTER_KEY, SOUND, Some(behind.len())).await;
    sending.send(&behind).await;
    let mut arriving = lab.one.accept().await;
    let got = arriving.whole().await.unwrap();
    let expected = field("model", "m") + &file("file", "FIRST") + END;
    assert_eq!(String::from_utf8_lossy(&got), expected);
    arriving.answer(200, &text()).await;
    sending.expect(200).await;
    assert_eq!(lab.books("alice").await, (0.0, 2.0));

    let nobody = model + &file("file", "FIRST") + END;
    let mut sending = lab.begin_as(MASTER_KEY, SOUND, Some(nobody.len())).await;
    sending.send(&nobody).await;
    let refused = sending.expect(400).await;
    assert!(refused.to_string().contains("user"), "{refused}");
}

/// Sends a form whose fields come last; the provider has what comes before them by then.
async fn with_late(lab: &Lab, begin: &str, rest: &str, is_told: bool) -> (Sending, Arriving) {
    let length = is_told.then_some(begin.len() + rest.len());
    let path = if begin.contains("\"image\"") {
        EDITS
    } else {
        SOUND
    };
    let mut sending = lab.begin(path, length).await;
    sending.send(begin).await;
    let mut arriving = lab.one.accept().await;
    arriving.until("FIRST").await;
    sending.send(rest).await;
    sending.end().await;
    (sending, arriving)
}

#[tokio::test]
async fn fields_behind_the_file_count() {
    let lab = Lab::start().await;
    let begin = field("model", "one:m") + &file("file", "FIRST");
    for is_told in [true, false] {
        // The gateway's own are kept back; where a length was told, empty lines behind the form make it up.
        let rest = late("user", "alice") + &late("api_key", "x") + &late("language", "en") + END;
        let (mut sending, mut arriving) = with_late(&lab, &begin, &rest, is_told).await;
        let got = arriving.whole().await.unwrap();
        let got = String::from_utf8_lossy(&got).into_owned();
        let expected = begin.replace("one:m", "m") + &late("language", "en") + END;
        let behind = got.strip_prefix(&expected).unwrap();
        assert!(behind.trim().is_empty(), "{behind}");
        assert_eq!(behind.is_empty(), !is_told);
        arriving.answer(200, &text()).await;
        assert_eq!(sending.expect(200).await, text());

        // How the answer is shown.
        let rest = late("response_format", "srt") + END;
        let (mut sending, mut arriving) = with_late(&lab, &begin, &rest, is_told).await;
        arriving.whole().await.unwrap();
        arriving.answer(200, &json!("1\n00:00")).await;
        let (status, _, body) = sending.answer().await;
        assert_eq!((status, body.as_str()), (200, "\"1\\n00:00\""));
    }
}

#[tokio::test]
async fn images_that_are_asked_for_late_are_held_for() {
    let lab = Lab::start().await;
    let key = lab
        .app
        .budgeted_key("bob", json!({"max_budget": 5.0}))
        .await;
    let begin = field("model", "one:p") + &field("prompt", "p") + &file("image", "FIRST");
    for (count, status) in [("4", 200), ("6", 403)] {
        let mut sending = lab.begin_as(&key, EDITS, None).await;
        sending.send(&begin).await;
        let mut arriving = lab.one.accept().await;
        arriving.until("FIRST").await;
        assert_eq!(lab.books("bob").await, (1.0, 0.0), "{count}");
        sending.send(late("n", count) + END).await;
        sending.end().await;
        if status == 200 {
            arriving.whole().await.unwrap();
            assert_eq!(lab.books("bob").await, (4.0, 0.0), "{count}");
            arriving.answer(500, &json!({})).await;
            sending.expect(502).await;
        } else {
            // It never sees the form's end.
            arriving.whole().await.unwrap_err();
            assert!(!arriving.body().ends_with(END.as_bytes()));
            sending.expect(403).await;
            assert_eq!(lab.newest().await, (json!("error"), json!(403)));
        }
        assert_eq!(lab.books("bob").await, (0.0, 0.0), "{count}");
    }
}

#[tokio::test]
async fn other_formats_get_it_whole() {
    let lab = Lab::start().await;
    let candidate = json!({"content": {"parts": [{"text": "Good day."}]}, "finishReason": "STOP"});
    lab.gemini.always(otari_testkit::Script::json(
        200,
        &json!({"candidates": [candidate]}),
    ));
    let mut sending = lab.begin(SOUND, None).await;
    let begin = field("model", "gemini:g") + &file("file", WAV);
    sending.send(&begin).await;
    sending.send(late("response_format", "text") + END).await;
    sending.end().await;
    let (status, kind, body) = sending.answer().await;
    assert_eq!((status, body.as_str()), (200, "Good day."));
    assert!(kind.starts_with("text/plain"), "{kind}");
}

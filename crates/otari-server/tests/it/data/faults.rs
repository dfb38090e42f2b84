//! What each way to fail does, on each surface: what the client sees, who serves, what is charged.

use otari_testkit::{MASTER_KEY, Response, Script, Step};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use super::fault_lab::{Lab, of};

/// Path, body, and what only an answer of this surface has.
const SURFACES: [(&str, &str); 3] = [
    ("/v1/chat/completions", "messages"),
    ("/v1/messages", "messages"),
    ("/v1/responses", "input"),
];

impl Lab {
    async fn ask(&self, surface: (&str, &str), model: &str, stream: bool) -> Response {
        let (path, said) = surface;
        let limit = (path == "/v1/messages").then_some(10);
        let mut body = json!({"model": model, "stream": stream, "max_tokens": limit});
        if let Some(body) = body.as_object_mut() {
            body.retain(|_, value| !value.is_null());
            let turns = json!([{"role": "user", "content": "hi"}]);
            body.insert(said.to_owned(), turns);
        }
        self.app.client.post(path, &self.key, &body).await
    }

    /// Status and provider of the newest rows, the last one's first.
    async fn served(&self, count: usize) -> Vec<(Value, Value)> {
        let rows = self.newest(count).await.into_iter();
        rows.map(|(status, _, provider)| (status, provider))
            .collect()
    }

    fn spare_answers(&self, stream: bool) {
        self.spare.enqueue(if stream {
            Script::chat_stream(&["from the spare"])
        } else {
            Script::chat("from the spare")
        });
    }
}

/// A failure before any answer: an HTTP error by name, the next candidate's turn in a policy, and no charge.
async fn before_an_answer(
    lab: &Lab,
    fault: &str,
    script: Option<&Script>,
    status: u16,
    streams: &[bool],
) {
    for surface in SURFACES {
        for stream in streams.iter().copied() {
            let place = format!("{fault}, {}, stream: {stream}", surface.0);
            let before = lab.spend().await;
            lab.fail(script);
            let answer = lab.ask(surface, "faulty:m", stream).await;
            assert_eq!(answer.status, status, "{place}: {}", answer.text());
            let error = of(&answer.json(), "error");
            for member in ["message", "type"] {
                assert!(of(&error, member).is_string(), "{place}: {error}");
            }
            assert_eq!(lab.served(1).await, [(json!("error"), json!("faulty"))]);
            assert!((lab.spend().await - before).abs() < f64::EPSILON, "{place}");

            lab.fail(script);
            lab.spare_answers(stream);
            let answer = lab.ask(surface, "safe", stream).await;
            assert_eq!(answer.status, 200, "{place}: {}", answer.text());
            let text = answer.text();
            assert!(text.contains("from the spare"), "{place}: {text}");
            let served = (json!("success"), json!("spare"));
            let absorbed = (json!("absorbed"), json!("faulty"));
            assert_eq!(lab.served(2).await, [served, absorbed], "{place}");
        }
    }
}

#[tokio::test]
async fn answers_that_are_errors() {
    let lab = Lab::start(None).await;
    let error = |status: u16| Script::json(status, &json!({"error": {"message": "no"}}));
    for (sent, seen) in [
        (401, 502),
        (402, 502),
        (403, 502),
        (404, 404),
        (408, 504),
        (413, 400),
        (422, 400),
        (429, 429),
        (500, 502),
        (502, 502),
        (503, 502),
        (529, 502),
    ] {
        before_an_answer(
            &lab,
            &sent.to_string(),
            Some(&error(sent)),
            seen,
            &[false, true],
        )
        .await;
    }
    let limited = error(429).header("retry-after", "7");
    lab.faulty.enqueue(limited);
    let answer = lab.ask(SURFACES[0], "faulty:m", false).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("retry-after")),
        (429, Some("7"))
    );
}

/// Answers every connection in plain words, whatever is asked.
async fn plain_server() -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    address
}

#[tokio::test]
async fn providers_that_cannot_be_reached() {
    let plain = plain_server().await;
    for (fault, address) in [
        ("refused", "http://127.0.0.1:9/v1".to_owned()),
        ("no such name", "http://no-such-host.invalid/v1".to_owned()),
        ("no TLS", format!("https://{plain}/v1")),
    ] {
        let lab = Lab::start(Some(&address)).await;
        before_an_answer(&lab, fault, None, 502, &[false, true]).await;
    }
}

#[tokio::test]
async fn answers_that_are_none() {
    let lab = Lab::start(None).await;
    let stream = |steps: Vec<Step>| Script::steps(200, "text/event-stream", steps);
    let send = |text: &str| Step::Send(text.to_owned().into());
    for (fault, script, status, streams) in [
        ("no headers", Script::hang(), 504, &[false, true][..]),
        ("connection closed", Script::refuse(), 502, &[false, true]),
        (
            "empty",
            Script::whole(200, "application/json", ""),
            502,
            &[false],
        ),
        ("empty stream", stream(Vec::new()), 502, &[true]),
        (
            "HTML",
            Script::whole(200, "text/html", "<html>"),
            502,
            &[false, true],
        ),
        ("no first token", stream(vec![Step::Hang]), 504, &[true]),
        (
            "malformed first chunk",
            stream(vec![send("data: {\"choices\": [\n\n")]),
            502,
            &[true],
        ),
        (
            "error event first",
            stream(vec![send("data: {\"error\": {\"message\": \"no\"}}\n\n")]),
            502,
            &[true],
        ),
        (
            "cut in the first event",
            stream(vec![send("data: {\"cho"), Step::Cut]),
            502,
            &[true],
        ),
    ] {
        before_an_answer(&lab, fault, Some(&script), status, streams).await;
    }
}

#[tokio::test]
async fn streams_that_break_off_say_so_and_are_not_charged() {
    let lab = Lab::start(None).await;
    let send = |text: String| Step::Send(text.into());
    let word = {
        let choices = json!([{"index": 0, "delta": {"role": "assistant", "content": "half an ans"}, "finish_reason": null}]);
        json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices})
    };
    let word = format!("data: {word}\n\n");
    let huge = format!("data: \"{}\n\n", "x".repeat(40 * 1024 * 1024));
    for (fault, steps) in [
        ("stall", vec![Step::Hang]),
        ("cut between events", vec![Step::Cut]),
        (
            "cut in an event",
            vec![send("data: {\"choi".to_owned()), Step::Cut],
        ),
        ("end without an end", Vec::new()),
        (
            "malformed chunk",
            vec![send("data: {\"choices\": [\n\n".to_owned())],
        ),
        (
            "error event",
            vec![send(
                "data: {\"error\": {\"message\": \"no\"}}\n\n".to_owned(),
            )],
        ),
        ("huge event", vec![send(huge)]),
    ] {
        for surface in SURFACES {
            for model in ["faulty:m", "safe"] {
                let place = format!("{fault}, {}, {model}", surface.0);
                let before = lab.spend().await;
                let mut script = vec![Step::Send(word.clone().into())];
                script.extend(steps.clone());
                lab.faulty
                    .enqueue(Script::steps(200, "text/event-stream", script));
                let text = lab.ask(surface, model, true).await.text();
                assert!(text.contains("half an ans"), "{place}: {text}");
                assert!(
                    text.contains("An error occurred during streaming"),
                    "{place}: {text}"
                );
                // An end that a client would take for a whole answer's must not be there.
                for whole in [
                    "\"finish_reason\":\"stop\"",
                    "message_stop",
                    "response.completed",
                ] {
                    assert!(!text.contains(whole), "{place}: {text}");
                }
                assert_eq!(lab.served(1).await, [(json!("error"), json!("faulty"))]);
                assert!((lab.spend().await - before).abs() < f64::EPSILON, "{place}");
            }
        }
    }
    assert!(
        lab.spare.captured().is_empty(),
        "what has begun is not begun again"
    );
    let metrics = lab
        .app
        .client
        .get("/v1/usage/count", MASTER_KEY)
        .await
        .expect(200);
    assert_eq!(metrics["total"], json!(7 * 3 * 2));
}

//! What single surfaces promise beyond the goldens.

use otari_translate::surface::{self, Failure, Renderer, render_reply};
use otari_translate::{
    Block, Collector, Event, FinishReason, Logprobs, Opening, Origin, Raw, Signature, Surface,
    Wire, dialect,
};
use serde_json::{Value, json};

use crate::streams::{envelope, request};

fn finished(events: Vec<Event>) -> otari_translate::Reply {
    let collector: Collector = events.into_iter().collect();
    collector.into_reply().unwrap()
}

#[test]
fn completions_list_probabilities_with_their_places() {
    let entry = |token: &str| {
        let entry = json!({"token": token, "logprob": -0.5, "bytes": null,
            "top_logprobs": [{"token": "z", "logprob": -2.0}]});
        Raw::parse(&entry.to_string()).unwrap()
    };
    let logprobs = |tokens: &[&str]| {
        Event::Logprobs(Logprobs {
            content: tokens.iter().map(|token| entry(token)).collect(),
            refusal: Vec::new(),
        })
    };
    let events = vec![
        Event::Start {
            id: String::new(),
            model: String::new(),
        },
        logprobs(&["Tïde"]),
        Event::Open(Opening::Text),
        Event::Delta("Tïde".to_owned()),
        logprobs(&[" is", " in"]),
        Event::Delta(" is in".to_owned()),
        Event::Close,
        Event::Finish(FinishReason::Stop.into()),
    ];
    let call = request(Surface::Completions);
    let body = render_reply(&call, &envelope(), &finished(events.clone()));
    let whole: Value = serde_json::from_slice(&body).unwrap();
    let choice = &whole["choices"][0];
    assert_eq!(choice["text"], "Tïde is in");
    assert_eq!(choice["logprobs"]["tokens"], json!(["Tïde", " is", " in"]));
    assert_eq!(choice["logprobs"]["text_offset"], json!([0, 4, 7]));
    assert_eq!(choice["logprobs"]["top_logprobs"][0], json!({"z": -2.0}));
    let mut renderer = Renderer::new(&call, envelope());
    let mut out = Vec::new();
    for event in &events {
        renderer.event(event, &mut out);
    }
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains(r#""text_offset":[4,7]"#), "{text}");
}

/// Clients of Gemini read signatures as base64, so a foreign one must be that, and come back as what it was.
#[test]
fn foreign_signatures_survive_clients_of_gemini() {
    for (redacted, origin) in [
        (false, Origin::Anthropic),
        (true, Origin::Anthropic),
        (false, Origin::OpenAi),
    ] {
        let signature = Signature::new(origin, "sig+/=");
        let mut events = vec![
            Event::Start {
                id: String::new(),
                model: String::new(),
            },
            Event::Open(Opening::Reasoning { redacted }),
        ];
        if !redacted {
            events.push(Event::Delta("Hm. ".to_owned()));
            events.push(Event::Delta("Yes.".to_owned()));
        }
        events.push(Event::Signature(signature.clone()));
        events.push(Event::Close);
        events.push(Event::Open(Opening::Text));
        events.push(Event::Delta("Noon.".to_owned()));
        events.push(Event::Close);
        events.push(Event::Finish(FinishReason::Stop.into()));
        let call = request(Surface::Gemini);
        let mut renderer = Renderer::new(&call, envelope());
        let mut out = Vec::new();
        for event in &events {
            renderer.event(event, &mut out);
        }
        let text = String::from_utf8(out).unwrap();
        let mut parts = Vec::new();
        for data in text.lines().filter_map(|line| line.strip_prefix("data: ")) {
            let chunk: Value = serde_json::from_str(data).unwrap();
            let new = chunk["candidates"][0]["content"]["parts"]
                .as_array()
                .unwrap();
            parts.extend(new.iter().cloned());
        }
        let body = render_reply(&call, &envelope(), &finished(events));
        let whole: Value = serde_json::from_slice(&body).unwrap();
        for parts in [
            json!(parts),
            whole["candidates"][0]["content"]["parts"].clone(),
        ] {
            let echo = json!({"contents": [{"role": "model", "parts": parts},
                {"role": "user", "parts": [{"text": "y"}]}]});
            let call = surface::parse(Surface::Gemini, echo.to_string().as_bytes()).unwrap();
            let Block::Reasoning(reasoning) = &call.turns[0].parts[0].block else {
                panic!("{echo}");
            };
            assert_eq!(reasoning.signature.as_ref(), Some(&signature), "{echo}");
            assert_eq!(reasoning.redacted, redacted);
            assert_eq!(reasoning.text, if redacted { "" } else { "Hm. Yes." });
        }
    }
}

#[test]
fn calls_without_ids_find_their_results() {
    let body = std::fs::read(crate::golden::dir("gemini").join("tool_history.json")).unwrap();
    let call = surface::parse(Surface::Gemini, &body).unwrap();
    let ids = |turn: usize| -> Vec<String> {
        let parts = call.turns[turn].parts.iter();
        let id = |block: &Block| match block {
            Block::ToolCall(call) => Some(call.id.clone()),
            Block::ToolResult(result) => Some(result.call_id.clone()),
            _ => None,
        };
        parts.filter_map(|part| id(&part.block)).collect()
    };
    assert_eq!(ids(1), ids(2));
    assert_eq!(ids(1)[2], "own1");
    assert_ne!(ids(1)[0], ids(1)[1]);
}

/// A call that came in Gemini's own format is written back as it came, when a gateway tool forces it through.
#[test]
fn gemini_s_own_members_reach_gemini() {
    let body = json!({"contents": [{"role": "user", "parts": [{"text": "x"}]}],
        "tools": [{"googleSearch": {}}], "safetySettings": [{"category": "C", "threshold": "T"}],
        "cachedContent": "cachedContents/1",
        "generationConfig": {"speechConfig": {"languageCode": "de"}, "responseModalities": ["AUDIO"]}});
    let mut call = surface::parse(Surface::Gemini, body.to_string().as_bytes()).unwrap();
    call.stream = true;
    let target = dialect::Target {
        model: "gemini-3-pro",
        ..dialect::Target::default()
    };
    let encoded = dialect::encode(Wire::Gemini, &call, &target).unwrap();
    let sent: Value = serde_json::from_slice(&encoded.body).unwrap();
    assert_eq!(sent, body);
}

#[test]
fn errors_of_a_stream_have_google_s_words() {
    for (kind, code, status) in [
        ("rate_limit_error", 429, "RESOURCE_EXHAUSTED"),
        ("overloaded_error", 503, "UNAVAILABLE"),
        ("server_error", 500, "INTERNAL"),
    ] {
        let mut renderer = Renderer::new(&request(Surface::Gemini), envelope());
        let mut out = Vec::new();
        let failure = Failure {
            kind,
            code: None,
            message: "m",
        };
        renderer.fail(failure, &mut out);
        let data = out.strip_prefix(b"data: ").unwrap();
        let error: Value = serde_json::from_slice(data).unwrap();
        assert_eq!(
            error["error"],
            json!({"code": code, "message": "m", "status": status})
        );
    }
}

//! Bodies that are sent while they arrive, and credentials.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::json;

use crate::{Turns, UpstreamErrorKind, live_body};

use super::*;

const TOKEN: &str = "POST /identity/token";

/// Gives out `t-1`, `t-2`, …, and has `refused` refused.
async fn start(refused: &'static [&'static str]) -> Endpoint {
    let given = AtomicU32::new(0);
    Endpoint::start(move |seen| {
        if seen.line.starts_with(TOKEN) {
            let number = given.fetch_add(1, Ordering::SeqCst) + 1;
            let token = json!({"access_token": format!("t-{number}"), "expires_in": 3600});
            return Answer::json(200, &token);
        }
        let is_refused = refused.contains(&seen.headers["authorization"].as_str());
        Answer::text(if is_refused { 401 } else { 200 }, "{}")
    })
    .await
}

fn watsonx(endpoint: &Endpoint) -> Lab {
    let lab = Lab::new("watsonx").at(endpoint).key("k");
    lab.values(json!({"iam_url": format!("{}/identity/token", endpoint.url)}))
}

async fn upload(turns: &mut Turns<'_>, instance: &Instance) -> Result<Answered, UpstreamError> {
    let (feed, body) = live_body(Some(6));
    let feeding = async {
        for piece in ["one", "two"] {
            feed.send(Bytes::from_static(piece.as_bytes())).await;
        }
        feed.finish().await;
    };
    tokio::join!(turns.send(outbound(instance), body), feeding).0
}

#[tokio::test]
async fn a_token_that_is_refused_is_renewed_once() {
    for (refused, ends_well) in [
        (&["Bearer t-1"][..], true),
        (&["Bearer t-1", "Bearer t-2"], false),
    ] {
        let endpoint = start(refused).await;
        let lab = watsonx(&endpoint);
        let clock = lab.clock.clone();
        let instance = lab.make().unwrap();
        let transport = transport();
        // Just fetched: another would be refused as well.
        let mut turns = transport.upload(&instance);
        let error = upload(&mut turns, &instance).await.unwrap_err();
        assert!(!turns.go_on(&error));
        clock.advance_secs(61);
        let mut turns = transport.upload(&instance);
        assert!(turns.may_go_on());
        let error = upload(&mut turns, &instance).await.unwrap_err();
        assert_eq!(error.kind, UpstreamErrorKind::Credentials);
        assert!(turns.go_on(&error));
        assert!(!turns.may_go_on());
        let second = upload(&mut turns, &instance).await;
        assert_eq!(second.is_ok(), ends_well);
        if let Err(error) = second {
            assert!(!turns.go_on(&error));
        }
        let sent = endpoint.seen("POST /ml/");
        let tokens: Vec<&str> = sent
            .iter()
            .map(|seen| seen.headers["authorization"].as_str())
            .collect();
        assert_eq!(tokens, ["Bearer t-1", "Bearer t-1", "Bearer t-2"]);
        assert!(sent.iter().all(|seen| seen.body == "onetwo"));
        assert_eq!(endpoint.seen(TOKEN).len(), 2);
    }
}

#[tokio::test]
async fn what_is_signed_must_be_there_before() {
    let endpoint = start(&[]).await;
    assert!(watsonx(&endpoint).make().unwrap().takes_uploads());
    let signed = Lab::new("bedrock")
        .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_REGION", "us-east-1");
    assert!(!signed.make().unwrap().takes_uploads());
    assert!(!Lab::new("echo").make().unwrap().takes_uploads());
}

#[tokio::test]
async fn a_body_that_is_not_finished_is_no_request() {
    let endpoint = start(&[]).await;
    let instance = watsonx(&endpoint).make().unwrap();
    let transport = transport();
    for length in [None, Some(6)] {
        let mut turns = transport.upload(&instance);
        let (feed, body) = live_body(length);
        let broken = async move { feed.send(Bytes::from_static(b"one")).await };
        let (sent, taken) = tokio::join!(turns.send(outbound(&instance), body), broken);
        assert!(taken);
        assert_eq!(sent.unwrap_err().kind, UpstreamErrorKind::Unreachable);
    }
    assert!(
        endpoint
            .seen("POST /ml/")
            .iter()
            .all(|seen| seen.body.is_empty())
    );
}

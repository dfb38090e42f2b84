//! One token for many callers, over time.

use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::future::join_all;
use serde_json::json;

use crate::UpstreamErrorKind;

use super::*;

const TOKEN: &str = "POST /identity/token";

/// Tokens are `t-1`, `t-2`, …, each for an hour.
fn counting(
    alter: impl Fn(u32, Answer) -> Answer + Send + Sync + 'static,
) -> impl Fn(&Seen) -> Answer {
    let given = AtomicU32::new(0);
    move |seen| {
        if !seen.line.starts_with(TOKEN) {
            return Answer::text(200, "{}");
        }
        let number = given.fetch_add(1, Ordering::SeqCst) + 1;
        let token = json!({"access_token": format!("t-{number}"), "expires_in": 3600});
        alter(number, Answer::json(200, &token))
    }
}

fn watsonx(endpoint: &Endpoint) -> Lab {
    Lab::new("watsonx")
        .at(endpoint)
        .key("ibm-secret-key")
        .values(json!({"iam_url": format!("{}/identity/token", endpoint.url)}))
}

fn used(endpoint: &Endpoint) -> Vec<String> {
    let calls = endpoint.seen("POST /ml/");
    calls
        .iter()
        .map(|seen| seen.headers["authorization"].clone())
        .collect()
}

#[tokio::test]
async fn a_hundred_callers_ask_once() {
    let endpoint = Endpoint::start(counting(|_, answer| answer.held())).await;
    let instance = watsonx(&endpoint).make().unwrap();
    let transport = transport();
    let calls = join_all((0..100).map(|_| send(&transport, &instance)));
    let release = async {
        endpoint.arrived(1).await;
        endpoint.let_go();
    };
    let (answers, ()) = tokio::join!(calls, release);
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(endpoint.seen(TOKEN).len(), 1);
    assert_eq!(used(&endpoint), vec!["Bearer t-1"; 100]);
}

#[tokio::test]
async fn all_who_wait_share_one_failure_and_the_next_tries_again() {
    let endpoint = Endpoint::start(counting(|number, answer| match number {
        1 => Answer::json(
            400,
            &json!({"errorCode": "BXNIM0415E", "errorMessage": "Provided API key could not be found: ibm-secret-key-0123456789012345678901234567"}),
        )
        .held(),
        _ => answer,
    }))
    .await;
    let instance = watsonx(&endpoint).make().unwrap();
    let transport = transport();
    let calls = join_all((0..50).map(|_| send(&transport, &instance)));
    let release = async {
        endpoint.arrived(1).await;
        endpoint.let_go();
    };
    let (answers, ()) = tokio::join!(calls, release);
    for answer in answers {
        let error = answer.unwrap_err();
        assert_eq!(error.kind, UpstreamErrorKind::Credentials);
        let message = error.message.unwrap();
        assert!(
            message.contains("IBM Cloud IAM refused with status 400"),
            "{message}"
        );
        assert!(message.contains("BXNIM0415E"), "{message}");
        assert!(!message.contains("ibm-secret-key"), "{message}");
    }
    assert_eq!(endpoint.seen(TOKEN).len(), 1);
    assert!(used(&endpoint).is_empty());
    send(&transport, &instance).await.unwrap();
    assert_eq!(used(&endpoint), ["Bearer t-2"]);
}

#[tokio::test]
async fn a_token_is_renewed_before_it_expires_and_used_meanwhile() {
    let endpoint = Endpoint::start(counting(|number, answer| match number {
        1 => answer,
        _ => answer.held(),
    }))
    .await;
    let lab = watsonx(&endpoint);
    let clock = lab.clock.clone();
    let instance = lab.make().unwrap();
    let transport = transport();
    send(&transport, &instance).await.unwrap();
    clock.advance_secs(3600 - 301);
    send(&transport, &instance).await.unwrap();
    assert_eq!(endpoint.seen(TOKEN).len(), 1);
    clock.advance_secs(2);
    // The renewal has begun, and does not end before we let it.
    send(&transport, &instance).await.unwrap();
    endpoint.arrived(5).await;
    send(&transport, &instance).await.unwrap();
    assert_eq!(used(&endpoint), vec!["Bearer t-1"; 4]);
    assert_eq!(endpoint.seen(TOKEN).len(), 2);
    // Now the old one would not survive the request: callers wait for the new one.
    clock.advance_secs(270);
    let release = async {
        endpoint.let_go();
    };
    let (answer, ()) = tokio::join!(send(&transport, &instance), release);
    answer.unwrap();
    assert_eq!(used(&endpoint).last().unwrap(), "Bearer t-2");
    assert_eq!(endpoint.seen(TOKEN).len(), 2);
}

#[tokio::test]
async fn a_failed_renewal_harms_nobody_and_is_not_repeated_at_once() {
    let endpoint = Endpoint::start(counting(|number, answer| match number {
        2 => Answer::text(500, "sick"),
        _ => answer,
    }))
    .await;
    let lab = watsonx(&endpoint);
    let clock = lab.clock.clone();
    let instance = lab.make().unwrap();
    let transport = transport();
    send(&transport, &instance).await.unwrap();
    clock.advance_secs(3400);
    for _ in 0..50 {
        send(&transport, &instance).await.unwrap();
    }
    assert_eq!(endpoint.seen(TOKEN).len(), 2);
    assert_eq!(used(&endpoint), vec!["Bearer t-1"; 51]);
    clock.advance_secs(11);
    while endpoint.seen(TOKEN).len() < 3 {
        send(&transport, &instance).await.unwrap();
    }
}

#[tokio::test]
async fn a_caller_who_hangs_up_does_not_stop_what_others_wait_for() {
    let endpoint = Endpoint::start(counting(|_, answer| answer.held())).await;
    let instance = watsonx(&endpoint).make().unwrap();
    let transport = transport();
    {
        let mut first = Box::pin(send(&transport, &instance));
        tokio::select! {
            _ = &mut first => panic!("the token is held"),
            () = endpoint.arrived(1) => {}
        }
    }
    endpoint.let_go();
    send(&transport, &instance).await.unwrap();
    assert_eq!(endpoint.seen(TOKEN).len(), 1);
}

#[tokio::test]
async fn a_refused_old_token_is_replaced_once() {
    let given = AtomicU32::new(0);
    let endpoint = Endpoint::start(move |seen| {
        if seen.line.starts_with(TOKEN) {
            let number = given.fetch_add(1, Ordering::SeqCst) + 1;
            let token = json!({"access_token": format!("t-{number}"), "expires_in": 3600});
            return Answer::json(200, &token);
        }
        match seen.headers["authorization"].as_str() {
            "Bearer t-1" => Answer::text(401, "revoked"),
            _ => Answer::text(200, "{}"),
        }
    })
    .await;
    let lab = watsonx(&endpoint);
    let clock = lab.clock.clone();
    let instance = lab.make().unwrap();
    let transport = transport();
    // Just fetched: another would be refused as well.
    let error = send(&transport, &instance).await.unwrap_err();
    assert_eq!(error.status, Some(401));
    assert_eq!(endpoint.seen(TOKEN).len(), 1);
    clock.advance_secs(61);
    send(&transport, &instance).await.unwrap();
    assert_eq!(used(&endpoint), ["Bearer t-1", "Bearer t-1", "Bearer t-2"]);
}

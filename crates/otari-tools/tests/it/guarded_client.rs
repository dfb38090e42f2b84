//! Redirects, sizes and times.

use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use otari_tools::{GuardedClient, HttpError, HttpLimits, Reason, UrlGuard, UrlPolicy};

use crate::site::{Site, page, redirect};

pub(crate) fn limits() -> HttpLimits {
    HttpLimits {
        first_byte: Duration::from_secs(10),
        idle: Duration::from_secs(10),
        total: Duration::from_secs(20),
        body_bytes: 1 << 20,
        redirects: 5,
    }
}

/// Sees this machine and nothing else that is private.
pub(crate) fn local_client() -> GuardedClient {
    let policy = UrlPolicy {
        allow_loopback: true,
        ..UrlPolicy::default()
    };
    GuardedClient::new(UrlGuard::new(policy), Duration::from_secs(5))
}

fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::from_static("Bearer secret"));
    headers.insert("x-api-key", HeaderValue::from_static("secret"));
    headers.insert("accept", HeaderValue::from_static("text/html"));
    headers
}

fn reason(error: &HttpError) -> Option<Reason> {
    match error {
        HttpError::Refused(refusal) => Some(refusal.reason),
        _ => None,
    }
}

#[tokio::test]
async fn redirects_are_followed_and_relative_ones_understood() {
    let site = Site::start(|asked| match asked.uri.path() {
        "/a" => redirect(301, "b?x=1"),
        "/b" => redirect(308, "/c?next=http://127.0.0.1/"),
        _ => page("text/plain", "here"),
    })
    .await;
    let answer = local_client()
        .get(&site.url("/a"), headers(), limits())
        .await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.url.path(), "/c");
    assert_eq!(&answer.body.collect().await.expect("a body")[..], b"here");
    // The same origin all the way: the credential goes along.
    assert_eq!(site.last().header("authorization"), Some("Bearer secret"));
}

#[tokio::test]
async fn a_redirect_is_checked_as_it_was_written() {
    for (location, expected) in [
        ("http://169.254.169.254/latest/", Reason::Metadata),
        ("//10.0.0.1/", Reason::Private),
        ("http://2130706433/", Reason::Disguised),
        ("//2130706433/", Reason::Disguised),
        ("file:///etc/passwd", Reason::Scheme),
        ("http://user@127.0.0.1/", Reason::Userinfo),
        ("\\\\10.0.0.1\\x", Reason::Private),
        ("http://[::ffff:127.0.0.1]/", Reason::Disguised),
    ] {
        let site = Site::start(move |_| redirect(302, location)).await;
        let answer = local_client()
            .get(&site.url("/"), headers(), limits())
            .await;
        let error = answer.expect_err("refused");
        assert_eq!(reason(&error), Some(expected), "{location}: {error}");
    }
}

#[tokio::test]
async fn credentials_stay_with_the_origin_they_were_meant_for() {
    let other = Site::start(|_| page("text/plain", "other")).await;
    let location = other.url("/there");
    let site = Site::start(move |_| redirect(302, &location)).await;
    let answer = local_client()
        .get(&site.url("/"), headers(), limits())
        .await;
    assert!(answer.is_ok());
    let asked = other.last();
    assert_eq!(asked.header("authorization"), None);
    assert_eq!(asked.header("x-api-key"), None);
    assert_eq!(asked.header("accept"), Some("text/html"));
}

#[tokio::test]
async fn a_body_is_not_carried_to_another_server() {
    let other = Site::start(|_| page("text/plain", "other")).await;
    let location = other.url("/there");
    let site = Site::start(move |_| redirect(307, &location)).await;
    let answer = local_client()
        .post_json(&site.url("/"), headers(), "{}", limits())
        .await;
    let error = answer.expect_err("refused");
    assert_eq!(reason(&error), Some(Reason::Redirect));
    assert_eq!(other.asked().len(), 0);
}

#[tokio::test]
async fn a_redirect_that_would_change_a_post_is_handed_back() {
    let site = Site::start(|_| redirect(303, "/elsewhere")).await;
    let answer = local_client()
        .post_json(&site.url("/"), headers(), "{}", limits())
        .await;
    assert_eq!(answer.expect("an answer").status, 303);
    assert_eq!(site.asked().len(), 1);
}

#[tokio::test]
async fn endless_redirects_end() {
    let site = Site::start(|_| redirect(302, "/again")).await;
    let answer = local_client()
        .get(&site.url("/"), headers(), limits())
        .await;
    assert_eq!(answer.err(), Some(HttpError::TooManyRedirects(5)));
    assert_eq!(site.asked().len(), 6);
}

#[tokio::test]
async fn a_body_beyond_its_limit_is_not_kept() {
    let site = Site::start(|_| page("text/plain", vec![b'x'; 100_000])).await;
    let small = HttpLimits {
        body_bytes: 1000,
        ..limits()
    };
    let client = local_client();
    let answer = client.get(&site.url("/"), headers(), small).await;
    let body = answer.expect("an answer").body.collect().await;
    assert_eq!(body.err(), Some(HttpError::TooLarge(1000)));
    let answer = client.get(&site.url("/"), headers(), small).await;
    let (some, whole) = answer
        .expect("an answer")
        .body
        .collect_some()
        .await
        .expect("a part");
    assert_eq!((some.len(), whole), (1000, false));
}

#[tokio::test]
async fn silence_ends_in_a_timeout() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("a bound socket");
    let silent = tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            open.push(stream);
        }
    });
    let impatient = HttpLimits {
        first_byte: Duration::from_millis(50),
        ..limits()
    };
    let answer = local_client()
        .get(&format!("http://{address}/"), headers(), impatient)
        .await;
    let host = "127.0.0.1".to_owned();
    assert_eq!(answer.err(), Some(HttpError::Timeout { host }));
    silent.abort();
}

#[tokio::test]
async fn a_closed_port_is_unreachable_and_does_not_tell_more() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("a bound socket");
    drop(listener);
    let answer = local_client()
        .get(&format!("http://{address}/"), headers(), limits())
        .await;
    let error = answer.expect_err("nobody listens");
    assert_eq!(error.to_string(), "127.0.0.1 cannot be reached");
}

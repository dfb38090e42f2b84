//! A name that changes its address between the check and the connection. 127.0.0.2 stands in for a public address: a
//! rule allows it and nothing else.

use std::net::Ipv4Addr;
use std::time::Duration;

use otari_tools::{GuardedClient, HttpError, Reason, UrlGuard, UrlPolicy};

use crate::dns::DnsServer;
use crate::guarded_client::limits;
use crate::site::{Site, page, redirect};

const GOOD: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const EVIL: Ipv4Addr = Ipv4Addr::LOCALHOST;

fn client(dns: &DnsServer) -> GuardedClient {
    let policy = UrlPolicy {
        allowed_hosts: vec!["127.0.0.2".parse().expect("a rule")],
        ..UrlPolicy::default()
    };
    let guard = UrlGuard::with_resolver(policy, dns.resolver());
    GuardedClient::new(guard, Duration::from_secs(5))
}

/// The same port at both addresses, so that only the address decides who answers.
async fn sites() -> (Site, Site) {
    let good = Site::start_at("127.0.0.2:0", |_| page("text/plain", "good")).await;
    let evil = format!("127.0.0.1:{}", good.address.port());
    let evil = Site::start_at(&evil, |_| page("text/plain", "secrets")).await;
    (good, evil)
}

fn reason(error: &HttpError) -> Option<Reason> {
    match error {
        HttpError::Refused(refusal) => Some(refusal.reason),
        _ => None,
    }
}

#[tokio::test]
async fn the_connection_goes_to_the_address_that_was_checked() {
    let (good, evil) = sites().await;
    let dns = DnsServer::start(vec![vec![GOOD], vec![EVIL]]).await;
    let url = format!("http://rebind.test:{}/", good.address.port());
    let answer = client(&dns)
        .get(&url, http::HeaderMap::new(), limits())
        .await;
    let body = answer.expect("allowed").body.collect().await;
    assert_eq!(&body.expect("a body")[..], b"good");
    assert_eq!(dns.queries(), ["rebind.test"], "one look-up only");
    assert_eq!(evil.asked().len(), 0);
}

#[tokio::test]
async fn a_second_visit_is_checked_again() {
    let (good, evil) = sites().await;
    let dns = DnsServer::start(vec![vec![GOOD], vec![EVIL]]).await;
    let url = format!("http://rebind.test:{}/", good.address.port());
    // Another client, so that no open connection is used again.
    let first = client(&dns)
        .get(&url, http::HeaderMap::new(), limits())
        .await;
    assert!(first.is_ok());
    let second = client(&dns)
        .get(&url, http::HeaderMap::new(), limits())
        .await;
    assert_eq!(
        second.err().as_ref().and_then(reason),
        Some(Reason::Loopback)
    );
    assert_eq!((good.asked().len(), evil.asked().len()), (1, 0));
}

#[tokio::test]
async fn one_bad_address_among_good_ones_refuses_the_name() {
    let (good, evil) = sites().await;
    for answers in [vec![GOOD, EVIL], vec![EVIL, GOOD]] {
        let dns = DnsServer::start(vec![answers]).await;
        let url = format!("http://rebind.test:{}/", good.address.port());
        let answer = client(&dns)
            .get(&url, http::HeaderMap::new(), limits())
            .await;
        assert_eq!(
            answer.err().as_ref().and_then(reason),
            Some(Reason::Loopback)
        );
    }
    assert_eq!((good.asked().len(), evil.asked().len()), (0, 0));
}

#[tokio::test]
async fn a_redirect_to_another_name_is_looked_up_and_checked() {
    let evil = Site::start(|_| page("text/plain", "secrets")).await;
    let location = format!("http://inner.test:{}/", evil.address.port());
    let good = Site::start_at("127.0.0.2:0", move |_| redirect(302, &location)).await;
    let dns = DnsServer::start(vec![vec![GOOD], vec![EVIL]]).await;
    let url = format!("http://outer.test:{}/", good.address.port());
    let answer = client(&dns)
        .get(&url, http::HeaderMap::new(), limits())
        .await;
    assert_eq!(
        answer.err().as_ref().and_then(reason),
        Some(Reason::Loopback)
    );
    assert_eq!(dns.queries(), ["outer.test", "inner.test"]);
    assert_eq!(evil.asked().len(), 0);
}

#[tokio::test]
async fn a_name_without_an_address_is_unresolvable() {
    let dns = DnsServer::start(vec![vec![]]).await;
    let answer = client(&dns)
        .get("http://nothing.test/", http::HeaderMap::new(), limits())
        .await;
    assert_eq!(
        answer.err().as_ref().and_then(reason),
        Some(Reason::Unresolvable)
    );
}

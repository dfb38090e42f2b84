//! Every way we know to hide where a URL leads.

use std::io;
use std::net::IpAddr;

use futures_util::future::BoxFuture;
use otari_tools::url_guard::Resolve;
use otari_tools::{HostRule, Reason, UrlGuard, UrlPolicy};

const HOSTILE: &str = include_str!("hostile_urls.txt");
const GOOD: &str = include_str!("good_urls.txt");

/// Answers every name with the addresses its line gives.
struct Answers(Vec<IpAddr>);

impl Resolve for Answers {
    fn resolve(&self, _: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let addresses = self.0.clone();
        Box::pin(async move { Ok(addresses) })
    }
}

/// A line: the reason, the URL with `\t`, `\n`, `\s` (space) and `\u{…}` escapes, and after ` => ` what its name resolves to.
struct Line {
    reason: &'static str,
    url: String,
    answers: Vec<IpAddr>,
}

fn lines(text: &'static str) -> impl Iterator<Item = Line> {
    let lines = text.lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty() && !line.starts_with("# "))
        .map(|line| {
            let (reason, rest) = line.split_once(' ').expect("a reason and a URL");
            let (url, answers) = rest.split_once(" => ").unwrap_or((rest, ""));
            let answers = answers.split(',').filter(|answer| !answer.is_empty());
            Line {
                reason,
                url: unescape(url),
                answers: answers.map(|a| a.parse().expect("an address")).collect(),
            }
        })
}

fn unescape(text: &str) -> String {
    let mut parts = text.split("\\u{");
    let mut url = parts.next().expect("a first part").to_owned();
    for part in parts {
        let (code, rest) = part.split_once('}').expect("a closed escape");
        let code = u32::from_str_radix(code, 16).expect("hexadecimal");
        url.push(char::from_u32(code).expect("a character"));
        url.push_str(rest);
    }
    url.replace("\\t", "\t")
        .replace("\\n", "\n")
        .replace("\\r", "\r")
        .replace("\\s", " ")
}

fn guard(policy: UrlPolicy, line: &Line) -> UrlGuard {
    UrlGuard::with_resolver(policy, Answers(line.answers.clone()))
}

#[tokio::test]
async fn every_hostile_url_is_refused_for_its_reason() {
    let mut wrong = Vec::new();
    let mut tried = 0;
    for line in lines(HOSTILE) {
        tried += 1;
        let outcome = guard(UrlPolicy::default(), &line)
            .check_resolved(&line.url)
            .await;
        let reason = outcome.as_ref().err().map(|refusal| refusal.reason.name());
        if reason != Some(line.reason) {
            wrong.push(format!(
                "{:?}: expected {}, got {outcome:?}",
                line.url, line.reason
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(tried >= 150, "the corpus shrank to {tried}");
}

/// An operator who opens private networks opens neither metadata services nor disguises.
#[tokio::test]
async fn private_networks_can_be_opened_without_opening_the_rest() {
    const OPENED: [&str; 4] = ["loopback", "private", "shared-space", "reserved"];
    for line in lines(HOSTILE) {
        let opened = guard(UrlPolicy::operator(), &line);
        let outcome = opened.check_resolved(&line.url).await;
        let reason = outcome.err().map(|refusal| refusal.reason.name());
        if OPENED.contains(&line.reason) {
            // A name without an address in the corpus stays without one.
            assert!(
                matches!(reason, None | Some("unresolvable")),
                "{:?} {reason:?}",
                line.url
            );
        } else {
            assert_eq!(reason, Some(line.reason), "{:?}", line.url);
        }
    }
}

#[tokio::test]
async fn ordinary_urls_are_allowed() {
    let mut tried = 0;
    for line in lines(GOOD) {
        tried += 1;
        let outcome = guard(UrlPolicy::default(), &line)
            .check_resolved(&line.url)
            .await;
        assert!(outcome.is_ok(), "{:?}: {outcome:?}", line.url);
    }
    assert!(tried >= 25, "the corpus shrank to {tried}");
}

fn rules(rules: &[&str]) -> UrlPolicy {
    let rules = rules.iter().map(|rule| rule.parse::<HostRule>());
    UrlPolicy {
        allowed_hosts: rules.collect::<Result<_, _>>().expect("rules"),
        ..UrlPolicy::default()
    }
}

async fn reason(policy: UrlPolicy, url: &str, answer: &str) -> Option<Reason> {
    let answers = vec![answer.parse().expect("an address")];
    let guard = UrlGuard::with_resolver(policy, Answers(answers));
    guard
        .check_resolved(url)
        .await
        .err()
        .map(|refusal| refusal.reason)
}

#[tokio::test]
async fn a_rule_opens_what_it_names_and_nothing_else() {
    let cluster = || rules(&["*.svc.cluster.local", "intranet.example", "10.1.0.0/16"]);
    for (url, answer, expected) in [
        ("http://search.svc.cluster.local:8080/", "10.9.0.1", None),
        ("http://intranet.example/", "192.168.0.9", None),
        ("http://10.1.2.3/", "10.1.2.3", None),
        ("http://any.example/", "10.1.2.3", None),
        ("http://10.2.0.1/", "10.2.0.1", Some(Reason::Private)),
        (
            "http://svc.cluster.local/",
            "10.9.0.1",
            Some(Reason::Private),
        ),
        (
            "http://evilsvc.cluster.local/",
            "10.9.0.1",
            Some(Reason::Private),
        ),
        (
            "http://other.example/",
            "192.168.0.9",
            Some(Reason::Private),
        ),
        (
            "http://intranet.example/",
            "169.254.169.254",
            Some(Reason::Metadata),
        ),
        (
            "http://intranet.example/",
            "224.0.0.1",
            Some(Reason::Multicast),
        ),
    ] {
        assert_eq!(
            reason(cluster(), url, answer).await,
            expected,
            "{url} at {answer}"
        );
    }
}

#[tokio::test]
async fn https_and_ports_can_be_required() {
    let strict = || UrlPolicy {
        https_only: true,
        ports: Some(vec![443]),
        ..UrlPolicy::default()
    };
    let public = "93.184.215.14";
    assert_eq!(reason(strict(), "https://example.com/", public).await, None);
    assert_eq!(
        reason(strict(), "http://example.com/", public).await,
        Some(Reason::Insecure)
    );
    assert_eq!(
        reason(strict(), "https://example.com:8443/", public).await,
        Some(Reason::Port)
    );
}

#[test]
fn a_rule_that_means_nothing_is_refused() {
    for text in [
        "",
        "*",
        "*example.com",
        ".example.com",
        "10.0.0.0/33",
        "fd00::/129",
        "host/8",
        "a b",
    ] {
        assert!(text.parse::<HostRule>().is_err(), "{text:?}");
    }
}

#[test]
fn a_refusal_does_not_tell_the_address() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let guard = UrlGuard::with_resolver(
        UrlPolicy::default(),
        Answers(vec!["10.1.2.3".parse().expect("an address")]),
    );
    let refusal = runtime.block_on(guard.check_resolved("http://db.example/"));
    let text = refusal.expect_err("private").to_string();
    assert_eq!(
        text,
        "db.example is refused: the host is at a private address"
    );
}

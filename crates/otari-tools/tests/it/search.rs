//! Every service, as it is asked and as it answers.

use std::time::Duration;

use http::Method;
use otari_tools::search::{
    BackendError, DomainFilter, SearchBackend, SearchError, SearchQuery, SearchService, WebSearch,
};
use otari_tools::{FetchLimits, GuardedClient, HttpError, UrlGuard, UrlPolicy, WebFetch};
use otari_types::{NanoUsd, Secret};
use serde_json::{Value, json};

use crate::guarded_client::local_client;
use crate::site::{Asked, Site, page, status};

fn operator() -> GuardedClient {
    GuardedClient::new(UrlGuard::new(UrlPolicy::operator()), Duration::from_secs(5))
}

fn backend(service: SearchService, site: &Site) -> SearchBackend {
    SearchBackend {
        base: Some(site.url("/api/")),
        key: Some(Secret::new("k-1")),
        ..SearchBackend::new(service)
    }
}

async fn site(answer: Value) -> Site {
    Site::start(move |_| page("application/json", answer.to_string())).await
}

fn pairs(asked: &Asked) -> Vec<(String, String)> {
    let query = asked.uri.query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}

fn pair(asked: &Asked, name: &str) -> Option<String> {
    let mut found = pairs(asked).into_iter().filter(|(key, _)| key == name);
    let value = found.next().map(|(_, value)| value);
    assert!(found.next().is_none(), "{name} is given twice");
    value
}

fn query() -> SearchQuery {
    SearchQuery {
        max_results: 3,
        country: Some("ca".to_owned()),
        domains: DomainFilter::new(["a.example", "b.example"], ["bad.a.example"]),
        ..SearchQuery::new("tides & moons")
    }
}

/// The services that are asked over HTTP.
fn asked() -> impl Iterator<Item = SearchService> {
    let all = SearchService::ALL.into_iter();
    all.filter(|service| *service != SearchService::Folder)
}

/// Each service's own way to say: one hit, dated, with a text; one without a URL; one from a blocked site.
fn answer(service: SearchService) -> Value {
    let three = |url: &str, one: &Value| {
        let mut nameless = one.clone();
        nameless[url] = json!("");
        let mut blocked = one.clone();
        blocked[url] = json!("https://www.bad.a.example/x");
        json!([one, nameless, blocked])
    };
    match service {
        SearchService::Searxng => {
            json!({"results": three("url", &json!({"url": "https://a.example/1", "title": "One", "content": "About one",
            "published_date": " 2026-01-02\n 10:00", "engine": "mojeek"}))})
        }
        SearchService::Brave => {
            json!({"type": "search", "web": {"results": three("url", &json!({"url": "https://a.example/1", "title": "One",
            "description": "About one", "age": "1 day ago", "page_age": "2026-01-02 10:00"}))}})
        }
        SearchService::Tavily => {
            json!({"query": "q", "results": three("url", &json!({"url": "https://a.example/1", "title": "One",
            "content": "About one", "score": 0.9, "raw_content": null, "published_date": "2026-01-02 10:00"}))})
        }
        SearchService::Exa => {
            json!({"results": three("url", &json!({"url": "https://a.example/1", "title": "One", "publishedDate": "2026-01-02 10:00",
            "highlights": ["About one"]})), "costDollars": {"total": 0.005}})
        }
        SearchService::Serper => {
            json!({"searchParameters": {}, "organic": three("link", &json!({"link": "https://a.example/1", "title": "One",
            "snippet": "About one", "date": "2026-01-02 10:00", "position": 1}))})
        }
        SearchService::Linkup => {
            json!({"results": three("url", &json!({"type": "text", "url": "https://a.example/1", "name": "One", "content": "About one"}))})
        }
        SearchService::MediaWiki => {
            json!({"batchcomplete": true, "query": {"pages": three("fullurl", &json!({"pageid": 1, "index": 1, "title": "One",
            "fullurl": "https://a.example/1", "extract": "About one"}))}})
        }
        SearchService::Folder => panic!("a folder is not asked over HTTP"),
    }
}

#[tokio::test]
async fn every_service_gives_the_same_form_of_answer() {
    for service in asked() {
        let site = site(answer(service)).await;
        let search = WebSearch::new(operator(), backend(service, &site), None);
        let found = search.search(&query()).await.expect("results");
        assert_eq!(found.hits.len(), 1, "{service:?}: {found:?}");
        let hit = &found.hits[0];
        assert_eq!(
            (hit.url.as_str(), hit.title.as_str(), hit.snippet.as_str()),
            ("https://a.example/1", "One", "About one"),
            "{service:?}"
        );
        let dated = !matches!(service, SearchService::Linkup | SearchService::MediaWiki);
        let date = dated.then_some("2026-01-02 10:00");
        assert_eq!(hit.published.as_deref(), date, "{service:?}");
        let head = if dated {
            "[1] One (2026-01-02 10:00)"
        } else {
            "[1] One"
        };
        assert_eq!(
            found.text(),
            format!("{head}\nhttps://a.example/1\nAbout one")
        );
    }
}

#[tokio::test]
async fn services_by_url_are_asked_in_their_own_words() {
    for (service, path, expected) in [
        (
            SearchService::Searxng,
            "/api/search",
            vec![
                ("q", "tides & moons"),
                ("format", "json"),
                ("engines", "duckduckgo,mojeek,qwant,wikipedia"),
                ("country", "ca"),
            ],
        ),
        (
            SearchService::Brave,
            "/api/web/search",
            vec![
                (
                    "q",
                    "tides & moons (site:a.example OR site:b.example) -site:bad.a.example",
                ),
                ("count", "3"),
                ("text_decorations", "false"),
                ("country", "ca"),
            ],
        ),
        (
            SearchService::MediaWiki,
            "/api/api.php",
            vec![
                ("action", "query"),
                ("generator", "search"),
                ("gsrsearch", "tides & moons"),
                ("gsrlimit", "3"),
                ("prop", "info|extracts"),
                ("inprop", "url"),
                ("exintro", "1"),
                ("explaintext", "1"),
                ("exlimit", "max"),
                ("format", "json"),
                ("formatversion", "2"),
            ],
        ),
    ] {
        let site = site(answer(service)).await;
        let search = WebSearch::new(operator(), backend(service, &site), None);
        search.search(&query()).await.expect("results");
        let asked = site.last();
        assert_eq!((&asked.method, asked.uri.path()), (&Method::GET, path));
        let expected: Vec<(String, String)> = expected
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        assert_eq!(pairs(&asked), expected, "{service:?}");
    }
}

#[tokio::test]
async fn services_by_body_are_asked_in_their_own_words() {
    let both = json!(["a.example", "b.example"]);
    let bad = json!(["bad.a.example"]);
    for (service, expected) in [
        (
            SearchService::Tavily,
            json!({"query": "tides & moons", "max_results": 3, "include_domains": both, "exclude_domains": bad}),
        ),
        (
            SearchService::Exa,
            json!({"query": "tides & moons", "numResults": 3, "includeDomains": both, "excludeDomains": bad, "userLocation": "CA",
            "contents": {"text": {"maxCharacters": 4096}}}),
        ),
        (
            SearchService::Serper,
            json!({"q": "tides & moons (site:a.example OR site:b.example) -site:bad.a.example", "num": 3, "gl": "ca"}),
        ),
        (
            SearchService::Linkup,
            json!({"depth": "standard", "q": "tides & moons", "outputType": "searchResults", "maxResults": 3, "includeDomains": both,
            "excludeDomains": bad}),
        ),
    ] {
        let site = site(answer(service)).await;
        let search = WebSearch::new(operator(), backend(service, &site), None);
        search.search(&query()).await.expect("results");
        let asked = site.last();
        assert_eq!(
            (&asked.method, asked.uri.path()),
            (&Method::POST, "/api/search")
        );
        assert_eq!(asked.header("content-type"), Some("application/json"));
        assert_eq!(asked.json(), expected, "{service:?}");
    }
}

#[tokio::test]
async fn the_key_goes_where_the_service_looks_for_it() {
    for (service, header, value) in [
        (SearchService::Searxng, "x-gateway-token", "k-1"),
        (SearchService::Brave, "x-subscription-token", "k-1"),
        (SearchService::Tavily, "authorization", "Bearer k-1"),
        (SearchService::Exa, "x-api-key", "k-1"),
        (SearchService::Serper, "x-api-key", "k-1"),
        (SearchService::Linkup, "authorization", "Bearer k-1"),
        (SearchService::MediaWiki, "authorization", "Bearer k-1"),
    ] {
        let site = site(answer(service)).await;
        let search = WebSearch::new(operator(), backend(service, &site), None);
        search.search(&query()).await.expect("results");
        assert_eq!(site.last().header(header), Some(value), "{service:?}");
        assert!(!format!("{search:?}").contains("k-1"));
    }
}

#[tokio::test]
async fn options_reach_the_service_but_cannot_replace_the_question() {
    let options = |options: Value| options.as_object().expect("an object").clone();
    let callers = options(
        json!({"q": "evil", "query": "evil", "engines": "evil", "format": "html", "count": 99, "max_results": 99,
        "api_key": "evil", "include_raw_content": true, "time_range": "week", "safesearch": true, "nested": {"a": 1}}),
    );
    let ask = |service, operators: Value| {
        let callers = callers.clone();
        async move {
            let site = site(answer(service)).await;
            let mut backend = backend(service, &site);
            backend.options = operators.as_object().expect("an object").clone();
            let mut query = query();
            query.options = callers;
            let search = WebSearch::new(operator(), backend, None);
            search.search(&query).await.expect("results");
            site.last()
        }
    };
    let asked = ask(SearchService::Searxng, json!({"language": "en"})).await;
    for (name, value) in [
        ("q", Some("tides & moons")),
        ("format", Some("json")),
        ("engines", Some("duckduckgo,mojeek,qwant,wikipedia")),
        ("language", Some("en")),
        ("safesearch", Some("true")),
        ("nested", None),
    ] {
        assert_eq!(pair(&asked, name).as_deref(), value, "{name}");
    }
    let asked = ask(SearchService::Brave, json!({"extra_snippets": true})).await;
    for (name, value) in [
        ("count", Some("3")),
        ("freshness", Some("pw")),
        ("extra_snippets", Some("true")),
        ("api_key", None),
    ] {
        assert_eq!(pair(&asked, name).as_deref(), value, "{name}");
    }
    let asked = ask(
        SearchService::Tavily,
        json!({"include_raw_content": "markdown", "query": "pinned"}),
    )
    .await;
    let body = asked.json();
    assert_eq!(body["query"], "tides & moons");
    assert_eq!(body["max_results"], 3);
    assert_eq!(body["include_raw_content"], "markdown");
    assert_eq!(body["time_range"], "week");
    assert_eq!(body.get("api_key"), None);
}

#[tokio::test]
async fn exa_reports_its_price_and_the_operator_decides_on_page_text() {
    let ask = |operators: Value, page_chars: Option<usize>| async move {
        let site = site(answer(SearchService::Exa)).await;
        let mut backend = backend(SearchService::Exa, &site);
        backend.options = operators.as_object().expect("an object").clone();
        let query = SearchQuery {
            page_chars,
            ..query()
        };
        let found = WebSearch::new(operator(), backend, None)
            .search(&query)
            .await
            .expect("results");
        assert_eq!(
            found.cost,
            Some(NanoUsd::parse("0.005").expect("an amount"))
        );
        site.last().json()["contents"].clone()
    };
    let chars = |chars: usize| json!({"text": {"maxCharacters": chars}});
    assert_eq!(ask(json!({}), Some(800)).await, chars(800));
    assert_eq!(ask(json!({}), Some(80_000)).await, chars(10_000));
    assert_eq!(
        ask(json!({"contents": {"text": false}}), Some(800)).await,
        json!({"text": false})
    );
    assert_eq!(
        ask(json!({"contents": {"text": null}}), Some(800)).await,
        json!({})
    );
    assert_eq!(
        ask(json!({"contents": {"text": {"maxCharacters": 5}}}), None).await,
        chars(5)
    );
}

#[tokio::test]
async fn a_price_that_floats_is_rounded_and_a_negative_one_ignored() {
    for (total, expected) in [
        ("0.0050000000000000001", Some("0.005")),
        ("0.012999999999999999", Some("0.013")),
        ("5e-5", Some("0.00005")),
        ("0", Some("0")),
        ("-1", None),
        ("\"0.005\"", None),
    ] {
        let answer = format!("{{\"results\":[],\"costDollars\":{{\"total\":{total}}}}}");
        let site = Site::start(move |_| page("application/json", answer.clone())).await;
        let backend = backend(SearchService::Exa, &site);
        let found = WebSearch::new(operator(), backend, None)
            .search(&query())
            .await;
        let expected = expected.map(|amount| NanoUsd::parse(amount).expect("an amount"));
        assert_eq!(found.expect("an answer").cost, expected, "{total}");
    }
}

#[tokio::test]
async fn pages_are_read_unless_the_service_gave_their_text() {
    let pages = Site::start(|asked| match asked.uri.path() {
        "/long" => page("text/plain", "w".repeat(4000)),
        "/gone" => status(404, "gone"),
        _ => page("text/plain", "the page itself"),
    })
    .await;
    let hit = |path: &str, text: Value| json!({"url": pages.url(path), "title": path, "content": "snippet", "extracted_content": text});
    let service = site(json!({"results": [
        hit("/page", Value::Null), hit("/gone", Value::Null), hit("/given", json!("given text")), hit("/long", Value::Null),
        {"url": "http://169.254.169.254/latest/", "title": "inner", "content": "snippet"},
    ]}))
    .await;
    let fetch = WebFetch::new(local_client(), FetchLimits::default());
    let backend = backend(SearchService::Searxng, &service);
    let search = WebSearch::new(operator(), backend, Some(fetch));
    let found = search
        .search(&SearchQuery::new("q"))
        .await
        .expect("results");
    let contents: Vec<Option<&str>> = found
        .hits
        .iter()
        .map(|hit| hit.content.as_deref())
        .collect();
    assert_eq!(
        &contents[..3],
        [Some("the page itself"), None, Some("given text")]
    );
    assert_eq!(contents[3].map(|text| text.chars().count()), Some(1501));
    assert_eq!(
        contents[4], None,
        "the page of an inner address is not read"
    );
    // Neither the token nor anything else of the service's goes to the pages.
    assert!(
        pages
            .asked()
            .iter()
            .all(|asked| asked.header("x-gateway-token").is_none())
    );
    assert!(
        pages
            .asked()
            .iter()
            .all(|asked| asked.uri.path() != "/given")
    );
    assert_eq!(
        found.text().split("\n\n").nth(1).map(str::to_owned),
        Some(format!("[2] /gone\n{}\nsnippet", pages.url("/gone")))
    );
}

#[tokio::test]
async fn results_are_counted_after_filtering() {
    let many: Vec<Value> = (0..60)
        .map(|n| {
            let host = if n % 2 == 0 {
                "ads.example"
            } else {
                "ok.example"
            };
            json!({"url": format!("https://{host}/{n}"), "title": n.to_string()})
        })
        .collect();
    let site = site(json!({"results": many})).await;
    let search = WebSearch::new(operator(), backend(SearchService::Searxng, &site), None);
    for (asked, expected) in [(0, 1), (5, 5), (20, 20), (500, 20)] {
        let query = SearchQuery {
            max_results: asked,
            domains: DomainFilter::new([], ["ads.example"]),
            ..SearchQuery::new("q")
        };
        let hits = search.search(&query).await.expect("results").hits;
        assert_eq!(hits.len(), expected);
        assert!(hits.iter().all(|hit| hit.url.contains("ok.example")));
    }
}

#[test]
fn domains_mean_themselves_and_what_is_under_them() {
    let filter = DomainFilter::new(
        [
            "Example.com",
            "https://docs.other.example/guide/",
            "*.wild.example",
            "bücher.example",
            "",
        ],
        ["private.example.com"],
    );
    for (url, permitted) in [
        ("https://example.com/x", true),
        ("https://www.example.com/", true),
        ("https://EXAMPLE.com", true),
        ("https://notexample.com/", false),
        ("https://example.com.evil.test/", false),
        ("https://private.example.com/", false),
        ("https://a.private.example.com/", false),
        ("https://docs.other.example/guide/a", true),
        ("https://docs.other.example/guide", true),
        ("https://docs.other.example/guidebook", false),
        ("https://docs.other.example/", false),
        ("https://a.wild.example/", true),
        ("https://xn--bcher-kva.example/", true),
        ("https://evil.test/?example.com", false),
        ("not a url", false),
    ] {
        assert_eq!(filter.permits(url), permitted, "{url}");
    }
    let signed = DomainFilter::signed(["-bad.example", "good.example"]);
    assert!(signed.permits("https://good.example/") && !signed.permits("https://bad.example/"));
    assert!(!signed.permits("https://other.example/"));
    assert!(DomainFilter::default().permits("not a url"));
}

#[tokio::test]
async fn failures_become_words_for_the_model() {
    let html = Site::start(|_| page("text/html", "<html>blocked</html>")).await;
    let limited = Site::start(|_| status(429, "slow down, key k-1")).await;
    let other = site(json!({"message": "no"})).await;
    for service in asked() {
        for (site, expected) in [
            (
                &html,
                "the search service did not answer with search results",
            ),
            (
                &other,
                "the search service did not answer with search results",
            ),
            (&limited, "the search service answered with status 429"),
        ] {
            let search = WebSearch::new(operator(), backend(service, site), None);
            let error = search.search(&query()).await.expect_err("a failure");
            assert_eq!(error.to_string(), expected, "{service:?}");
        }
    }
    let search = WebSearch::new(operator(), backend(SearchService::Searxng, &limited), None);
    let error = search.search(&query()).await.expect_err("a failure");
    let SearchError::Status { detail, .. } = error else {
        panic!("{error:?}");
    };
    assert!(detail.starts_with("slow down"));
}

#[tokio::test]
async fn a_service_that_is_silent_or_missing_is_told() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("a bound socket");
    let silent = SearchBackend {
        base: Some(format!("http://{address}")),
        timeout: Duration::from_millis(50),
        ..SearchBackend::new(SearchService::Searxng)
    };
    let error = WebSearch::new(operator(), silent.clone(), None)
        .search(&query())
        .await;
    assert!(
        matches!(error, Err(SearchError::Http(HttpError::Timeout { .. }))),
        "{error:?}"
    );
    drop(listener);
    let error = WebSearch::new(operator(), silent, None)
        .search(&query())
        .await;
    assert!(
        matches!(error, Err(SearchError::Http(HttpError::Unreachable { .. }))),
        "{error:?}"
    );
}

#[tokio::test]
async fn what_cannot_be_asked_is_not() {
    let site = site(answer(SearchService::Searxng)).await;
    let search = |backend| WebSearch::new(operator(), backend, None);
    let blank = SearchQuery::new(" \n");
    let outcome = search(backend(SearchService::Searxng, &site))
        .search(&blank)
        .await;
    assert_eq!(outcome, Err(SearchError::EmptyQuery));
    let keyless = SearchBackend::new(SearchService::Brave);
    let outcome = search(keyless).search(&query()).await;
    assert_eq!(outcome, Err(SearchError::Backend(BackendError::NoKey)));
    let nowhere = SearchBackend::new(SearchService::Searxng);
    let outcome = search(nowhere).search(&query()).await;
    assert_eq!(outcome, Err(SearchError::Backend(BackendError::NoBase)));
    assert_eq!(site.asked().len(), 0);
}

#[tokio::test]
async fn nothing_found_names_the_question() {
    for service in asked() {
        let nothing = match service {
            SearchService::Brave => json!({"type": "search", "query": {"original": "q"}}),
            SearchService::Serper => json!({"searchParameters": {}, "organic": []}),
            SearchService::MediaWiki => json!({"batchcomplete": true}),
            _ => json!({"results": []}),
        };
        let site = site(nothing).await;
        let found = WebSearch::new(operator(), backend(service, &site), None)
            .search(&query())
            .await;
        let found = found.expect("an answer");
        assert_eq!(
            found.text(),
            "No results for \"tides & moons\".",
            "{service:?}"
        );
    }
}

#[tokio::test]
async fn a_folder_of_texts_is_searched_without_any_service() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write(
        "guide.md",
        "# The budget guide\n\nA budget holds calls.\n\nUnrelated words.",
    );
    write(
        "deep/other.txt",
        "Budget once, and many other words that have nothing to do with it at all.",
    );
    write("binary.bin", "budget budget budget");
    std::os::unix::fs::symlink("/etc/hostname", folder.path().join("link.md")).unwrap();
    let search = |text: &str| {
        let backend = SearchBackend {
            base: Some(folder.path().display().to_string()),
            ..SearchBackend::new(SearchService::Folder)
        };
        let search = WebSearch::new(operator(), backend, None);
        let query = SearchQuery::new(text);
        async move { search.search(&query).await }
    };
    let found = search("BUDGET calls").await.unwrap();
    let seen: Vec<_> = found
        .hits
        .iter()
        .map(|hit| (hit.url.as_str(), hit.title.as_str()))
        .collect();
    assert_eq!(seen[0], ("guide.md", "The budget guide"));
    assert_eq!(seen[1].0, "deep/other.txt");
    assert_eq!(seen.len(), 2);
    assert_eq!(
        found.hits[0].content.as_deref(),
        Some("# The budget guide\n\nA budget holds calls.")
    );
    assert!(search("zebra").await.unwrap().hits.is_empty());
    drop(folder);
}

#[test]
fn what_two_filters_permit_is_what_both_do() {
    let filter = |allowed: &[&'static str], blocked: &[&'static str]| {
        DomainFilter::new(allowed.iter().copied(), blocked.iter().copied())
    };
    let urls = [
        "https://a.test/",
        "https://x.a.test/p/q",
        "https://b.test/",
        "https://c.test/",
    ];
    let filters = [
        filter(&[], &[]),
        filter(&["a.test"], &[]),
        filter(&["x.a.test", "b.test"], &["c.test"]),
        filter(&["a.test/p", "c.test"], &["x.a.test"]),
        filter(&["c.test"], &["b.test"]),
        filter(&[], &["a.test"]),
    ];
    for inner in &filters {
        for outer in &filters {
            let both = inner.clone().within(outer);
            for url in urls {
                let expected = inner.permits(url) && outer.permits(url);
                assert_eq!(
                    both.permits(url),
                    expected,
                    "{inner:?} within {outer:?}: {url}"
                );
            }
        }
    }
}

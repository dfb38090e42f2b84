//! Pages of every kind, kind ones and others.

use otari_tools::{FetchError, FetchLimits, HttpError, HttpLimits, Page, Reason, WebFetch};

use crate::guarded_client::{limits, local_client};
use crate::site::{Answer, Site, page, redirect, status};

fn fetch() -> WebFetch {
    let limits = FetchLimits {
        http: limits(),
        ..FetchLimits::default()
    };
    WebFetch::new(local_client(), limits)
}

async fn read(answer: impl Fn() -> Answer + Send + Sync + 'static) -> Result<Page, FetchError> {
    let site = Site::start(move |_| answer()).await;
    fetch().read(&site.url("/page")).await
}

const ARTICLE: &str = include_str!("article.html");

#[tokio::test]
async fn an_article_becomes_markdown_without_its_frame() {
    let found = read(|| page("text/html; charset=utf-8", ARTICLE))
        .await
        .expect("a page");
    assert_eq!(found.title, "The Tides of Fundy");
    for expected in [
        "## Why so high",
        "**sixteen metres**",
        "[resonance](https://example.org/resonance)",
        "| Place |",
        "- Burntcoat Head",
        "> The sea breathes here.",
        "café & crème \\< thé",
        "tide_table(\"fundy\")",
    ] {
        assert!(
            found.text.contains(expected),
            "{expected:?} in:\n{}",
            found.text
        );
    }
    for unwanted in [
        "Subscribe",
        "cookies",
        "alert(",
        "Home",
        "©",
        "tracking",
        "color: red",
    ] {
        assert!(
            !found.text.contains(unwanted),
            "{unwanted:?} in:\n{}",
            found.text
        );
    }
    assert!(!found.truncated);
}

#[tokio::test]
async fn links_are_made_absolute() {
    let found = read(|| page("text/html", ARTICLE)).await.expect("a page");
    let absolute = format!("({}", found.url.trim_end_matches("/page"));
    assert!(
        found.text.contains(&format!("{absolute}/tables/2026)")),
        "{}",
        found.text
    );
}

#[tokio::test]
async fn a_page_that_is_no_article_is_given_whole() {
    let index = "<html><head><title>Index</title></head><body><nav>Menu</nav><ul><li><a href='/a'>First</a><li>Second</ul></body></html>";
    let found = read(move || page("text/html", index))
        .await
        .expect("a page");
    assert_eq!(found.title, "Index");
    assert!(
        found.text.contains("First") && found.text.contains("Second"),
        "{}",
        found.text
    );
    assert!(!found.text.contains("Menu"), "{}", found.text);
}

#[tokio::test]
async fn text_and_json_stay_as_they_are() {
    let json = "{\n  \"a\": [1, 2],\n  \"b\": \"<p>\"\n}";
    for kind in [
        "application/json",
        "application/ld+json",
        "text/plain",
        "text/markdown",
        "application/octet-stream",
        "",
    ] {
        let found = read(move || page(kind, json)).await.expect("a text");
        assert_eq!(found.text, json, "{kind}");
    }
}

#[tokio::test]
async fn what_is_not_text_is_refused_in_words() {
    for (kind, body, words) in [
        ("application/pdf", "%PDF-1.7", "a PDF document"),
        ("application/octet-stream", "%PDF-1.7", "a PDF document"),
        ("image/png", "\u{89}PNG", "image/png"),
        ("application/octet-stream", "MZ\0\0", "binary"),
        ("video/mp4", "x", "video/mp4"),
    ] {
        let error = read(move || page(kind, body)).await.expect_err("not text");
        assert_eq!(error, FetchError::NotText(words.to_owned()));
    }
}

#[tokio::test]
async fn characters_are_read_as_the_page_declares_them() {
    let latin = |prefix: &'static str| {
        let mut bytes = prefix.as_bytes().to_vec();
        bytes.extend_from_slice(b"caf\xe9 \x80");
        bytes
    };
    let cases: [(&'static str, Vec<u8>, &str); 7] = [
        ("text/plain; charset=ISO-8859-1", latin(""), "café €"),
        ("text/plain; charset=\"windows-1252\"", latin(""), "café €"),
        ("text/plain", latin(""), "café €"),
        ("text/plain", "café €".as_bytes().to_vec(), "café €"),
        (
            "text/plain; charset=shift_jis",
            b"\x93\xfa\x96\x7b".to_vec(),
            "日本",
        ),
        ("text/plain", b"\xff\xfea\x00b\x00".to_vec(), "ab"),
        (
            "text/html",
            latin("<meta charset=latin1><body><p>"),
            "café €",
        ),
    ];
    for (kind, bytes, expected) in cases {
        let found = read(move || page(kind, bytes.clone()))
            .await
            .expect("a text");
        assert_eq!(found.text, expected, "{kind}");
    }
}

#[tokio::test]
async fn long_text_is_cut_and_says_so() {
    let limits = FetchLimits {
        text_chars: 100,
        http: limits(),
    };
    let site = Site::start(|_| page("text/plain", "é".repeat(500))).await;
    let found = WebFetch::new(local_client(), limits)
        .read(&site.url("/"))
        .await;
    let found = found.expect("a text");
    assert_eq!(found.text.chars().count(), 101);
    assert!(found.text.ends_with('…') && found.truncated);
}

#[tokio::test]
async fn a_page_beyond_the_size_limit_is_read_up_to_it() {
    let limits = FetchLimits {
        http: HttpLimits {
            body_bytes: 1000,
            ..limits()
        },
        ..FetchLimits::default()
    };
    let site = Site::start(|_| page("text/plain", "x".repeat(5000))).await;
    let found = WebFetch::new(local_client(), limits)
        .read(&site.url("/"))
        .await;
    let found = found.expect("a text");
    assert_eq!((found.text.len(), found.truncated), (1000, true));
}

#[tokio::test]
async fn failures_are_told() {
    assert_eq!(
        read(|| status(404, "no")).await,
        Err(FetchError::Status(404))
    );
    assert_eq!(
        read(|| page("text/html", "<html><script>app()</script></html>")).await,
        Err(FetchError::Empty)
    );
    let compressed = || {
        let mut answer = page("text/html", "x");
        answer
            .headers_mut()
            .insert("content-encoding", http::HeaderValue::from_static("gzip"));
        answer
    };
    assert_eq!(
        read(compressed).await,
        Err(FetchError::Compressed("gzip".to_owned()))
    );
    let error = read(|| redirect(302, "http://169.254.169.254/latest/")).await;
    let Err(FetchError::Http(HttpError::Refused(refusal))) = error else {
        panic!("a metadata service was visited: {error:?}");
    };
    assert_eq!(refusal.reason, Reason::Metadata);
}

/// Each of these overflowed the stack or ran for minutes when handed to the parser as it is.
#[tokio::test]
async fn pages_made_to_hurt_do_not() {
    let paragraph = "<p>Some words that are long enough for an article, with commas, and more of them, and so on.</p>";
    for (name, unit) in [
        ("div", "<div>"),
        ("b", "<b>"),
        ("a", "<a>"),
        ("blockquote", "<blockquote>"),
        ("table", "<table><tr><td>"),
        ("list", "<ul><li>x"),
        ("stray ends", "<b></x>"),
        ("comment", "<b><!--></b>-->"),
        ("script", "<b><script>"),
        ("foreign", "<svg><style><b>"),
        ("template", "<template>"),
        ("attributes", "<b a=1 b=2 c=3 "),
        ("formatting", "<p><b a=1><i b=2><a c=3><p>"),
        ("unfinished", "<"),
        ("quotes", "<a href=\""),
        ("ends", "</p>"),
        ("entities", "&lt;b>&#60;b>"),
        ("doctype", "<!doctype <b>"),
        ("pi", "<?b"),
        ("void", "<br>"),
        ("equals", "<p =====>"),
    ] {
        let html = format!(
            "<html><body>{}{}",
            unit.repeat(120_000 / unit.len()),
            paragraph.repeat(10)
        );
        // That it ends, and this process with it does not, is the point.
        match read(move || page("text/html", html.clone())).await {
            Ok(_) | Err(FetchError::Empty) => {}
            Err(other) => panic!("{name}: {other}"),
        }
    }
}

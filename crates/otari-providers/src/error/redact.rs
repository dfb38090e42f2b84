//! Making a vendor's error text fit to show: no credentials, no account ids, no addresses, no echoed prompt.

use std::sync::LazyLock;

use regex::Regex;

const CHARS_MAX: usize = 400;
const MARK: &str = "[redacted]";

#[expect(
    clippy::expect_used,
    reason = "constant patterns; a test compiles them"
)]
fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("constant pattern")
}

/// A text that repeats the request back may hold anything the caller's user typed.
static ECHO: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)["']?\b(messages|input|prompt|tools|response|request|body|content|input_value)\b["']?\s*[:=]\s*["'\[{]"#,
    )
});

static SECRETS: LazyLock<[Regex; 7]> = LazyLock::new(|| {
    [
        pattern(r"(?i)\b(bearer|basic|token)\s+[A-Za-z0-9._~+/=-]{6,}"),
        pattern(r"\b(sk|pk|rk|gsk|xai|tk|gw)[-_][A-Za-z0-9_*.-]{8,}"),
        pattern(r"\bAIza[A-Za-z0-9_-]{10,}"),
        pattern(
            r#"(?i)\b(api[_-]?key|access[_-]?token|secret|password)["']?\s*[:=]\s*["']?[^\s"',;]{4,}"#,
        ),
        pattern(r"\b(org|proj|acct|account)[-_][A-Za-z0-9]{6,}"),
        pattern(r#"https?://[^\s"'<>]+"#),
        pattern(r"\b([A-Za-z0-9]{32}|[A-Za-z0-9_+/=-]{40,})\b"),
    ]
});

/// The text with everything private replaced, collapsed and at most 400 characters; `None` when it repeats the
/// request or nothing legible is left.
pub fn client_safe(text: &str) -> Option<String> {
    if ECHO.is_match(text) {
        return None;
    }
    let mut safe = text.to_owned();
    for secret in SECRETS.iter() {
        safe = secret.replace_all(&safe, MARK).into_owned();
    }
    let safe = safe.split_whitespace().collect::<Vec<_>>().join(" ");
    let legible = safe.replace(MARK, "").chars().any(char::is_alphabetic);
    if !legible {
        return None;
    }
    if safe.chars().count() <= CHARS_MAX {
        return Some(safe);
    }
    Some(safe.chars().take(CHARS_MAX).chain(['…']).collect())
}

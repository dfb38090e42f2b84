//! Credentials: by the forms their issuers give them, and by what is assigned to a telling name.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::{Finding, Kinds};

/// A kind, its form (the first group, if there is one, is what is found), and how sure it is.
struct Kind {
    name: &'static str,
    /// Part of every one of it, where the form begins with nothing to search for.
    needle: &'static str,
    form: &'static str,
    score: f64,
}

const fn kind(name: &'static str, form: &'static str, score: f64) -> Kind {
    with_needle(name, "", form, score)
}

const fn with_needle(
    name: &'static str,
    needle: &'static str,
    form: &'static str,
    score: f64,
) -> Kind {
    Kind {
        name,
        needle,
        form,
        score,
    }
}

const ASSIGNED: &str = "assigned_secret";

const KINDS: &[Kind] = &[
    kind(
        "private_key",
        r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----(?:[\s\S]{0,}-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----)?",
        1.0,
    ),
    kind("aws_key", r"\b(?:AKIA|ASIA|AROA|AIDA)[A-Z2-7]{16}\b", 0.98),
    kind(
        "aws_key",
        r"(?i)\baws_?secret_?(?:access_?)?key\b[\x22']?\s*[:=]\s*[\x22']?([A-Za-z0-9/+]{40})\b",
        0.98,
    ),
    kind(
        "github_token",
        r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})\b",
        0.99,
    ),
    kind(
        "gitlab_token",
        r"\bgl(?:pat|dt|rt|ptt|cbt|soat)-[A-Za-z0-9_-]{20,64}",
        0.99,
    ),
    kind("slack_token", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}\b", 0.98),
    kind(
        "slack_token",
        r"https://hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9/_-]{20,}",
        0.98,
    ),
    kind(
        "stripe_key",
        r"\b(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,}\b",
        0.98,
    ),
    kind("anthropic_key", r"\bsk-ant-[A-Za-z0-9_-]{20,}", 0.99),
    kind(
        "openai_key",
        r"\bsk-(?:proj-|svcacct-|admin-|None-|or-v1-)?[A-Za-z0-9_-]{32,}",
        0.95,
    ),
    kind("google_key", r"\bAIza[A-Za-z0-9_-]{35}", 0.98),
    kind(
        "google_key",
        r"\b(?:ya29\.[A-Za-z0-9_-]{20,}|GOCSPX-[A-Za-z0-9_-]{28})",
        0.95,
    ),
    kind("otari_key", r"\bgw-[A-Za-z0-9_-]{64}\b", 0.98),
    kind("huggingface_token", r"\bhf_[A-Za-z0-9]{30,60}\b", 0.98),
    kind("groq_key", r"\bgsk_[A-Za-z0-9]{40,80}\b", 0.98),
    kind("xai_key", r"\bxai-[A-Za-z0-9]{60,}\b", 0.98),
    kind("npm_token", r"\bnpm_[A-Za-z0-9]{36}\b", 0.98),
    kind("pypi_token", r"\bpypi-[A-Za-z0-9_-]{50,}", 0.99),
    kind(
        "sendgrid_key",
        r"\bSG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32,64}",
        0.99,
    ),
    kind("twilio_key", r"\b(?:SK|AC)[0-9a-f]{32}\b", 0.85),
    kind("digitalocean_token", r"\bdo[opr]_v1_[0-9a-f]{64}\b", 0.99),
    with_needle(
        "telegram_token",
        ":AA",
        r"\b[0-9]{8,10}:AA[A-Za-z0-9_-]{33}\b",
        0.95,
    ),
    kind(
        "azure_key",
        r"(?i)\b(?:AccountKey|SharedAccessKey)=([A-Za-z0-9+/=]{43,88})",
        0.98,
    ),
    kind(
        "shopify_token",
        r"\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}\b",
        0.98,
    ),
    kind(
        "jwt",
        r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
        0.95,
    ),
    with_needle(
        "url_password",
        "://",
        r"\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@\x22'<>]{1,64}:([^\s:/@\x22'<>]{3,})@[A-Za-z0-9\[]",
        0.9,
    ),
    kind(
        ASSIGNED,
        r"(?i)(?:pass(?:word|wd|phrase|code)?|pwd|secret|token|api[ _-]?key|access[ _-]?key|client[ _-]?secret|auth[ _-]?key|encryption[ _-]?key|passwort|kennwort|contraseña|mot de passe)[\x22']?\s*(?::|=>?|\b(?:is|ist|es|est)\b)\s*[\x22'`]?([^\s\x22'`,;<>(){}]{8,})",
        0.75,
    ),
    kind(
        ASSIGNED,
        r"(?i)\bauthorization\s*[:=]\s*[\x22']?(?:bearer|basic|token)\s+([A-Za-z0-9._~+/=-]{16,})",
        0.85,
    ),
];

static COMPILED: LazyLock<Vec<(&'static Kind, Regex)>> = LazyLock::new(|| {
    let compiled = KINDS
        .iter()
        .map(|kind| Some((kind, Regex::new(&plain(kind.form)).ok()?)));
    compiled.flatten().collect()
});

/// Borders of words in ASCII: an automaton of Unicode's is much larger, and the forms are ASCII.
fn plain(form: &str) -> String {
    form.replace(r"\b", r"(?-u:\b)")
        .replace(r"\s", r"[ \t\r\n]")
        .replace(r"[ \t\r\n]\S", r"[\s\S]")
}

pub(super) fn kinds() -> Vec<&'static str> {
    KINDS.iter().map(|kind| kind.name).collect()
}

pub(super) fn find(text: &str, wanted: &Kinds) -> Vec<Finding> {
    let is_wanted = |name: &str| {
        wanted
            .as_ref()
            .is_none_or(|wanted| wanted.iter().any(|kind| kind == name))
    };
    // One after the other: each begins with letters that are searched for much faster than all forms together are run.
    COMPILED
        .iter()
        .filter(|(kind, _)| is_wanted(kind.name) && text.contains(kind.needle))
        .flat_map(|(kind, form)| {
            let all = form.captures_iter(text);
            all.filter_map(|captures| found(kind, &captures, text))
        })
        .collect()
}

fn found(kind: &Kind, captures: &Captures<'_>, text: &str) -> Option<Finding> {
    let at = captures.get(1).or_else(|| captures.get(0))?;
    let value = at.as_str();
    let whole = captures.get(0)?;
    let before = whole
        .start()
        .checked_sub(1)
        .and_then(|index| text.as_bytes().get(index));
    if kind.name == ASSIGNED && before.is_some_and(u8::is_ascii_alphabetic) {
        return None;
    }
    if matches!(kind.name, ASSIGNED | "url_password") && !is_secret(value, kind.name == ASSIGNED) {
        return None;
    }
    if kind.name == "openai_key" && !value.bytes().any(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(Finding {
        kind: kind.name,
        span: at.range(),
        score: kind.score,
    })
}

/// Not a placeholder, a variable, a path or a plain word.
fn is_secret(value: &str, strict: bool) -> bool {
    const PLACEHOLDERS: &[&str] = &[
        "example",
        "placeholder",
        "your",
        "changeme",
        "xxxx",
        "****",
        "....",
        "redacted",
        "secret_here",
        "insert",
        "dummy",
        "process.env",
        "os.environ",
        "env.",
        "getenv",
        "null",
        "undefined",
        "todo",
    ];
    let lower = value.to_ascii_lowercase();
    let variable = value.starts_with(['$', '%', '<', '{', '[', '/', '&', '*', '#'])
        && !value.contains(|c: char| c.is_ascii_digit());
    if variable || value.starts_with("${") || PLACEHOLDERS.iter().any(|word| lower.contains(word)) {
        return false;
    }
    if !strict {
        return true;
    }
    let has = |test: fn(char) -> bool| value.chars().any(test);
    let classes = [
        has(|c| c.is_ascii_lowercase()),
        has(|c| c.is_ascii_uppercase()),
        has(|c| c.is_ascii_digit()),
        has(|c| c.is_ascii_punctuation()),
    ];
    let mixed = classes.into_iter().filter(|class| *class).count();
    let has_digit = has(|c| c.is_ascii_digit());
    mixed >= 2 && has_digit && entropy(value) >= 2.75
}

/// Bits per character.
fn entropy(text: &str) -> f64 {
    let mut counts = [0u32; 256];
    for byte in text.bytes() {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count += 1;
        }
    }
    let total = f64::from(u32::try_from(text.len()).unwrap_or(u32::MAX));
    let shares = counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / total);
    -shares.map(|share| share * share.log2()).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_compiles() {
        assert_eq!(COMPILED.len(), KINDS.len());
    }
}

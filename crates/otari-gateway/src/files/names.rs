//! Ids, file names, types and purposes: what of them is accepted.

use std::fmt::Write as _;

use crate::error::GatewayError;

use super::NAME_BYTES_MAX;

/// OpenAI's purposes, with those of files that are produced. Others are the caller's own words.
pub const PURPOSES: [&str; 9] = [
    "assistants",
    "assistants_output",
    "batch",
    "batch_output",
    "evals",
    "fine-tune",
    "fine-tune-results",
    "user_data",
    "vision",
];

const PURPOSE_BYTES_MAX: usize = 64;
const TYPE_BYTES_MAX: usize = 127;
const ID_PREFIX: &str = "file-";
/// Nobody's name for a file that has none.
const NAMELESS: &str = "upload";
const UNKNOWN_TYPE: &str = "application/octet-stream";

/// Types by the last part of the name, for clients that send none.
const TYPES: [(&str, &str); 26] = [
    ("c", "text/x-c"),
    ("css", "text/css"),
    ("csv", "text/csv"),
    (
        "docx",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ),
    ("gif", "image/gif"),
    ("htm", "text/html"),
    ("html", "text/html"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("js", "text/javascript"),
    ("json", "application/json"),
    ("jsonl", "application/jsonl"),
    ("md", "text/markdown"),
    ("mp3", "audio/mpeg"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    (
        "pptx",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ),
    ("py", "text/x-python"),
    ("svg", "image/svg+xml"),
    ("txt", "text/plain"),
    ("wav", "audio/wav"),
    ("webp", "image/webp"),
    (
        "xlsx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
    ("xml", "application/xml"),
    ("yaml", "application/yaml"),
    ("zip", "application/zip"),
];

/// `file-` and 32 hexadecimal digits: no other text ever names a place on a disk.
pub(crate) fn is_id(id: &str) -> bool {
    id.strip_prefix(ID_PREFIX).is_some_and(|digits| {
        digits.len() == 32
            && digits
                .bytes()
                .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// Random throughout: the folders of the local storage are the first digits.
pub(super) fn new_id() -> Result<String, getrandom::Error> {
    let mut random = [0u8; 16];
    getrandom::fill(&mut random)?;
    let mut id = ID_PREFIX.to_owned();
    for byte in random {
        // Writing to a text cannot fail.
        let _ = write!(id, "{byte:02x}");
    }
    Ok(id)
}

/// The last part of a path of any system, without what a header or a terminal would stumble over.
pub(super) fn filename(given: &str) -> String {
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let mut name: String = last.chars().filter(|c| !c.is_control()).collect();
    while name.len() > NAME_BYTES_MAX {
        name.pop();
    }
    match name.trim() {
        "" | "." | ".." => NAMELESS.to_owned(),
        name => name.to_owned(),
    }
}

/// The type that was sent, unless it says nothing; else that of the name.
pub(super) fn mime_type(sent: Option<&str>, filename: &str) -> String {
    let is_plain = |sent: &&str| {
        sent.len() <= TYPE_BYTES_MAX
            && sent.contains('/')
            && sent.bytes().all(|b| b == b' ' || b.is_ascii_graphic())
    };
    if let Some(sent) = sent.filter(is_plain).filter(|sent| *sent != UNKNOWN_TYPE) {
        return sent.to_owned();
    }
    let extension = filename.rsplit_once('.').map(|(_, extension)| extension);
    let known = extension.and_then(|extension| {
        let mut types = TYPES.iter();
        types.find(|(known, _)| extension.eq_ignore_ascii_case(known))
    });
    known.map_or(UNKNOWN_TYPE, |(_, known)| known).to_owned()
}

pub(super) fn purpose(given: &str) -> Result<String, GatewayError> {
    let is_word = (1..=PURPOSE_BYTES_MAX).contains(&given.len())
        && given
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
    if is_word {
        return Ok(given.to_owned());
    }
    let message = format!("Input should be a word, as one of: {}", PURPOSES.join(", "));
    Err(GatewayError::field(&["purpose"], "value_error", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_what_is_no_name() {
        for (given, kept) in [
            ("report.pdf", "report.pdf"),
            ("../../etc/passwd", "passwd"),
            ("C:\\docs\\a b.txt", "a b.txt"),
            ("a\r\nX-Evil: 1.txt", "aX-Evil: 1.txt"),
            ("..", "upload"),
            ("", "upload"),
            ("/", "upload"),
        ] {
            assert_eq!(filename(given), kept, "{given:?}");
        }
        assert_eq!(filename(&"ä".repeat(300)).len(), 254);
    }

    #[test]
    fn only_ids_of_ours_are_ids() {
        let id = new_id().unwrap();
        assert!(is_id(&id), "{id}");
        for other in [
            "",
            "file-",
            "file-../../../../../../../../etc/passwd",
            "file-0123456789ABCDEF0123456789ABCDEF",
            "file-0123456789abcdef0123456789abcde",
            "file_0123456789abcdef0123456789abcdef",
        ] {
            assert!(!is_id(other), "{other}");
        }
    }

    #[test]
    fn a_type_that_says_nothing_is_guessed() {
        assert_eq!(mime_type(Some("text/x"), "a.pdf"), "text/x");
        assert_eq!(mime_type(Some(UNKNOWN_TYPE), "a.PDF"), "application/pdf");
        assert_eq!(mime_type(None, "a.b.jsonl"), "application/jsonl");
        assert_eq!(mime_type(Some("a/b\r\nc"), "a"), UNKNOWN_TYPE);
    }
}

//! From bytes to text.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

/// How far into a page its own declaration is looked for (HTML standard, "prescan a byte stream").
const PRESCAN_BYTES: usize = 1024;

/// Decodes by byte-order mark, header, the page's own declaration, or what the bytes look like, in that order.
pub(super) fn decode<'a>(bytes: &'a [u8], content_type: &str) -> Cow<'a, str> {
    let (text, _, _) = encoding(bytes, content_type).decode(bytes);
    text
}

fn encoding(bytes: &[u8], content_type: &str) -> &'static Encoding {
    if let Some((encoding, _)) = Encoding::for_bom(bytes) {
        return encoding;
    }
    let head = bytes.get(..PRESCAN_BYTES).unwrap_or(bytes);
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let declared = label(&content_type.to_ascii_lowercase()).or_else(|| label(&head));
    declared.unwrap_or_else(|| match std::str::from_utf8(bytes) {
        Ok(_) => UTF_8,
        // A page cut at its size limit can end inside a character.
        Err(error) if error.error_len().is_none() => UTF_8,
        Err(_) => WINDOWS_1252,
    })
}

/// The encoding after `charset=` (header, `meta charset`, `meta http-equiv`) or `encoding=` (XML).
fn label(text: &str) -> Option<&'static Encoding> {
    let (_, after) = text
        .split_once("charset=")
        .or_else(|| text.split_once("encoding="))?;
    let label = after.trim_start_matches(['"', '\'', ' ']);
    let end = label.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':')));
    Encoding::for_label(label.get(..end.unwrap_or(label.len()))?.as_bytes())
}

//! Texts, and in which characters they are written.

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

use crate::DocumentError;
use crate::written::Written;

pub(crate) fn read(bytes: &[u8], out: &mut Written) -> Result<(), DocumentError> {
    let text = decode(bytes, None);
    if text.trim().is_empty() {
        return Err(DocumentError::Empty);
    }
    out.push(&text.replace("\r\n", "\n"));
    Ok(())
}

/// By the mark at its start, else as it is declared, else UTF-8, else what old Windows programs wrote.
pub(crate) fn decode(bytes: &[u8], declared: Option<&'static Encoding>) -> String {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        let rest = bytes.get(mark..).unwrap_or_default();
        return encoding.decode_without_bom_handling(rest).0.into_owned();
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.to_owned();
    }
    let encoding = declared.filter(|encoding| *encoding != UTF_8);
    let encoding = encoding.unwrap_or(WINDOWS_1252);
    encoding.decode_without_bom_handling(bytes).0.into_owned()
}

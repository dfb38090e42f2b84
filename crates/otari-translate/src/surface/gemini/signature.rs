//! Signatures as clients of Gemini carry them: bytes in base64, which a tag in plain letters would not be.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::call::Reasoning;
use crate::origin::{Origin, Signature};

/// Before the value of withheld reasoning, which has no part of its own here.
const REDACTED: &str = "redacted:";

/// Google's own is passed on; a foreign one says whose it is, inside the base64.
pub(super) fn to_client(signature: &Signature, redacted: bool) -> String {
    if signature.origin == Origin::Google {
        return signature.value.clone();
    }
    let mut signature = signature.clone();
    if redacted {
        signature.value.insert_str(0, REDACTED);
    }
    STANDARD.encode(signature.to_client(Origin::Google))
}

/// The reasoning a signature stands for.
pub(super) fn from_client(text: &str) -> Reasoning {
    let decoded = STANDARD.decode(text).ok();
    let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    let tagged = decoded.map(|text| Signature::from_client(Origin::Google, &text));
    let foreign = tagged.filter(|signature| signature.origin != Origin::Google);
    let mut signature = foreign.unwrap_or_else(|| Signature::new(Origin::Google, text));
    let mut redacted = false;
    if let Some(value) = signature.value.strip_prefix(REDACTED) {
        signature.value = value.to_owned();
        redacted = true;
    }
    Reasoning {
        text: String::new(),
        signature: Some(signature),
        redacted,
    }
}

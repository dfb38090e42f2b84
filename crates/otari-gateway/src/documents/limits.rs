//! Bounds of what one request may ask for.

use std::time::Duration;

use otari_tools::HttpLimits;

/// Attachments of one request that are read; those beyond are left out with a word.
pub(super) const READ_MAX: usize = 64;
/// Worked on at the same time.
pub(super) const AT_ONCE: usize = 4;
/// Of one image that is described or read.
pub(super) const IMAGE_BYTES_MAX: usize = 20 * 1024 * 1024;
/// Of a text that a service read in an image.
pub(super) const OCR_BYTES_MAX: usize = 256 * 1024;

/// Fetching an attachment of at most `body_bytes`.
pub(super) const fn fetching(body_bytes: usize) -> HttpLimits {
    HttpLimits {
        first_byte: Duration::from_secs(10),
        idle: Duration::from_secs(10),
        total: Duration::from_secs(30),
        body_bytes,
        redirects: 5,
    }
}

/// Asking a service to read an image.
pub(super) const READING: HttpLimits = HttpLimits {
    first_byte: Duration::from_mins(1),
    idle: Duration::from_secs(30),
    total: Duration::from_mins(1),
    body_bytes: OCR_BYTES_MAX,
    redirects: 0,
};

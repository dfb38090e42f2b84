//! The answers of batches that leave them in a bucket of the customer's, line by line as they come.

use std::collections::HashMap;

use otari_providers::{UpstreamBody, UpstreamError, UpstreamErrorKind};
use otari_wire::ndjson::{LineBuffer, LineTooLarge};

use super::answer::Answer;
use super::ask::malformed;

/// Answers read in all. More than this in memory would be the end of other calls.
const BYTES_MAX: usize = 1024 * 1024 * 1024;

/// Adds the answers of one file.
pub(super) async fn read(
    mut file: UpstreamBody,
    line: fn(&[u8]) -> Option<(String, Answer)>,
    answers: &mut HashMap<String, Answer>,
) -> Result<(), UpstreamError> {
    let mut buffer = LineBuffer::default();
    let mut bytes = 0_usize;
    let mut add = |text: &[u8]| match line(text) {
        // What is in two files was answered if it was in one.
        Some((id, answer)) if answer.is_ok() || !answers.contains_key(&id) => {
            answers.insert(id, answer);
        }
        Some(_) => {}
        None => tracing::warn!("a line of a provider's batch cannot be read"),
    };
    while let Some(chunk) = file.next_chunk().await? {
        bytes += chunk.len();
        if bytes > BYTES_MAX {
            return Err(malformed("with more than can be read"));
        }
        buffer.push(&chunk);
        let too_long = |LineTooLarge| malformed("with a line without an end");
        while let Some(text) = buffer.next_line().map_err(too_long)? {
            add(&text);
        }
    }
    if let Some(text) = buffer.into_rest() {
        add(&text);
    }
    Ok(())
}

/// A refusal by the storage, in words that say what to do.
pub(super) fn refused(what: &str, told: &str, status: Option<u16>) -> UpstreamError {
    let kind = match status {
        Some(401 | 403) => UpstreamErrorKind::Credentials,
        Some(429) => UpstreamErrorKind::RateLimited,
        Some(500..) => UpstreamErrorKind::Provider,
        _ => UpstreamErrorKind::InvalidRequest,
    };
    let text = format!(
        "The gateway cannot {what} the bucket that is configured for batches of this provider ({told}): its credential \
         needs to put, get and list objects there"
    );
    UpstreamError {
        status,
        ..UpstreamError::new(kind, text)
    }
}

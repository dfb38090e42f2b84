//! A file's bytes as an answer: whole or one range (RFC 9110 §14), never as something a browser would run.

use std::fmt::Write as _;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use otari_gateway::{FileBytes, FileObject, Files};

use crate::error::ApiError;

/// The part of a file that is asked for.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Whole,
    /// Both ends included.
    Part(u64, u64),
    /// Beyond its end.
    Nothing,
}

pub(super) async fn serve(
    files: &Files,
    file: &FileObject,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let tag = format!("\"{}\"", file.id);
    let range = headers
        .get(header::RANGE)
        .and_then(|range| range.to_str().ok());
    // A file never changes: its id is its version.
    let same = headers
        .get(header::IF_RANGE)
        .is_none_or(|given| given == tag.as_str());
    let wanted = wanted(range.filter(|_| same), file.bytes);
    let (status, range) = match wanted {
        Wanted::Whole => (StatusCode::OK, None),
        Wanted::Part(first, last) => (StatusCode::PARTIAL_CONTENT, Some((first, last))),
        Wanted::Nothing => {
            let mut response = ApiError::range_not_satisfiable(file.bytes).into_response();
            put(
                response.headers_mut(),
                header::CONTENT_RANGE,
                &format!("bytes */{}", file.bytes),
            );
            return Ok(response);
        }
    };
    let bytes = files.open(file, range).await?;
    let length = bytes.left();
    let mut response = (status, Body::from_stream(chunks(bytes, file.id.clone()))).into_response();
    let headers = response.headers_mut();
    put(headers, header::CONTENT_TYPE, &file.mime_type);
    put(headers, header::CONTENT_LENGTH, &length.to_string());
    put(
        headers,
        header::CONTENT_DISPOSITION,
        &disposition(&file.filename),
    );
    put(headers, header::ACCEPT_RANGES, "bytes");
    put(headers, header::ETAG, &tag);
    if let Some((first, last)) = range {
        put(
            headers,
            header::CONTENT_RANGE,
            &format!("bytes {first}-{last}/{}", file.bytes),
        );
    }
    Ok(response)
}

/// Several ranges, and what is no range of bytes, are answered with the whole.
fn wanted(range: Option<&str>, length: u64) -> Wanted {
    let spec = range.and_then(|range| range.trim().strip_prefix("bytes="));
    let Some((first, last)) = spec.and_then(|spec| spec.trim().split_once('-')) else {
        return Wanted::Whole;
    };
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let end = length.saturating_sub(1);
    match (number(first), number(last)) {
        (None, Some(0)) if first.is_empty() => Wanted::Nothing,
        (None, Some(suffix)) if first.is_empty() => {
            Wanted::Part(length.saturating_sub(suffix), end)
        }
        (Some(first), _) if first > end => Wanted::Nothing,
        (Some(first), None) if last.is_empty() => Wanted::Part(first, end),
        (Some(first), Some(last)) if first <= last => Wanted::Part(first, last.min(end)),
        _ => Wanted::Whole,
    }
}

/// An error here closes the connection before the promised length, which tells the client that it is not whole.
fn chunks(
    bytes: FileBytes,
    id: String,
) -> impl futures_util::Stream<Item = std::io::Result<Bytes>> + Send {
    stream::unfold((bytes, id), |(mut bytes, id)| async move {
        let next = bytes.next().await.transpose()?;
        let next = next.map_err(|error| {
            tracing::error!(%error, id, "a download broke off");
            std::io::Error::other("the file cannot be read")
        });
        Some((next, (bytes, id)))
    })
}

/// RFC 6266: a name for old readers, and the real one encoded as RFC 8187 says.
fn disposition(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| match c {
            '"' | '\\' | '%' => '_',
            c if c.is_ascii_graphic() || c == ' ' => c,
            _ => '_',
        })
        .collect();
    let mut text = format!("attachment; filename=\"{plain}\"; filename*=UTF-8''");
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a text cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

fn put(headers: &mut HeaderMap, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_standard_has_them() {
        for (range, expected) in [
            ("bytes=0-9", Wanted::Part(0, 9)),
            ("bytes=5-", Wanted::Part(5, 99)),
            ("bytes=-10", Wanted::Part(90, 99)),
            ("bytes=-1000", Wanted::Part(0, 99)),
            ("bytes=50-1000", Wanted::Part(50, 99)),
            ("bytes=99-99", Wanted::Part(99, 99)),
            ("bytes=100-", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=99999999999999999999-", Wanted::Nothing),
            ("bytes=9-5", Wanted::Whole),
            ("bytes=0-1,5-6", Wanted::Whole),
            ("bytes=-", Wanted::Whole),
            ("bytes=a-b", Wanted::Whole),
            ("lines=0-1", Wanted::Whole),
        ] {
            assert_eq!(wanted(Some(range), 100), expected, "{range}");
        }
    }

    #[test]
    fn names_cannot_leave_their_header() {
        let text = disposition("a\"; filename=evil\r\nX: 1.ä");
        assert!(!text.contains(['\r', '\n']));
        assert_eq!(
            text,
            "attachment; filename=\"a_; filename=evil__X: 1._\"; \
             filename*=UTF-8''a%22%3B%20filename%3Devil%0D%0AX%3A%201.%C3%A4"
        );
    }
}

//! What a bucket answers, and the few things read out of its XML.

use http::{HeaderMap, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;

use super::BucketError;

/// XML answers: a list of a thousand uploads is below it.
const TEXT_BYTES_MAX: usize = 2 * 1024 * 1024;

pub(super) struct Reply {
    pub(super) status: StatusCode,
    headers: HeaderMap,
    pub(super) body: Incoming,
}

impl Reply {
    pub(super) fn new(response: Response<Incoming>) -> Self {
        let (parts, body) = response.into_parts();
        Self {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }

    pub(super) fn header(&self, name: &str) -> Option<String> {
        Some(self.headers.get(name)?.to_str().ok()?.to_owned())
    }

    pub(super) async fn text(self) -> Result<String, BucketError> {
        let whole = Limited::new(self.body, TEXT_BYTES_MAX).collect().await;
        let whole = whole.map_err(|error| BucketError::Unreachable(error.to_string()))?;
        Ok(String::from_utf8_lossy(&whole.to_bytes()).into_owned())
    }
}

/// The text of the first element of that name.
pub(super) fn xml_text(xml: &str, element: &str) -> Option<String> {
    xml_texts(xml, element).next()
}

/// The texts of all elements of that name; S3 gives the ones read here no attributes and no children.
pub(super) fn xml_texts<'a>(xml: &'a str, element: &str) -> impl Iterator<Item = String> + 'a {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    let mut rest = xml;
    std::iter::from_fn(move || {
        let (_, after) = rest.split_once(open.as_str())?;
        let (text, after) = after.split_once(close.as_str())?;
        rest = after;
        Some(unescaped(text))
    })
}

fn unescaped(text: &str) -> String {
    let named = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&apos;", "'"),
        ("&amp;", "&"),
    ];
    named
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

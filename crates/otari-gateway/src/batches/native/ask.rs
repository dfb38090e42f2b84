//! Requests to a batch service, with the instance's own credential.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Uri, header};
use otari_providers::{
    Instance, Operation, Outbound, UpstreamBody, UpstreamError, UpstreamErrorKind,
};
use serde_json::Value;

use crate::Gateway;

use super::openai::ways;
use super::service::Service;

/// Answers that only say where a batch stands.
const STATUS_BYTES_MAX: usize = 1024 * 1024;
const BOUNDARY: &str = "otari-batch-6f1c0a4be2";
/// Of Anthropic's API.
const VERSION: &str = "2023-06-01";
/// How Google's services take a file together with what is said about it.
const RELATED: &str = "multipart/related";

/// Whom and with what to ask.
pub(super) struct Ask<'a> {
    pub(super) gateway: &'a Gateway,
    pub(super) instance: &'a Instance,
    pub(super) service: Service,
}

impl Ask<'_> {
    pub(super) fn batches(&self, below: &str) -> Result<Uri, UpstreamError> {
        self.address(Operation::Batches, below)
    }

    /// A part of the list of all batches.
    pub(super) fn list(&self, query: &str) -> Result<Uri, UpstreamError> {
        let all = match self.service {
            Service::Bedrock => self.batches("s")?,
            _ => self.batches("")?,
        };
        asking(&all, query)
    }

    fn files(&self, below: &str) -> Result<Uri, UpstreamError> {
        self.address(Operation::Files, below)
    }

    /// Where a file can be read.
    pub(super) fn content(&self, file: &str) -> Result<Uri, UpstreamError> {
        if self.service != Service::Gemini {
            return self.files(&format!("/{file}/content"));
        }
        // Files are brought to one service, and fetched from another that is beside it.
        let uploads = self.files(&format!("/{file}:download"))?.to_string();
        let address = uploads.replacen("/upload/", "/download/", 1);
        asking(&address.parse().map_err(|_| wrong())?, "alt=media")
    }

    fn address(&self, operation: Operation, below: &str) -> Result<Uri, UpstreamError> {
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"/_-.:".contains(&b);
        if !below.bytes().all(is_plain) || below.contains("..") {
            return Err(wrong());
        }
        let all = self.model_address(operation, "")?;
        let query = all
            .query()
            .map_or_else(String::new, |query| format!("?{query}"));
        let path = format!("{}{below}{query}", all.path());
        let mut parts = all.into_parts();
        parts.path_and_query = Some(path.parse().map_err(|_| wrong())?);
        Uri::from_parts(parts).map_err(|_| wrong())
    }

    pub(super) fn model_address(
        &self,
        operation: Operation,
        model: &str,
    ) -> Result<Uri, UpstreamError> {
        let address = self.instance.address(operation, model, false);
        address.map_err(|error| {
            UpstreamError::new(UpstreamErrorKind::InvalidRequest, error.to_string())
        })
    }

    /// Uploads a file as Google's services take it, after what is said about it; their answer.
    pub(super) async fn upload_related(
        &self,
        about: &Value,
        content_type: &str,
        file: &[u8],
    ) -> Result<Value, UpstreamError> {
        let head = format!(
            "--{BOUNDARY}\r\nContent-Type: application/json; charset=utf-8\r\n\r\n{about}\r\n\
             --{BOUNDARY}\r\nContent-Type: {content_type}\r\n\r\n"
        );
        let mut body = head.into_bytes();
        body.extend_from_slice(file);
        body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
        let kind = format!("{RELATED}; boundary={BOUNDARY}");
        let uri = self.files("")?;
        let answer = self.send(Method::POST, uri, &kind, body.into());
        serde_json::from_slice(&answer.await?).map_err(|_| malformed("no file"))
    }

    pub(super) async fn upload(&self, lines: &[u8]) -> Result<String, UpstreamError> {
        let part = |disposition: &str| {
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n")
        };
        let mut body = part("name=\"purpose\"").into_bytes();
        let ways = ways(self.service);
        body.extend_from_slice(format!("{}\r\n", ways.purpose).as_bytes());
        if self.service == Service::Together {
            body.extend(part("name=\"file_name\"").into_bytes());
            body.extend_from_slice(b"batch.jsonl\r\n");
        }
        body.extend(part("name=\"file\"; filename=\"batch.jsonl\"").into_bytes());
        body.extend_from_slice(lines);
        body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        let uri = self.files(ways.upload)?;
        let answer = self.send(Method::POST, uri, &kind, body.into()).await?;
        let file: Value = serde_json::from_slice(&answer).map_err(|_| malformed("no file"))?;
        text(&file, "id").ok_or_else(|| malformed("no id of the file"))
    }

    pub(super) async fn json(
        &self,
        method: Method,
        uri: Uri,
        body: Bytes,
    ) -> Result<Value, UpstreamError> {
        let answer = self.send(method, uri, "application/json", body).await?;
        serde_json::from_slice(&answer).map_err(|_| malformed("no JSON"))
    }

    pub(super) async fn bytes(
        &self,
        method: Method,
        uri: Uri,
        body: Bytes,
        max: usize,
    ) -> Result<Bytes, UpstreamError> {
        let answered = self.open(method, uri, "application/json", body).await?;
        answered.collect(max).await
    }

    /// For answers that only say where something stands.
    pub(super) async fn send(
        &self,
        method: Method,
        uri: Uri,
        content_type: &str,
        body: Bytes,
    ) -> Result<Bytes, UpstreamError> {
        let answered = self.open(method, uri, content_type, body).await?;
        answered.collect(STATUS_BYTES_MAX).await
    }

    pub(super) async fn open(
        &self,
        method: Method,
        uri: Uri,
        content_type: &str,
        body: Bytes,
    ) -> Result<UpstreamBody, UpstreamError> {
        let mut headers = HeaderMap::new();
        if let (false, Ok(value)) = (body.is_empty(), HeaderValue::from_str(content_type)) {
            headers.insert(header::CONTENT_TYPE, value);
        }
        if self.service == Service::Anthropic {
            headers.insert("anthropic-version", HeaderValue::from_static(VERSION));
        }
        if content_type.starts_with(RELATED) {
            let protocol = HeaderValue::from_static("multipart");
            headers.insert("x-goog-upload-protocol", protocol);
        }
        let outbound = Outbound {
            method,
            uri,
            headers,
            body,
        };
        let answered = self
            .gateway
            .transport
            .send_as_first(self.instance, outbound)
            .await?;
        Ok(answered.body)
    }
}

/// The address with more in its query.
fn asking(address: &Uri, query: &str) -> Result<Uri, UpstreamError> {
    let joint = if address.query().is_some() { '&' } else { '?' };
    let address = format!("{address}{joint}{query}");
    address.parse().map_err(|_| wrong())
}

fn wrong() -> UpstreamError {
    malformed("an id that is no part of an address")
}

pub(super) fn text(value: &Value, name: &str) -> Option<String> {
    let text = value.get(name).and_then(Value::as_str);
    text.filter(|text| !text.is_empty()).map(str::to_owned)
}

pub(super) fn malformed(what: &str) -> UpstreamError {
    UpstreamError::new(
        UpstreamErrorKind::Malformed,
        format!("the batch service answered {what}"),
    )
}

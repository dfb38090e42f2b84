//! An S3-compatible bucket: what files need of it, with AWS's credentials and signature, at path-style addresses.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html>

mod reply;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::Full;
use otari_types::Clock;

use crate::credential::{Aws, CredentialError, Http};
use crate::options::{Environment, InstanceOptions};
use crate::transport::{Transport, UpstreamBody};

use reply::{Reply, xml_text, xml_texts};

/// Headers of the answer must come within this; a part of an upload is sent in it too.
const ANSWER_MAX: Duration = Duration::from_mins(2);
const IDLE_MAX: Duration = Duration::from_mins(1);
/// The longest download.
const TOTAL_MAX: Duration = Duration::from_hours(6);
/// Attempts at each step; all of them can be repeated without harm.
const ATTEMPTS: u32 = 3;
const PAUSE_FIRST: Duration = Duration::from_millis(200);

/// Why a bucket did not do what it was asked. Texts are for operators.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    #[error("`{0}` is not an address of an object storage")]
    Address(String),
    #[error("no credential for the object storage: {0}")]
    Credential(String),
    #[error("the object storage cannot be reached: {0}")]
    Unreachable(String),
    #[error("there is no such object")]
    NotFound,
    #[error("the object storage refused {operation} with status {status}{}", code.as_ref().map_or_else(String::new, |code| format!(" ({code})")))]
    Refused {
        operation: &'static str,
        status: u16,
        /// S3's own, e.g. `NoSuchBucket`.
        code: Option<String>,
    },
}

impl From<CredentialError> for BucketError {
    fn from(error: CredentialError) -> Self {
        Self::Credential(error.to_string())
    }
}

#[derive(Debug)]
pub struct BucketOptions {
    pub bucket: String,
    /// `None`: AWS itself.
    pub endpoint: Option<String>,
    pub region: String,
    /// Where credentials are looked for, in AWS's own order.
    pub environment: Environment,
    pub clock: Arc<dyn Clock>,
    pub connect_timeout: Duration,
}

/// One bucket. Keys are made of letters, digits, `-`, `_`, `.` and `/` only.
#[derive(Debug)]
pub struct Bucket {
    /// With the bucket's name, without a slash at the end.
    base: String,
    aws: Aws,
    transport: Transport,
}

/// An upload in parts that is under way.
#[derive(Clone, Debug)]
pub struct PartedUpload {
    id: String,
    etags: Vec<String>,
}

impl Bucket {
    pub fn new(options: BucketOptions) -> Result<Self, BucketError> {
        let settings = InstanceOptions {
            environment: options.environment,
            clock: options.clock,
            ..InstanceOptions::default()
        };
        let place = (options.bucket.as_str(), options.endpoint.as_deref());
        Self::of_account(place, &options.region, &settings, options.connect_timeout)
    }

    /// A bucket, at an address unless it is AWS's own, with the credentials of `settings`.
    pub(crate) fn of_account(
        (bucket, endpoint): (&str, Option<&str>),
        region: &str,
        settings: &InstanceOptions,
        connect_timeout: Duration,
    ) -> Result<Self, BucketError> {
        let endpoint = match endpoint {
            Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
            None if region.starts_with("cn-") => format!("https://s3.{region}.amazonaws.com.cn"),
            None => format!("https://s3.{region}.amazonaws.com"),
        };
        let base = format!("{endpoint}/{bucket}");
        let address: Option<Uri> = base.parse().ok();
        if address.is_none_or(|address| address.host().is_none() || address.scheme().is_none()) {
            return Err(BucketError::Address(endpoint));
        }
        Ok(Self {
            base,
            aws: Aws::for_storage(region, settings),
            transport: Transport::new(connect_timeout),
        })
    }

    /// Writes an object as a whole.
    pub async fn put(&self, key: &str, body: Bytes) -> Result<(), BucketError> {
        let ask = Ask::new("PutObject", Method::PUT, key).body(body);
        self.ask(&ask).await.map(drop)
    }

    /// Begins an object that comes in parts; each but the last has at least 5 MiB.
    pub async fn begin(&self, key: &str) -> Result<PartedUpload, BucketError> {
        let ask = Ask::new("CreateMultipartUpload", Method::POST, key).query("uploads=");
        let text = self.ask(&ask).await?.text().await?;
        let id = xml_text(&text, "UploadId").ok_or_else(|| ask.refused(200, None))?;
        Ok(PartedUpload {
            id,
            etags: Vec::new(),
        })
    }

    /// Adds the next part.
    pub async fn put_part(
        &self,
        key: &str,
        upload: &mut PartedUpload,
        body: Bytes,
    ) -> Result<(), BucketError> {
        let number = upload.etags.len() + 1;
        let query = format!("partNumber={number}&uploadId={}", encoded(&upload.id));
        let ask = Ask::new("UploadPart", Method::PUT, key)
            .query(&query)
            .body(body);
        let reply = self.ask(&ask).await?;
        let etag = reply.header("etag").ok_or_else(|| ask.refused(200, None))?;
        upload.etags.push(etag);
        Ok(())
    }

    /// Makes an object of the parts.
    pub async fn complete(&self, key: &str, upload: &PartedUpload) -> Result<(), BucketError> {
        let parts = upload.etags.iter().enumerate().map(|(index, etag)| {
            let number = index + 1;
            let etag = etag.replace('&', "&amp;").replace('<', "&lt;");
            format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>")
        });
        let body = format!(
            "<CompleteMultipartUpload>{}</CompleteMultipartUpload>",
            parts.collect::<String>()
        );
        let query = format!("uploadId={}", encoded(&upload.id));
        let ask = Ask::new("CompleteMultipartUpload", Method::POST, key)
            .query(&query)
            .body(body.into());
        let text = self.ask(&ask).await?.text().await?;
        // A failure can come after the status 200 was sent.
        if text.contains("<Error>") {
            return Err(ask.refused(200, xml_text(&text, "Code")));
        }
        Ok(())
    }

    /// Gives an upload up and frees its parts.
    pub async fn abort(&self, key: &str, upload: &PartedUpload) -> Result<(), BucketError> {
        self.abort_id(key, &upload.id).await
    }

    /// Frees the parts of every upload to `key` that an ended process left.
    pub async fn abort_all(&self, key: &str) -> Result<(), BucketError> {
        let query = format!("prefix={}&uploads=", encoded(key));
        let ask = Ask::new("ListMultipartUploads", Method::GET, "").query(&query);
        let text = self.ask(&ask).await?.text().await?;
        for id in xml_texts(&text, "UploadId") {
            self.abort_id(key, &id).await?;
        }
        Ok(())
    }

    /// An object's bytes, or those of an inclusive range, as they arrive.
    pub async fn get(
        &self,
        key: &str,
        range: Option<(u64, u64)>,
    ) -> Result<UpstreamBody, BucketError> {
        let mut ask = Ask::new("GetObject", Method::GET, key);
        ask.range = range.map(|(first, last)| format!("bytes={first}-{last}"));
        let reply = self.ask(&ask).await?;
        // A storage that ignores ranges must not pass the beginning off as the part.
        if range.is_some() && reply.status != StatusCode::PARTIAL_CONTENT {
            return Err(ask.refused(reply.status.as_u16(), None));
        }
        Ok(UpstreamBody::of(reply.body, IDLE_MAX, TOTAL_MAX))
    }

    /// Removes an object; one that is not there is removed already.
    pub async fn delete(&self, key: &str) -> Result<(), BucketError> {
        let ask = Ask::new("DeleteObject", Method::DELETE, key);
        match self.ask(&ask).await {
            Ok(_) | Err(BucketError::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn abort_id(&self, key: &str, id: &str) -> Result<(), BucketError> {
        let query = format!("uploadId={}", encoded(id));
        let ask = Ask::new("AbortMultipartUpload", Method::DELETE, key).query(&query);
        match self.ask(&ask).await {
            Ok(_) | Err(BucketError::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Asks again where the storage is busy or the connection broke.
    async fn ask(&self, ask: &Ask) -> Result<Reply, BucketError> {
        let mut pause = PAUSE_FIRST;
        for _ in 1..ATTEMPTS {
            match self.ask_once(ask).await {
                Err(error) if passes(&error) => tracing::debug!(%error, "asking once more"),
                answer => return answer,
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        self.ask_once(ask).await
    }

    async fn ask_once(&self, ask: &Ask) -> Result<Reply, BucketError> {
        let mut request = Request::new(Full::new(ask.body.clone()));
        *request.method_mut() = ask.method.clone();
        let slash = if ask.key.is_empty() { "" } else { "/" };
        let question = if ask.query.is_empty() { "" } else { "?" };
        let address = format!("{}{slash}{}{question}{}", self.base, ask.key, ask.query);
        *request.uri_mut() = address.parse().map_err(|_| BucketError::Address(address))?;
        if let Some(range) = &ask.range
            && let Ok(range) = HeaderValue::from_str(range)
        {
            request.headers_mut().insert(header::RANGE, range);
        }
        let http = Http(self.transport.pool().clone());
        self.aws
            .sign_for_storage(&http, &mut request, &ask.body)
            .await?;
        let answer = tokio::time::timeout(ANSWER_MAX, self.transport.pool().request(request)).await;
        let response = match answer {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(BucketError::Unreachable(error.to_string())),
            Err(_) => return Err(BucketError::Unreachable("no answer in time".to_owned())),
        };
        let reply = Reply::new(response);
        if reply.status.is_success() {
            return Ok(reply);
        }
        let status = reply.status.as_u16();
        let code = reply.text().await.ok();
        let code = code.and_then(|text| xml_text(&text, "Code"));
        if status == 404
            && code
                .as_deref()
                .is_none_or(|code| code.starts_with("NoSuchKey") || code == "NoSuchUpload")
        {
            return Err(BucketError::NotFound);
        }
        Err(ask.refused(status, code))
    }
}

/// One request, so that it can be made again.
struct Ask {
    operation: &'static str,
    method: Method,
    key: String,
    query: String,
    range: Option<String>,
    body: Bytes,
}

impl Ask {
    fn new(operation: &'static str, method: Method, key: &str) -> Self {
        Self {
            operation,
            method,
            key: key.to_owned(),
            query: String::new(),
            range: None,
            body: Bytes::new(),
        }
    }

    fn query(mut self, query: &str) -> Self {
        query.clone_into(&mut self.query);
        self
    }

    fn body(mut self, body: Bytes) -> Self {
        self.body = body;
        self
    }

    fn refused(&self, status: u16, code: Option<String>) -> BucketError {
        BucketError::Refused {
            operation: self.operation,
            status,
            code,
        }
    }
}

fn passes(error: &BucketError) -> bool {
    match error {
        BucketError::Unreachable(_) => true,
        BucketError::Refused { status, .. } => matches!(status, 429 | 500..),
        _ => false,
    }
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

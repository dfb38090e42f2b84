//! AWS: keys from wherever the account keeps them, and a signature (version 4) over each request.

mod chain;
mod profile;
mod sign;
mod sts;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use http::{HeaderMap, Request, header};
use http_body_util::Full;
use otari_types::{Clock, Secret, Timestamp};

use crate::address::region_in_host;
use crate::options::InstanceOptions;

use super::Used;
use super::cached::{Cached, Held};
use super::exchange::{CredentialError, Http};

pub(super) use chain::Chain;
pub(crate) use profile::region as profile_region;

/// As signatures name S3.
const STORAGE: &str = "s3";
/// Its service model knows no bearer keys.
const WITHOUT_BEARER: &str = "bedrock-agent-runtime.";
/// AWS refuses signatures that are further off than five minutes.
const SKEW_SECS_MIN: i64 = 240;

/// What a signature is made with.
#[derive(Clone)]
pub(crate) struct Keys {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: Secret,
    pub(crate) session_token: Option<Secret>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(..)")
    }
}

#[derive(Debug)]
pub(crate) struct Aws {
    /// As signatures name it; not always the host's first label.
    service: &'static str,
    /// Where the host does not say.
    region: String,
    /// A Bedrock API key, already in the instance's headers.
    bearer: bool,
    keys: Cached<Chain>,
    clock: Arc<dyn Clock>,
    /// The provider's time less ours, once it has refused ours. Seconds.
    skew: AtomicI64,
}

impl Aws {
    pub(super) fn new(
        service: &'static str,
        region: Option<&str>,
        bearer: bool,
        options: &InstanceOptions,
    ) -> Self {
        let region = region.unwrap_or(sts::DEFAULT_REGION).to_owned();
        let chain = Chain::find(options, &region);
        Self {
            service,
            region,
            bearer,
            keys: Cached::new(chain, Arc::clone(&options.clock)),
            clock: Arc::clone(&options.clock),
            skew: AtomicI64::new(0),
        }
    }

    /// For a bucket in `region`, at whatever host.
    pub(crate) fn for_storage(region: &str, options: &InstanceOptions) -> Self {
        Self::new(STORAGE, Some(region), false, options)
    }

    /// Signs a request to a bucket.
    pub(crate) async fn sign_for_storage(
        &self,
        http: &Http,
        request: &mut Request<Full<Bytes>>,
        body: &Bytes,
    ) -> Result<(), CredentialError> {
        let keys = self.keys.get(http).await?;
        let now = self.now();
        sign::sign(request, body, &keys.value, &self.region, self.service, now)
    }

    pub(super) async fn put_on(
        &self,
        http: &Http,
        request: &mut Request<Full<Bytes>>,
        body: &Bytes,
    ) -> Result<Used, CredentialError> {
        let host = request.uri().host().unwrap_or_default();
        if self.bearer && !host.starts_with(WITHOUT_BEARER) {
            return Ok(Used::Nothing);
        }
        let region = region_in_host(host).unwrap_or(&self.region).to_owned();
        request.headers_mut().remove(header::AUTHORIZATION);
        let keys = self.keys.get(http).await?;
        sign::sign(
            request,
            body,
            &keys.value,
            &region,
            self.service,
            self.now(),
        )?;
        Ok(Used::Aws(keys))
    }

    pub(super) fn can_mend(&self, keys: &Arc<Held<Keys>>, headers: &HeaderMap) -> bool {
        let kind = headers
            .get("x-amzn-errortype")
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or_default();
        if kind.starts_with("ExpiredToken") || kind.starts_with("UnrecognizedClient") {
            return self.keys.reject(keys);
        }
        if !kind.starts_with("InvalidSignature") && !kind.starts_with("RequestTimeTooSkewed") {
            return false;
        }
        let theirs = headers
            .get(header::DATE)
            .and_then(|date| date.to_str().ok())
            .and_then(http_date);
        let Some(theirs) = theirs else { return false };
        if (theirs.as_secs() - self.now().as_secs()).abs() < SKEW_SECS_MIN {
            return false;
        }
        let skew = theirs.as_secs() - self.clock.now().as_secs();
        self.skew.store(skew, Ordering::Relaxed);
        tracing::warn!(
            seconds = skew,
            "this machine's clock differs from AWS's; signing with theirs"
        );
        true
    }

    fn now(&self) -> Timestamp {
        self.clock
            .now()
            .plus_secs(self.skew.load(Ordering::Relaxed))
    }
}

/// `Wed, 21 Oct 2015 07:28:00 GMT`
fn http_date(text: &str) -> Option<Timestamp> {
    let moment = chrono::DateTime::parse_from_rfc2822(text).ok()?;
    Some(Timestamp(moment.timestamp_micros()))
}

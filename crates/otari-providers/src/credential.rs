//! The gateway's own credential with a provider, put on each request just before it leaves.
//!
//! Most are a header that never changes. Tokens are fetched once for all callers and renewed before they expire; AWS
//! requests are signed one by one.

mod aws;
mod azure;
mod cached;
mod databricks;
mod exchange;
mod google;
mod ibm;
mod resolve;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use http_body_util::Full;
use otari_types::Timestamp;

use crate::error::UpstreamError;

pub(crate) use aws::{Aws, profile_region as aws_profile_region};
pub(crate) use exchange::{CredentialError, Http};
pub(crate) use google::project as google_project;
pub(crate) use resolve::{Asked, Resolved, is_google_token, resolve};

use cached::{Cached, Fetched, Held, Source};

/// How an instance proves who it is.
#[derive(Debug)]
pub(crate) enum Credential {
    /// In the instance's headers already, or nowhere.
    InHeaders,
    /// A bearer token that expires.
    Token(Cached<TokenSource>),
    /// A signature over each request.
    Aws(Box<Aws>),
}

/// What was put on a request: if the provider refuses it, this tells what to renew.
#[derive(Debug)]
pub(crate) enum Used {
    Nothing,
    Token(Arc<Held<HeaderValue>>),
    Aws(Arc<Held<aws::Keys>>),
}

/// Who gives out bearer tokens.
#[derive(Debug)]
pub(crate) enum TokenSource {
    Google(google::Google),
    Entra(azure::Entra),
    Ibm(ibm::Iam),
    Databricks(databricks::Workspace),
}

impl Source for TokenSource {
    /// A whole `Authorization` header.
    type Value = HeaderValue;

    async fn fetch(
        &self,
        http: &Http,
        now: Timestamp,
    ) -> Result<Fetched<HeaderValue>, CredentialError> {
        match self {
            Self::Google(source) => source.fetch(http, now).await,
            Self::Entra(source) => source.fetch(http, now).await,
            Self::Ibm(source) => source.fetch(http, now).await,
            Self::Databricks(source) => source.fetch(http, now).await,
        }
    }
}

impl Credential {
    /// The request is sent as it is, and can be moved instead of kept for a second attempt.
    pub(crate) fn is_fixed(&self) -> bool {
        matches!(self, Self::InHeaders)
    }

    /// Puts the credential on a request that is otherwise complete.
    pub(crate) async fn put_on(
        &self,
        http: &Http,
        request: &mut Request<Full<Bytes>>,
        body: &Bytes,
    ) -> Result<Used, UpstreamError> {
        match self {
            Self::InHeaders => Ok(Used::Nothing),
            Self::Token(cached) => {
                let token = cached.get(http).await?;
                request
                    .headers_mut()
                    .insert(header::AUTHORIZATION, token.value.clone());
                Ok(Used::Token(token))
            }
            Self::Aws(aws) => Ok(aws.put_on(http, request, body).await?),
        }
    }

    /// Whether a refused request is worth a second attempt: with a new token, new keys, or the provider's own time.
    pub(crate) fn can_mend(&self, used: &Used, status: StatusCode, headers: &HeaderMap) -> bool {
        match (self, used) {
            (Self::Token(cached), Used::Token(token)) => {
                status == StatusCode::UNAUTHORIZED && cached.reject(token)
            }
            (Self::Aws(aws), Used::Aws(keys)) => {
                status == StatusCode::FORBIDDEN && aws.can_mend(keys, headers)
            }
            _ => false,
        }
    }
}

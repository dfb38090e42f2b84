//! IBM Cloud IAM: an API key for a token of an hour.

use http::HeaderValue;
use otari_types::{Secret, Timestamp};

use super::cached::Fetched;
use super::exchange::{CredentialError, Http, form};

pub(super) const IAM_URL: &str = "https://iam.cloud.ibm.com/identity/token";

#[derive(Debug)]
pub(crate) struct Iam {
    pub(super) url: String,
    pub(super) api_key: Secret,
}

impl Iam {
    pub(super) async fn fetch(
        &self,
        http: &Http,
        now: Timestamp,
    ) -> Result<Fetched<HeaderValue>, CredentialError> {
        let request = form(
            &self.url,
            &[
                ("grant_type", "urn:ibm:params:oauth:grant-type:apikey"),
                ("apikey", self.api_key.expose()),
            ],
        )?;
        http.token("IBM Cloud IAM", request, now).await
    }
}

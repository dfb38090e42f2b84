//! A Databricks workspace's OAuth clients ("service principals").

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use otari_types::{Secret, Timestamp};

use super::cached::Fetched;
use super::exchange::{CredentialError, Http, form, with};

/// Below the workspace's origin.
pub(super) const TOKEN_PATH: &str = "/oidc/v1/token";

#[derive(Debug)]
pub(crate) struct Workspace {
    pub(super) token_url: String,
    pub(super) client_id: String,
    pub(super) client_secret: Secret,
}

impl Workspace {
    pub(super) async fn fetch(
        &self,
        http: &Http,
        now: Timestamp,
    ) -> Result<Fetched<HeaderValue>, CredentialError> {
        let request = form(
            &self.token_url,
            &[("grant_type", "client_credentials"), ("scope", "all-apis")],
        )?;
        let pair = format!("{}:{}", self.client_id, self.client_secret.expose());
        let basic = format!("Basic {}", STANDARD.encode(pair));
        let request = with(request, &[("authorization", &basic)])?;
        http.token("the Databricks workspace", request, now).await
    }
}

//! Workload identity federation: another cloud's or cluster's token for one of Google's.

use http::{HeaderName, HeaderValue};
use otari_types::{Secret, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use crate::instance::InstanceError;

use super::super::cached::Fetched;
use super::super::exchange::{CredentialError, Http, form, get};
use super::{SCOPE, TOKEN_SERVICE};

const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

pub(crate) struct Federated {
    pub(super) token_url: String,
    pub(super) audience: String,
    pub(super) subject_token_type: String,
    pub(super) source: SubjectSource,
}

/// Where the other side's token is. Read anew for each exchange: such tokens are short-lived.
#[derive(Deserialize)]
pub(super) struct SubjectSource {
    file: Option<String>,
    url: Option<String>,
    #[serde(default)]
    headers: std::collections::BTreeMap<String, Secret>,
    format: Option<Format>,
}

#[derive(Deserialize)]
struct Format {
    #[serde(rename = "type")]
    kind: String,
    subject_token_field_name: Option<String>,
}

impl SubjectSource {
    pub(super) fn checked(self) -> Result<Self, InstanceError> {
        if self.file.is_none() && self.url.is_none() {
            return Err(InstanceError::BadCredentials(
                "Google credentials of type `external_account` are supported with a `file` or a `url` as source"
                    .to_owned(),
            ));
        }
        Ok(self)
    }

    async fn token(&self, http: &Http) -> Result<Secret, CredentialError> {
        const SOURCE: &str = "the source of the federated identity";
        let text = match (&self.file, &self.url) {
            (Some(path), _) => tokio::fs::read_to_string(path)
                .await
                .map_err(|error| CredentialError::new(format!("{SOURCE}: {error}")))?,
            (None, Some(url)) => {
                let mut request = get(url, &[])?;
                for (name, value) in &self.headers {
                    let pair = name
                        .parse::<HeaderName>()
                        .ok()
                        .zip(HeaderValue::from_str(value.expose()).ok());
                    let (name, value) = pair.ok_or_else(|| {
                        CredentialError::new(format!("{SOURCE} has an unusable header"))
                    })?;
                    request.headers_mut().insert(name, value);
                }
                let reply = http.ask(SOURCE, request).await?;
                String::from_utf8_lossy(&reply.body).into_owned()
            }
            (None, None) => String::new(),
        };
        let text = Secret::new(text);
        let token = match &self.format {
            Some(format) if format.kind == "json" => {
                let value: Option<Value> = serde_json::from_str(text.expose()).ok();
                let field = format.subject_token_field_name.as_deref();
                value
                    .as_ref()
                    .and_then(|value| value.get(field?)?.as_str())
                    .map(Secret::new)
            }
            _ => Some(Secret::new(text.expose().trim())),
        };
        token
            .filter(|token| !token.expose().is_empty())
            .ok_or_else(|| CredentialError::new(format!("{SOURCE} holds no token")))
    }
}

impl Federated {
    pub(super) async fn fetch(
        &self,
        http: &Http,
        now: Timestamp,
    ) -> Result<Fetched<HeaderValue>, CredentialError> {
        let subject = self.source.token(http).await?;
        let pairs = [
            ("grant_type", TOKEN_EXCHANGE),
            ("audience", &self.audience),
            ("scope", SCOPE),
            ("requested_token_type", ACCESS_TOKEN),
            ("subject_token", subject.expose()),
            ("subject_token_type", &self.subject_token_type),
        ];
        http.token(TOKEN_SERVICE, form(&self.token_url, &pairs)?, now)
            .await
    }
}

//! AWS's Security Token Service: keys for a while, in a role.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use otari_types::{Secret, Timestamp};

use crate::options::InstanceOptions;

use super::super::cached::Fetched;
use super::super::exchange::{CredentialError, Http, Reply, form, xml_text};
use super::Keys;
use super::sign::sign;

pub(super) const DEFAULT_REGION: &str = "us-east-1";
const VERSION: &str = "2011-06-15";
const SESSION_NAME: &str = "otari";
const WHOM: &str = "AWS STS";

#[derive(Clone, Debug)]
pub(super) struct Role {
    pub(super) arn: String,
    pub(super) session_name: Option<String>,
    pub(super) external_id: Option<String>,
}

#[derive(Debug)]
pub(super) struct Sts {
    region: String,
    url: String,
}

impl Sts {
    pub(super) fn new(options: &InstanceOptions, region: &str) -> Self {
        let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
        let url = options
            .environment
            .get("AWS_ENDPOINT_URL_STS")
            .unwrap_or_else(|| format!("https://sts.{region}.amazonaws.com{suffix}"));
        Self {
            region: region.to_owned(),
            url: format!("{}/", url.trim_end_matches('/')),
        }
    }

    pub(super) async fn assume(
        &self,
        http: &Http,
        role: &Role,
        keys: &Keys,
        now: Timestamp,
    ) -> Result<Fetched<Keys>, CredentialError> {
        let mut pairs = Self::pairs("AssumeRole", role);
        if let Some(id) = &role.external_id {
            pairs.push(("ExternalId", id));
        }
        let mut request = form(&self.url, &pairs)?;
        let body = body_of(&mut request).await;
        sign(&mut request, &body, keys, &self.region, "sts", now)?;
        read(&http.ask(WHOM, request).await?)
    }

    /// Unsigned: the web identity token is the proof.
    pub(super) async fn assume_with_web_identity(
        &self,
        http: &Http,
        role: &Role,
        token: &Secret,
    ) -> Result<Fetched<Keys>, CredentialError> {
        let mut pairs = Self::pairs("AssumeRoleWithWebIdentity", role);
        pairs.push(("WebIdentityToken", token.expose()));
        read(&http.ask(WHOM, form(&self.url, &pairs)?).await?)
    }

    fn pairs<'a>(action: &'a str, role: &'a Role) -> Vec<(&'static str, &'a str)> {
        let session = role.session_name.as_deref().unwrap_or(SESSION_NAME);
        vec![
            ("Action", action),
            ("Version", VERSION),
            ("RoleArn", &role.arn),
            ("RoleSessionName", session),
        ]
    }
}

async fn body_of(request: &mut Request<Full<Bytes>>) -> Bytes {
    // A body in memory can always be read.
    let body = request.body().clone().collect().await.unwrap_or_default();
    body.to_bytes()
}

fn read(reply: &Reply) -> Result<Fetched<Keys>, CredentialError> {
    let text = String::from_utf8_lossy(&reply.body);
    let keys = xml_text(&text, "Credentials").and_then(|xml| {
        Some(Fetched {
            value: Keys {
                access_key_id: xml_text(xml, "AccessKeyId")?.to_owned(),
                secret_access_key: Secret::new(xml_text(xml, "SecretAccessKey")?),
                session_token: Some(Secret::new(xml_text(xml, "SessionToken")?)),
            },
            expires_at: Some(Timestamp::parse(xml_text(xml, "Expiration")?)?),
        })
    });
    keys.ok_or_else(|| CredentialError::new(format!("the answer of {WHOM} holds no keys")))
}

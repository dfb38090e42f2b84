//! Google application-default credentials: a service account's key, a person's login, or the machine's own account.

mod federated;
mod file;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderValue, header};
use otari_types::{Secret, Timestamp};
use serde::Deserialize;
use serde_json::json;

use crate::instance::InstanceError;
use crate::options::InstanceOptions;

use super::cached::Fetched;
use super::exchange::{CredentialError, Http, bearer, form, get, post_json};

use federated::Federated;

pub(crate) use file::project;

const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// Who signs-in tokens are for; the same whichever address the key file sends them to.
const AUDIENCE: &str = "https://oauth2.googleapis.com/token";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// Google's longest.
const ASSERTION_SECS: i64 = 3600;
const TOKEN_SERVICE: &str = "Google's token service";
const METADATA_HOST: &str = "metadata.google.internal";

/// A login, and the service account that it acts as.
pub(crate) struct Google {
    login: Login,
    impersonate: Option<Impersonate>,
}

enum Login {
    ServiceAccount(Box<ServiceAccount>),
    AuthorizedUser {
        token_url: String,
        client_id: String,
        client_secret: Secret,
        refresh_token: Secret,
    },
    Federated(Federated),
    /// The metadata server's answer for the machine's default account.
    Machine {
        url: String,
    },
}

struct Impersonate {
    /// `…:generateAccessToken`
    url: String,
    delegates: Vec<String>,
}

pub(crate) struct ServiceAccount {
    token_url: String,
    email: String,
    key_id: Option<String>,
    key: ring::signature::RsaKeyPair,
}

/// What application-default credentials turned out to be.
pub(super) struct Found {
    pub(super) google: Google,
    /// The project that is charged, where the login belongs to none.
    pub(super) quota_project: Option<String>,
}

impl fmt::Debug for Google {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.login {
            Login::ServiceAccount(_) => "Google(service account)",
            Login::AuthorizedUser { .. } => "Google(authorized user)",
            Login::Federated(_) => "Google(federated)",
            Login::Machine { .. } => "Google(machine)",
        })
    }
}

impl Google {
    /// The configured credentials, else a file in the usual places, else the metadata server.
    pub(super) fn find(options: &InstanceOptions) -> Result<Found, InstanceError> {
        if let Some(file) = file::read(options)? {
            return file.into_found();
        }
        let host = options.environment.get("GCE_METADATA_HOST");
        let host = host.as_deref().unwrap_or(METADATA_HOST);
        let url =
            format!("http://{host}/computeMetadata/v1/instance/service-accounts/default/token");
        Ok(Found {
            google: Self {
                login: Login::Machine { url },
                impersonate: None,
            },
            quota_project: None,
        })
    }

    pub(super) async fn fetch(
        &self,
        http: &Http,
        now: Timestamp,
    ) -> Result<Fetched<HeaderValue>, CredentialError> {
        let token = self.login.fetch(http, now).await?;
        match &self.impersonate {
            Some(account) => account.token(http, token.value).await,
            None => Ok(token),
        }
    }
}

impl Login {
    async fn fetch(
        &self,
        http: &Http,
        now: Timestamp,
    ) -> Result<Fetched<HeaderValue>, CredentialError> {
        match self {
            Self::ServiceAccount(account) => {
                let assertion = Secret::new(account.assertion(now)?);
                let pairs = [
                    ("grant_type", JWT_BEARER),
                    ("assertion", assertion.expose()),
                ];
                let request = form(&account.token_url, &pairs)?;
                http.token(TOKEN_SERVICE, request, now).await
            }
            Self::AuthorizedUser {
                token_url,
                client_id,
                client_secret,
                refresh_token,
            } => {
                let pairs = [
                    ("grant_type", "refresh_token"),
                    ("client_id", client_id),
                    ("client_secret", client_secret.expose()),
                    ("refresh_token", refresh_token.expose()),
                ];
                http.token(TOKEN_SERVICE, form(token_url, &pairs)?, now)
                    .await
            }
            Self::Federated(federated) => federated.fetch(http, now).await,
            Self::Machine { url } => {
                const MACHINE: &str =
                    "Google's metadata server (no credentials file is configured)";
                let request = get(url, &[("metadata-flavor", "Google")])?;
                let reply = http.ask(MACHINE, request).await?;
                // Anybody else at that name is not to be believed.
                let flavor = reply.headers.get("metadata-flavor");
                if flavor.map(HeaderValue::as_bytes) != Some(b"Google") {
                    return Err(CredentialError::new(format!("{MACHINE} is not Google's")));
                }
                reply.token(MACHINE, now)
            }
        }
    }
}

impl Impersonate {
    async fn token(
        &self,
        http: &Http,
        login: HeaderValue,
    ) -> Result<Fetched<HeaderValue>, CredentialError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Generated {
            access_token: Secret,
            expire_time: Timestamp,
        }
        const WHOM: &str = "Google's service account impersonation";
        let body = json!({"scope": [SCOPE], "lifetime": "3600s", "delegates": self.delegates});
        let mut request = post_json(&self.url, &body)?;
        request.headers_mut().insert(header::AUTHORIZATION, login);
        let generated: Generated = http.ask(WHOM, request).await?.json(WHOM)?;
        let value = bearer(&generated.access_token)
            .map_err(|_| CredentialError::new(format!("the answer of {WHOM} holds no token")))?;
        Ok(Fetched {
            value,
            expires_at: Some(generated.expire_time),
        })
    }
}

impl ServiceAccount {
    fn new(
        token_url: String,
        email: String,
        key_id: Option<String>,
        pem: &Secret,
    ) -> Result<Self, InstanceError> {
        let unusable =
            || InstanceError::BadCredentials("the private key is not an RSA key in PEM".to_owned());
        Ok(Self {
            token_url,
            email,
            key_id,
            key: file::rsa_key(pem).ok_or_else(unusable)?,
        })
    }

    fn assertion(&self, now: Timestamp) -> Result<String, CredentialError> {
        let head = match &self.key_id {
            Some(id) => json!({"typ": "JWT", "alg": "RS256", "kid": id}),
            None => json!({"typ": "JWT", "alg": "RS256"}),
        };
        let issued = now.as_secs();
        let claims = json!({
            "iat": issued,
            "exp": issued + ASSERTION_SECS,
            "iss": self.email,
            "aud": AUDIENCE,
            "scope": SCOPE,
        });
        let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&head), part(&claims));
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key
            .sign(
                &ring::signature::RSA_PKCS1_SHA256,
                &ring::rand::SystemRandom::new(),
                signed.as_bytes(),
                &mut signature,
            )
            .map_err(|_| CredentialError::new("the service account's key cannot sign"))?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

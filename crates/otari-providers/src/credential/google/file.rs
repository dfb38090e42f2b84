//! Google's credential files: where they are, and what is in them.

use otari_types::Secret;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use serde_json::Value;

use crate::instance::InstanceError;
use crate::options::InstanceOptions;

use super::federated::{Federated, SubjectSource};
use super::{AUDIENCE, Found, Google, Impersonate, Login, ServiceAccount};

/// JSON, JSON in a text, or the path of a file.
const CREDENTIALS: [&str; 4] = [
    "credentials",
    "vertex_credentials",
    "credentials_file",
    "service_account_json",
];

/// The members that any of the kinds has.
#[derive(Deserialize)]
pub(super) struct CredentialsFile {
    #[serde(rename = "type")]
    kind: String,
    project_id: Option<String>,
    quota_project_id: Option<String>,
    token_uri: Option<String>,
    client_email: Option<String>,
    private_key_id: Option<String>,
    private_key: Option<Secret>,
    client_id: Option<String>,
    client_secret: Option<Secret>,
    refresh_token: Option<Secret>,
    audience: Option<String>,
    subject_token_type: Option<String>,
    token_url: Option<String>,
    credential_source: Option<SubjectSource>,
    service_account_impersonation_url: Option<String>,
    #[serde(default)]
    delegates: Vec<String>,
    source_credentials: Option<Box<CredentialsFile>>,
}

/// The project that the credentials name, if they can be read; what is wrong with them is said elsewhere.
pub(crate) fn project(options: &InstanceOptions) -> Option<String> {
    let file = read(options).ok()??;
    file.project_id.or(file.quota_project_id)
}

pub(super) fn read(options: &InstanceOptions) -> Result<Option<CredentialsFile>, InstanceError> {
    for name in CREDENTIALS {
        match options.values.get(name) {
            Some(value @ Value::Object(_)) => return parse(&value.to_string()).map(Some),
            Some(Value::String(text)) if text.trim_start().starts_with('{') => {
                return parse(text).map(Some);
            }
            Some(Value::String(path)) if !path.trim().is_empty() => {
                return open(path.trim()).map(Some);
            }
            _ => {}
        }
    }
    let environment = &options.environment;
    if let Some(path) = environment.get("GOOGLE_APPLICATION_CREDENTIALS") {
        return open(&path).map(Some);
    }
    // Where `gcloud auth application-default login` leaves it.
    let folder = environment
        .get("CLOUDSDK_CONFIG")
        .or_else(|| Some(format!("{}/.config/gcloud", environment.get("HOME")?)));
    let login = folder.map(|folder| format!("{folder}/application_default_credentials.json"));
    match login {
        Some(path) if std::path::Path::new(&path).is_file() => open(&path).map(Some),
        _ => Ok(None),
    }
}

fn open(path: &str) -> Result<CredentialsFile, InstanceError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| InstanceError::BadCredentials(format!("{path}: {error}")))?;
    parse(&text)
}

fn parse(text: &str) -> Result<CredentialsFile, InstanceError> {
    // The parser's own message could repeat what it read.
    serde_json::from_str(text).map_err(|_| {
        InstanceError::BadCredentials("this is not a Google credentials file".to_owned())
    })
}

impl CredentialsFile {
    pub(super) fn into_found(mut self) -> Result<Found, InstanceError> {
        let impersonate = self
            .service_account_impersonation_url
            .take()
            .map(|url| Impersonate {
                url,
                delegates: std::mem::take(&mut self.delegates),
            });
        let quota_project = self.quota_project_id.take();
        let login = match (self.kind.as_str(), self.source_credentials.take()) {
            ("impersonated_service_account", Some(source)) if impersonate.is_some() => {
                source.into_login()?
            }
            _ => self.into_login()?,
        };
        Ok(Found {
            google: Google { login, impersonate },
            quota_project,
        })
    }

    fn into_login(self) -> Result<Login, InstanceError> {
        let token_url = self.token_uri.unwrap_or_else(|| AUDIENCE.to_owned());
        Ok(match self.kind.as_str() {
            "service_account" => Login::ServiceAccount(Box::new(ServiceAccount::new(
                token_url,
                needed(self.client_email, "client_email")?,
                self.private_key_id,
                &needed(self.private_key, "private_key")?,
            )?)),
            "authorized_user" => Login::AuthorizedUser {
                token_url,
                client_id: needed(self.client_id, "client_id")?,
                client_secret: needed(self.client_secret, "client_secret")?,
                refresh_token: needed(self.refresh_token, "refresh_token")?,
            },
            "external_account" => Login::Federated(Federated {
                token_url: needed(self.token_url, "token_url")?,
                audience: needed(self.audience, "audience")?,
                subject_token_type: needed(self.subject_token_type, "subject_token_type")?,
                source: needed(self.credential_source, "credential_source")?.checked()?,
            }),
            other => {
                let kind: String = other.chars().take(60).collect();
                return Err(InstanceError::BadCredentials(format!(
                    "Google credentials of type `{kind}` are not supported"
                )));
            }
        })
    }
}

fn needed<T>(member: Option<T>, name: &str) -> Result<T, InstanceError> {
    member.ok_or_else(|| {
        InstanceError::BadCredentials(format!("the Google credentials lack `{name}`"))
    })
}

pub(super) fn rsa_key(pem: &Secret) -> Option<ring::signature::RsaKeyPair> {
    // Keys that travelled through an environment variable have their line ends escaped.
    let pem = Secret::new(pem.expose().replace("\\n", "\n"));
    match PrivateKeyDer::from_pem_slice(pem.expose().as_bytes()).ok()? {
        PrivateKeyDer::Pkcs8(der) => {
            ring::signature::RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).ok()
        }
        PrivateKeyDer::Pkcs1(der) => {
            ring::signature::RsaKeyPair::from_der(der.secret_pkcs1_der()).ok()
        }
        _ => None,
    }
}

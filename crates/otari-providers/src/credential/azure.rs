//! Microsoft Entra ID: a client's secret, a federated token of the cluster, or the machine's own identity.

use http::HeaderValue;
use otari_types::{Secret, Timestamp};

use crate::options::{InstanceOptions, Named};

use super::cached::Fetched;
use super::exchange::{CredentialError, Http, form, get};

/// Right for every inference endpoint: Azure OpenAI, Foundry, serverless.
const SCOPE: &str = "https://cognitiveservices.azure.com/.default";
const AUTHORITY: &str = "https://login.microsoftonline.com";
const METADATA: &str = "http://169.254.169.254";
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

const TENANT: Named = Named {
    options: &["tenant_id", "azure_tenant_id"],
    env: &["AZURE_TENANT_ID"],
};
const CLIENT: Named = Named {
    options: &["client_id", "azure_client_id"],
    env: &["AZURE_CLIENT_ID"],
};
const CLIENT_SECRET: Named = Named {
    options: &["client_secret", "azure_client_secret"],
    env: &["AZURE_CLIENT_SECRET"],
};
const FEDERATED_FILE: Named = Named {
    options: &["federated_token_file"],
    env: &["AZURE_FEDERATED_TOKEN_FILE"],
};

#[derive(Debug)]
pub(crate) enum Entra {
    Client {
        token_url: String,
        client_id: String,
        secret: ClientSecret,
        scope: String,
    },
    /// An address that only the machine itself can ask.
    Managed {
        url: String,
        /// App Service's proof that the question comes from inside.
        identity_header: Option<Secret>,
    },
}

#[derive(Debug)]
pub(crate) enum ClientSecret {
    Text(Secret),
    /// Kubernetes replaces its content from time to time.
    File(String),
}

impl Entra {
    /// The identity that is configured, or the machine's own.
    pub(super) fn find(options: &InstanceOptions) -> Self {
        let scope = options
            .option(&["azure_scope", "scope"])
            .unwrap_or_else(|| SCOPE.to_owned());
        let secret = options
            .secret(CLIENT_SECRET)
            .map(ClientSecret::Text)
            .or_else(|| options.get(FEDERATED_FILE).map(ClientSecret::File))
            .filter(|_| !options.flag("managed_identity"));
        let client_id = options.get(CLIENT);
        match (options.get(TENANT), client_id, secret) {
            (Some(tenant), Some(client_id), Some(secret)) => {
                let authority = options.environment.get("AZURE_AUTHORITY_HOST");
                let authority = authority.as_deref().unwrap_or(AUTHORITY);
                Self::Client {
                    token_url: format!(
                        "{}/{tenant}/oauth2/v2.0/token",
                        authority.trim_end_matches('/')
                    ),
                    client_id,
                    secret,
                    scope,
                }
            }
            (_, client_id, _) => Self::managed(options, client_id.as_deref(), &scope),
        }
    }

    fn managed(options: &InstanceOptions, client_id: Option<&str>, scope: &str) -> Self {
        let environment = &options.environment;
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("resource", scope.trim_end_matches(".default"));
        if let Some(client_id) = client_id {
            query.append_pair("client_id", client_id);
        }
        if let Some(endpoint) = environment.get("IDENTITY_ENDPOINT") {
            query.append_pair("api-version", "2019-08-01");
            return Self::Managed {
                url: format!("{endpoint}?{}", query.finish()),
                identity_header: environment.get("IDENTITY_HEADER").map(Secret::new),
            };
        }
        query.append_pair("api-version", "2018-02-01");
        let host = environment.get("AZURE_POD_IDENTITY_AUTHORITY_HOST");
        let host = host.as_deref().unwrap_or(METADATA).trim_end_matches('/');
        Self::Managed {
            url: format!("{host}/metadata/identity/oauth2/token?{}", query.finish()),
            identity_header: None,
        }
    }

    pub(super) async fn fetch(
        &self,
        http: &Http,
        now: Timestamp,
    ) -> Result<Fetched<HeaderValue>, CredentialError> {
        match self {
            Self::Client {
                token_url,
                client_id,
                secret,
                scope,
            } => {
                let assertion;
                let proof: &[(&str, &str)] = match secret {
                    ClientSecret::Text(secret) => &[("client_secret", secret.expose())],
                    ClientSecret::File(path) => {
                        let text = tokio::fs::read_to_string(path).await.map_err(|error| {
                            CredentialError::new(format!("the federated token file: {error}"))
                        })?;
                        assertion = Secret::new(text.trim());
                        &[
                            ("client_assertion_type", JWT_BEARER),
                            ("client_assertion", assertion.expose()),
                        ]
                    }
                };
                let mut pairs = vec![
                    ("grant_type", "client_credentials"),
                    ("client_id", client_id),
                    ("scope", scope),
                ];
                pairs.extend_from_slice(proof);
                http.token("Microsoft Entra ID", form(token_url, &pairs)?, now)
                    .await
            }
            Self::Managed {
                url,
                identity_header,
            } => {
                let proof = match identity_header {
                    Some(secret) => ("x-identity-header", secret.expose()),
                    None => ("metadata", "true"),
                };
                http.token("the Azure managed identity", get(url, &[proof])?, now)
                    .await
            }
        }
    }
}

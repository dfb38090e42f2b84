//! Which credential an instance has: its key, else what the vendor's own clients would find.

use std::sync::Arc;

use http::{HeaderName, HeaderValue, header};
use otari_types::Secret;

use crate::instance::InstanceError;
use crate::options::{InstanceOptions, Named};
use crate::provider::{AuthScheme, Dialect, Provider};

use super::aws::{Aws, Chain};
use super::cached::Cached;
use super::databricks::{TOKEN_PATH, Workspace};
use super::exchange::bearer;
use super::google::Google;
use super::ibm::{IAM_URL, Iam};
use super::{Credential, TokenSource, azure};

/// Sent where no key is configured but an address is: OpenAI-style servers refuse an absent header.
const NO_KEY_PLACEHOLDER: &str = "otari-no-key-required";
/// What Google's short-lived access tokens begin with; API keys do not.
const GOOGLE_TOKEN_PREFIX: &str = "ya29.";
const BEDROCK_KEY_VARIABLE: &str = "AWS_BEARER_TOKEN_BEDROCK";

const ZEN_KEY: Named = Named {
    options: &["zen_api_key"],
    env: &["WATSONX_ZENAPIKEY"],
};
const IAM: Named = Named {
    options: &["iam_url"],
    env: &["WATSONX_IAM_URL"],
};
const DATABRICKS_CLIENT: Named = Named {
    options: &["client_id"],
    env: &["DATABRICKS_CLIENT_ID"],
};
const DATABRICKS_SECRET: Named = Named {
    options: &["client_secret"],
    env: &["DATABRICKS_CLIENT_SECRET"],
};

/// What the instance knows when its credential is looked for.
pub(crate) struct Asked<'a> {
    pub(crate) provider: &'static Provider,
    pub(crate) key: Option<Secret>,
    /// The operator gave the address.
    pub(crate) has_own_base: bool,
    pub(crate) base: &'a str,
    pub(crate) region: Option<&'a str>,
    pub(crate) options: &'a InstanceOptions,
}

#[derive(Debug)]
pub(crate) struct Resolved {
    /// Set once, in the instance's headers.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) credential: Credential,
}

impl Resolved {
    fn none() -> Self {
        Self {
            headers: Vec::new(),
            credential: Credential::InHeaders,
        }
    }

    fn bearer(token: &Secret) -> Result<Self, InstanceError> {
        let value = bearer(token).map_err(|_| InstanceError::BadHeader)?;
        Ok(Self {
            headers: vec![(header::AUTHORIZATION, value)],
            ..Self::none()
        })
    }

    fn alone(names: &[&'static str], key: &Secret) -> Result<Self, InstanceError> {
        let value = sensitive(key.expose())?;
        let headers = names
            .iter()
            .map(|name| (HeaderName::from_static(name), value.clone()));
        Ok(Self {
            headers: headers.collect(),
            ..Self::none()
        })
    }

    fn token(source: TokenSource, options: &InstanceOptions) -> Self {
        let cached = Cached::new(source, Arc::clone(&options.clock));
        Self {
            credential: Credential::Token(cached),
            ..Self::none()
        }
    }
}

pub(crate) fn resolve(asked: &Asked<'_>) -> Result<Resolved, InstanceError> {
    let Asked {
        provider, options, ..
    } = *asked;
    match provider.auth {
        AuthScheme::None => Ok(Resolved::none()),
        AuthScheme::Bearer => match asked.key_or_token()? {
            Some(key) => Resolved::bearer(&key),
            None => Ok(Resolved::none()),
        },
        AuthScheme::Header(name) => match (&asked.key, asked.ready_token()) {
            (None, Some(token)) => Resolved::bearer(&token),
            _ => match asked.key_or_token()? {
                Some(key) => Resolved::alone(&[name], &key),
                None => Ok(Resolved::none()),
            },
        },
        AuthScheme::AzureKey => match (&asked.key, asked.ready_token()) {
            // Microsoft's own client for Claude sends both.
            (Some(key), _) if provider.dialect == Dialect::AzureAnthropic => {
                Resolved::alone(&["api-key", "x-api-key"], key)
            }
            (Some(key), _) => Resolved::alone(&["api-key"], key),
            (None, Some(token)) => Resolved::bearer(&token),
            (None, None) => {
                let source = TokenSource::Entra(azure::Entra::find(options));
                Ok(Resolved::token(source, options))
            }
        },
        AuthScheme::DatabricksOauth => asked.databricks(),
        AuthScheme::GoogleOauth => asked.google(),
        AuthScheme::IbmIam => asked.ibm(),
        AuthScheme::SigV4(service) => asked.aws(service),
    }
}

impl Asked<'_> {
    fn ready_token(&self) -> Option<Secret> {
        let named = Named {
            options: &["auth_token", "access_token", "azure_ad_token"],
            env: self.provider.token_env,
        };
        self.options.secret(named)
    }

    /// The key; where there is none, a ready token, or the placeholder for a server of the operator's own.
    fn key_or_token(&self) -> Result<Option<Secret>, InstanceError> {
        match self.key.clone().or_else(|| self.ready_token()) {
            Some(key) => Ok(Some(key)),
            None if !self.provider.key_required => Ok(None),
            None if self.has_own_base => Ok(Some(Secret::new(NO_KEY_PLACEHOLDER))),
            None => Err(self.no_key()),
        }
    }

    fn no_key(&self) -> InstanceError {
        let names: Vec<&str> = self
            .provider
            .key_env
            .iter()
            .chain(self.provider.token_env)
            .copied()
            .collect();
        InstanceError::NoKey(names.join(", "))
    }

    fn databricks(&self) -> Result<Resolved, InstanceError> {
        let client = (
            self.options.get(DATABRICKS_CLIENT),
            self.options.secret(DATABRICKS_SECRET),
        );
        match (&self.key, client) {
            (None, (Some(client_id), Some(client_secret))) => {
                let workspace = Workspace {
                    token_url: format!("{}{TOKEN_PATH}", origin(self.base)),
                    client_id,
                    client_secret,
                };
                let source = TokenSource::Databricks(workspace);
                Ok(Resolved::token(source, self.options))
            }
            _ => match self.key_or_token()? {
                Some(key) => Resolved::bearer(&key),
                None => Ok(Resolved::none()),
            },
        }
    }

    fn google(&self) -> Result<Resolved, InstanceError> {
        if let Some(key) = &self.key {
            return if is_google_token(key) {
                Resolved::bearer(key)
            } else {
                Resolved::alone(&["x-goog-api-key"], key)
            };
        }
        if let Some(token) = self.ready_token() {
            return Resolved::bearer(&token);
        }
        let found = Google::find(self.options)?;
        let mut resolved = Resolved::token(TokenSource::Google(found.google), self.options);
        let project = self
            .options
            .option(&["quota_project_id"])
            .or(found.quota_project);
        if let Some(project) = project {
            let name = HeaderName::from_static("x-goog-user-project");
            resolved.headers.push((name, sensitive(&project)?));
        }
        Ok(resolved)
    }

    fn ibm(&self) -> Result<Resolved, InstanceError> {
        // Cloud Pak for Data, on the customer's own machines.
        if let Some(key) = self.options.secret(ZEN_KEY) {
            let value = sensitive(&format!("ZenApiKey {}", key.expose()))?;
            return Ok(Resolved {
                headers: vec![(header::AUTHORIZATION, value)],
                ..Resolved::none()
            });
        }
        match (&self.key, self.ready_token()) {
            (Some(key), _) => {
                let iam = Iam {
                    url: self.options.get(IAM).unwrap_or_else(|| IAM_URL.to_owned()),
                    api_key: key.clone(),
                };
                Ok(Resolved::token(TokenSource::Ibm(iam), self.options))
            }
            (None, Some(token)) => Resolved::bearer(&token),
            (None, None) => Err(self.no_key()),
        }
    }

    fn aws(&self, service: &'static str) -> Result<Resolved, InstanceError> {
        let from_environment = self.options.environment.get(BEDROCK_KEY_VARIABLE);
        // Keys that were configured for this instance go before a key that is merely around.
        let is_around = |key: &Secret| {
            from_environment.as_deref().map(str::trim) == Some(key.expose().trim())
                && Chain::is_configured(self.options)
        };
        let takes_bearer = !self.provider.key_env.is_empty();
        let key = self
            .key
            .as_ref()
            .filter(|key| takes_bearer && !is_around(key));
        let headers = match key {
            Some(key) => Resolved::bearer(key)?.headers,
            None => Vec::new(),
        };
        let aws = Aws::new(service, self.region, key.is_some(), self.options);
        Ok(Resolved {
            headers,
            credential: Credential::Aws(Box::new(aws)),
        })
    }
}

/// An access token in the place of an API key.
pub(crate) fn is_google_token(key: &Secret) -> bool {
    key.expose().starts_with(GOOGLE_TOKEN_PREFIX)
}

fn sensitive(text: &str) -> Result<HeaderValue, InstanceError> {
    let mut value = HeaderValue::from_str(text.trim()).map_err(|_| InstanceError::BadHeader)?;
    value.set_sensitive(true);
    Ok(value)
}

fn origin(base: &str) -> &str {
    let end = base
        .match_indices('/')
        .nth(2)
        .map_or(base.len(), |(at, _)| at);
    base.get(..end).unwrap_or(base)
}

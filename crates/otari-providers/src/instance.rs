//! A configured, credentialed use of a provider: everything needed to address a request to it.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, Uri, header};
use otari_types::Secret;

use crate::provider::{AuthScheme, Dialect, Provider};

/// Sent where no key is configured but an address is: OpenAI-style servers refuse an absent header.
const NO_KEY_PLACEHOLDER: &str = "otari-no-key-required";

/// How long each phase of an upstream call may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    pub connect: Duration,
    /// Until the response headers.
    pub first_byte: Duration,
    /// Between two chunks of a body.
    pub idle: Duration,
    /// The whole call.
    pub total: Duration,
}

/// What configuration says about an instance, before it is checked against the catalogue.
#[derive(Clone, Debug)]
pub struct InstanceSettings {
    pub name: String,
    pub api_key: Option<Secret>,
    pub api_base: Option<String>,
    pub custom_headers: Vec<(String, String)>,
    /// Models declared by the operator, for when discovery is not possible.
    pub models: Vec<String>,
    pub timeouts: Timeouts,
    /// Usable but not configured: never asked for its models, because nobody said it is there.
    pub implicit: bool,
}

/// A provider instance that can be called.
#[derive(Debug)]
pub struct Instance {
    pub name: String,
    pub provider: &'static Provider,
    pub models: Vec<String>,
    pub timeouts: Timeouts,
    pub implicit: bool,
    /// Without a trailing slash.
    base: String,
    /// The chat address, parsed once: the hot path sends there.
    chat_uri: Uri,
    /// Credential and custom headers, built once.
    headers: HeaderMap,
}

/// Why an instance cannot be used; says what to configure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InstanceError {
    #[error("needs `api_base`: {0} has no address of its own")]
    NoBase(&'static str),
    #[error("needs `api_key`, or one of the environment variables {0}")]
    NoKey(String),
    #[error("`api_base` is not an http(s) address")]
    BadBase,
    #[error("the credential or a custom header cannot be sent in an HTTP header")]
    BadHeader,
}

impl Instance {
    pub fn new(
        provider: &'static Provider,
        settings: InstanceSettings,
    ) -> Result<Self, InstanceError> {
        let InstanceSettings {
            name,
            api_key,
            api_base,
            custom_headers,
            models,
            timeouts,
            implicit,
        } = settings;
        let base = match api_base.as_deref().or(provider.base_url) {
            Some(base) => base,
            None if provider.dialect == Dialect::Echo => "http://echo.invalid",
            None => return Err(InstanceError::NoBase(provider.id)),
        };
        let base = base.trim().trim_end_matches('/').to_owned();
        let is_http = base.starts_with("http://") || base.starts_with("https://");
        if !is_http {
            return Err(InstanceError::BadBase);
        }
        let key = match api_key {
            Some(key) => Some(key),
            None if !provider.key_required => None,
            None if api_base.is_some() => Some(Secret::new(NO_KEY_PLACEHOLDER)),
            None => return Err(InstanceError::NoKey(provider.key_env.join(", "))),
        };
        let chat_uri = join(&base, provider.paths.chat)?;
        let headers = build_headers(provider, key.as_ref(), &custom_headers)?;
        Ok(Self {
            name,
            provider,
            models,
            timeouts,
            implicit,
            base,
            chat_uri,
            headers,
        })
    }

    pub fn chat_uri(&self) -> &Uri {
        &self.chat_uri
    }

    /// The address of another of the provider's paths.
    pub fn uri(&self, path: &str) -> Result<Uri, InstanceError> {
        join(&self.base, path)
    }

    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }
}

fn join(base: &str, path: &str) -> Result<Uri, InstanceError> {
    let whole = match path.strip_prefix("/v1") {
        _ if path.starts_with("http") => path.to_owned(),
        // Operators write the base of such servers with and without the version.
        Some(rest) if base.ends_with("/v1") => format!("{base}{rest}"),
        _ => format!("{base}{path}"),
    };
    whole.parse().map_err(|_| InstanceError::BadBase)
}

fn build_headers(
    provider: &Provider,
    key: Option<&Secret>,
    custom: &[(String, String)],
) -> Result<HeaderMap, InstanceError> {
    let mut headers = HeaderMap::new();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(
        header::USER_AGENT,
        HeaderValue::from_static(concat!("otari/", env!("CARGO_PKG_VERSION"))),
    );
    let credential = key.and_then(|key| match provider.auth {
        AuthScheme::Bearer => Some((header::AUTHORIZATION, format!("Bearer {}", key.expose()))),
        AuthScheme::Header(name) => Some((
            header::HeaderName::from_static(name),
            key.expose().to_owned(),
        )),
        _ => None,
    });
    if let Some((name, value)) = credential {
        let mut value = HeaderValue::from_str(&value).map_err(|_| InstanceError::BadHeader)?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    for (name, value) in custom {
        let name: header::HeaderName = name.parse().map_err(|_| InstanceError::BadHeader)?;
        let mut value = HeaderValue::from_str(value).map_err(|_| InstanceError::BadHeader)?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

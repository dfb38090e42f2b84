//! A configured, credentialed use of a provider: everything needed to address a request to it.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use otari_types::Secret;

use crate::address::{Addresses, GOOGLE_PROJECT};
use crate::batch_bucket::BatchBucket;
use crate::credential::{Asked, Credential, Resolved, is_google_token, resolve};
use crate::key_ring::{Key, KeyRing};
use crate::operation::Operation;
use crate::options::InstanceOptions;
use crate::provider::{AuthScheme, Provider};

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
    /// Calls take turns with these too.
    pub more_keys: Vec<Secret>,
    pub api_base: Option<String>,
    pub custom_headers: Vec<(String, String)>,
    /// Models declared by the operator, for when discovery is not possible.
    pub models: Vec<String>,
    pub timeouts: Timeouts,
    /// Times a call is sent again where no routing policy says otherwise.
    pub max_retries: u32,
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
    pub max_retries: u32,
    pub implicit: bool,
    /// For batches of its own, where the provider runs them over a bucket of the customer's.
    pub batch_bucket: Option<BatchBucket>,
    addresses: Addresses,
    keys: KeyRing,
    context: Option<i64>,
}

/// Why an instance cannot be used; says what to configure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InstanceError {
    #[error("needs `api_base`: {0} has no address of its own")]
    NoBase(&'static str),
    #[error("needs `api_key`, or one of the environment variables {0}")]
    NoKey(String),
    #[error("needs `{option}`{}", also(env))]
    NoSetting {
        option: &'static str,
        /// Variables that may hold it instead.
        env: String,
    },
    #[error("`api_base` is not an http(s) address")]
    BadBase,
    #[error("`{option}` {problem}")]
    WrongSetting {
        option: &'static str,
        problem: &'static str,
    },
    #[error("`{0}` cannot be part of an address")]
    BadSetting(&'static str),
    /// The caller's name for a model; not something to configure.
    #[error("`{0}` cannot be the name of a model here")]
    BadModel(String),
    #[error("the credentials cannot be used: {0}")]
    BadCredentials(String),
    #[error("the credential or a custom header cannot be sent in an HTTP header")]
    BadHeader,
}

fn also(env: &str) -> String {
    if env.is_empty() {
        String::new()
    } else {
        format!(", or one of the environment variables {env}")
    }
}

impl Instance {
    /// An instance of a provider that needs nothing but a key and an address.
    pub fn new(
        provider: &'static Provider,
        settings: InstanceSettings,
    ) -> Result<Self, InstanceError> {
        Self::with_options(provider, settings, &InstanceOptions::default())
    }

    /// Reads credential files where they are what the options or the environment say.
    pub fn with_options(
        provider: &'static Provider,
        settings: InstanceSettings,
        options: &InstanceOptions,
    ) -> Result<Self, InstanceError> {
        let InstanceSettings {
            name,
            api_key,
            more_keys,
            api_base,
            custom_headers,
            models,
            timeouts,
            max_retries,
            implicit,
        } = settings;
        let addresses = Addresses::new(
            provider,
            api_base.as_deref(),
            options,
            is_express(
                provider,
                api_key.as_ref().or_else(|| more_keys.first()),
                options,
            ),
        )?;
        let batch_bucket =
            BatchBucket::read(provider, &addresses.place, options, timeouts.connect)?;
        let custom = custom(&custom_headers)?;
        let constant = constant(provider, options)?;
        let with_key = |key: Option<Secret>| -> Result<Key, InstanceError> {
            let resolved = if custom.contains_key(header::AUTHORIZATION) {
                // The operator's own credential.
                Resolved {
                    headers: Vec::new(),
                    credential: Credential::InHeaders,
                }
            } else {
                resolve(&Asked {
                    provider,
                    key,
                    has_own_base: api_base.is_some(),
                    base: addresses.base(),
                    region: addresses.place.region.as_deref(),
                    options,
                })?
            };
            let mut headers = constant.clone();
            headers.extend(resolved.headers);
            headers.extend(custom.clone());
            Ok(Key::new(headers, resolved.credential))
        };
        let mut more = more_keys.into_iter();
        let first = with_key(api_key.or_else(|| more.next()))?;
        let more = more.map(|key| with_key(Some(key)));
        let keys = KeyRing::new(first, more.collect::<Result<_, _>>()?);
        Ok(Self {
            name,
            provider,
            models,
            timeouts,
            max_retries,
            implicit,
            batch_bucket,
            addresses,
            keys,
            context: options
                .option(&["num_ctx"])
                .and_then(|text| text.parse().ok()),
        })
    }

    /// Where to send `operation` about `model`. `stream` where the answer shall be streamed: some dialects have an
    /// address of its own for that. Fails on a model's name that cannot be part of an address, and on a setting that
    /// only this operation needs.
    pub fn address(
        &self,
        operation: Operation,
        model: &str,
        stream: bool,
    ) -> Result<Uri, InstanceError> {
        self.addresses.get(operation, model, stream)
    }

    /// Tokens of context to make room for, where a server does not choose by itself (`num_ctx`, Ollama).
    pub fn context(&self) -> Option<i64> {
        self.context
    }

    /// The project, where the provider has such: Google Cloud's, or watsonx's, whose requests name it in the body.
    pub fn project(&self) -> Option<&str> {
        self.addresses.place.project.as_deref()
    }

    /// The watsonx deployment space, which requests name in the body where there is no project.
    pub fn space(&self) -> Option<&str> {
        self.addresses.place.space.as_deref()
    }

    /// The AWS region.
    pub fn region(&self) -> Option<&str> {
        self.addresses.place.region.as_deref()
    }

    /// The Google Cloud location.
    pub fn location(&self) -> Option<&str> {
        self.addresses.place.location.as_deref()
    }

    /// What requests are sent with.
    pub fn keys(&self) -> &KeyRing {
        &self.keys
    }
}

/// Vertex AI with an API key and no project.
fn is_express(provider: &Provider, key: Option<&Secret>, options: &InstanceOptions) -> bool {
    provider.auth == AuthScheme::GoogleOauth
        && key.is_some_and(|key| !is_google_token(key))
        && options.get(GOOGLE_PROJECT).is_none()
}

/// What every instance of the provider sends, the credential aside.
fn constant(provider: &Provider, options: &InstanceOptions) -> Result<HeaderMap, InstanceError> {
    let mut headers = HeaderMap::new();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(
        header::USER_AGENT,
        HeaderValue::from_static(concat!("otari/", env!("CARGO_PKG_VERSION"))),
    );
    for (name, value) in provider.headers {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    for carried in provider.option_headers {
        let value = options.option(&[carried.option]);
        if let Some(value) = value.or_else(|| options.environment.first(carried.env)) {
            let value = HeaderValue::from_str(value.trim());
            headers.insert(
                HeaderName::from_static(carried.header),
                value.map_err(|_| InstanceError::BadHeader)?,
            );
        }
    }
    Ok(headers)
}

fn custom(pairs: &[(String, String)]) -> Result<HeaderMap, InstanceError> {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let name: HeaderName = name.parse().map_err(|_| InstanceError::BadHeader)?;
        let mut value = HeaderValue::from_str(value).map_err(|_| InstanceError::BadHeader)?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

//! Provider instances: where models are, and the credentials for them.

use std::fmt;
use std::time::Duration;

use otari_types::Secret;
use serde_json::{Value, json};

use super::upstream::Timeouts;
use crate::problem::Report;
use crate::section::section;
use crate::setting::Limit::Above;
use crate::setting::{Map, REDACTED, Reader, Setting, redact_url};

section! {
    /// Provider instances.
    Providers("Providers") {
        /// Provider instances by name: `{provider_type, api_key, api_keys, api_base, models, client_args}`.
        providers: Instances = Instances::default();
    }
}

/// The configured instances, in file order.
#[derive(Clone, Debug, Default)]
pub struct Instances(pub Vec<ProviderInstance>);

/// One credentialed use of a provider.
#[derive(Clone)]
pub struct ProviderInstance {
    /// What callers write before the `:`.
    pub name: String,
    /// The provider, where the instance is not named after it.
    pub provider_type: Option<String>,
    pub api_key: Option<Secret>,
    /// Further keys of the same account or project: calls take turns, and one that is refused stands back.
    pub api_keys: Vec<Secret>,
    pub api_base: Option<String>,
    /// Models offered when the provider cannot list its own.
    pub models: Vec<String>,
    pub client_args: ClientArgs,
    /// What only some providers read: `project`, `location`, `credentials`, `batch_bucket`, …
    pub extra: Map,
}

/// How requests to an instance are sent.
#[derive(Clone, Default)]
pub struct ClientArgs {
    /// Sent with every request; values may be credentials.
    pub custom_headers: Vec<(String, Secret)>,
    /// Times a failed request is sent again; unset for the provider's default.
    pub max_retries: Option<u32>,
    /// As the OpenAI SDK's `timeout`: seconds of silence, before the answer begins or between its pieces.
    pub timeout: Option<f64>,
    pub connect_timeout_ms: Option<u32>,
    pub first_byte_timeout_ms: Option<u32>,
    pub idle_timeout_ms: Option<u32>,
    pub total_timeout_ms: Option<u32>,
    pub extra: Map,
}

/// Extra members that are not secret and help an operator to see.
const SHOWN_EXTRA: &[&str] = &[
    "project",
    "location",
    "region",
    "api_version",
    "organization",
    "batch_bucket",
    "batch_bucket_endpoint",
    "batch_role_arn",
    "batch_min_lines",
];

impl ProviderInstance {
    /// The provider's name: the declared type, or the instance's own name.
    pub fn provider(&self) -> &str {
        self.provider_type.as_deref().unwrap_or(&self.name)
    }

    fn read(name: &str, value: &Value, path: &str, report: &mut Report) -> Option<Self> {
        let path = format!("{path}.{name}");
        let map = Map::read(value, &path, report)?;
        let mut reader = Reader::new(&map, &path, report);
        Some(Self {
            name: name.to_owned(),
            provider_type: reader.optional("provider_type", None),
            api_key: reader.optional("api_key", None),
            api_keys: reader.optional("api_keys", None).unwrap_or_default(),
            api_base: reader.optional("api_base", None),
            models: reader.optional("models", None).unwrap_or_default(),
            client_args: reader.optional("client_args", None).unwrap_or_default(),
            extra: reader.rest(),
        })
    }

    fn shown(&self) -> Value {
        let mut shown = Map::new();
        let mut put = |key: &str, value: Value| shown.insert(key.to_owned(), value);
        put("provider_type", self.provider_type.show());
        put("api_key", self.api_key.show());
        put("api_keys", self.api_keys.show());
        put(
            "api_base",
            Value::from(self.api_base.as_deref().map(redact_url)),
        );
        put("models", self.models.show());
        put("client_args", self.client_args.show());
        for (key, value) in &self.extra {
            let open = SHOWN_EXTRA.contains(&key.as_str());
            put(
                key,
                if open {
                    value.clone()
                } else {
                    Value::from(REDACTED)
                },
            );
        }
        Value::Object(shown)
    }
}

impl ClientArgs {
    /// The limits of this instance: its own figures where it has them, else `defaults`.
    pub fn timeouts(&self, defaults: Timeouts) -> Timeouts {
        let silence = self
            .timeout
            .and_then(|secs| Duration::try_from_secs_f64(secs).ok());
        let own = |ms: Option<u32>| ms.map(|ms| Duration::from_millis(u64::from(ms)));
        Timeouts {
            connect: own(self.connect_timeout_ms)
                .unwrap_or_else(|| silence.map_or(defaults.connect, |s| s.min(defaults.connect))),
            first_byte: own(self.first_byte_timeout_ms)
                .or(silence)
                .unwrap_or(defaults.first_byte),
            idle: own(self.idle_timeout_ms)
                .or(silence)
                .unwrap_or(defaults.idle),
            total: own(self.total_timeout_ms).unwrap_or(defaults.total),
        }
    }
}

impl Setting for ClientArgs {
    const TYPE: &'static str = "a mapping";
    const SCALAR: bool = false;

    fn read(value: &Value, path: &str, report: &mut Report) -> Option<Self> {
        let map = Map::read(value, path, report)?;
        let mut reader = Reader::new(&map, path, report);
        let mut custom_headers = Vec::new();
        // The SDKs' own name for it is accepted beside ours.
        for key in ["custom_headers", "default_headers"] {
            let headers = reader.optional::<Map>(key, None).unwrap_or_default();
            let path = reader.path(key);
            for (name, value) in &headers {
                let value = Secret::read(value, &format!("{path}.{name}"), reader.report);
                custom_headers.extend(value.map(|value| (name.clone(), value)));
            }
        }
        Some(Self {
            custom_headers,
            max_retries: reader.optional("max_retries", None),
            timeout: reader.optional("timeout", Some(Above(0.0))),
            connect_timeout_ms: reader.optional("connect_timeout_ms", Some(Above(0.0))),
            first_byte_timeout_ms: reader.optional("first_byte_timeout_ms", Some(Above(0.0))),
            idle_timeout_ms: reader.optional("idle_timeout_ms", Some(Above(0.0))),
            total_timeout_ms: reader.optional("total_timeout_ms", Some(Above(0.0))),
            extra: reader.rest(),
        })
    }

    fn show(&self) -> Value {
        let headers: Map = self
            .custom_headers
            .iter()
            .map(|(name, value)| (name.clone(), value.show()))
            .collect();
        json!({
            "custom_headers": headers,
            "max_retries": self.max_retries,
            "timeout": self.timeout,
            "connect_timeout_ms": self.connect_timeout_ms,
            "first_byte_timeout_ms": self.first_byte_timeout_ms,
            "idle_timeout_ms": self.idle_timeout_ms,
            "total_timeout_ms": self.total_timeout_ms,
            "extra": self.extra.show(),
        })
    }
}

impl Setting for Instances {
    const TYPE: &'static str = "a mapping of instance name to settings";
    const SCALAR: bool = false;

    fn read(value: &Value, path: &str, report: &mut Report) -> Option<Self> {
        let map = Map::read(value, path, report)?;
        let read = map
            .iter()
            .filter_map(|(name, entry)| ProviderInstance::read(name, entry, path, report));
        Some(Self(read.collect()))
    }

    fn show(&self) -> Value {
        self.0
            .iter()
            .map(|instance| (instance.name.clone(), instance.shown()))
            .collect()
    }
}

impl fmt::Debug for ProviderInstance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProviderInstance({}, {})", self.name, self.shown())
    }
}

impl fmt::Debug for ClientArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientArgs({})", self.show())
    }
}

//! Provider instances made from the platform's credentials.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use otari_platform::ResolvedAttempt;
use otari_providers::{
    Environment, Instance, InstanceOptions, InstanceSettings, Timeouts, catalog,
};
use otari_types::Clock;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Kept so that tokens that a credential is exchanged for are not fetched for every call.
const INSTANCES_MAX: u64 = 1000;
/// A credential that was withdrawn must not stay in memory for long.
const UNUSED_MAX: Duration = Duration::from_mins(10);
const AWS_KEY_ID: &str = "aws_access_key_id";
const AWS_SECRET: &str = "aws_secret_access_key";

#[derive(Debug)]
pub(super) struct Instances {
    timeouts: Timeouts,
    clock: Arc<dyn Clock>,
    /// By everything they are made from.
    made: Cache<[u8; 32], Arc<Instance>>,
}

impl Instances {
    pub(super) fn new(timeouts: Timeouts, clock: Arc<dyn Clock>) -> Self {
        let made = Cache::builder()
            .max_capacity(INSTANCES_MAX)
            .time_to_idle(UNUSED_MAX);
        Self {
            timeouts,
            clock,
            made: made.build(),
        }
    }

    /// What calls the attempt's provider, or what is wrong with it.
    pub(super) fn of(&self, attempt: &ResolvedAttempt) -> Result<Arc<Instance>, String> {
        let identity = identity(attempt);
        if let Some(made) = self.made.get(&identity) {
            return Ok(made);
        }
        let made = Arc::new(self.make(attempt)?);
        self.made.insert(identity, Arc::clone(&made));
        Ok(made)
    }

    fn make(&self, attempt: &ResolvedAttempt) -> Result<Instance, String> {
        let provider = catalog::find(&attempt.provider)
            .ok_or_else(|| format!("this gateway knows no provider '{}'", attempt.provider))?;
        let mut values = attempt.extra_params.clone();
        let mut key = attempt.api_key.clone();
        // Beside an access key's id the key is the secret that belongs to it, else a bearer token.
        if values.contains_key(AWS_KEY_ID) && !values.contains_key(AWS_SECRET) {
            let secret = key
                .take()
                .map_or(Value::Null, |secret| secret.expose().into());
            values.insert(AWS_SECRET.to_owned(), secret);
        }
        let settings = InstanceSettings {
            name: provider.id.to_owned(),
            api_key: key,
            more_keys: Vec::new(),
            api_base: attempt.api_base.clone(),
            custom_headers: Vec::new(),
            models: Vec::new(),
            timeouts: self.timeouts,
            // The platform says what is tried after a failure.
            max_retries: 0,
            implicit: false,
        };
        let options = InstanceOptions {
            values,
            // The credentials are the platform's alone: never this machine's.
            environment: Environment::default(),
            clock: Arc::clone(&self.clock),
        };
        Instance::with_options(provider, settings, &options).map_err(|error| error.to_string())
    }
}

fn identity(attempt: &ResolvedAttempt) -> [u8; 32] {
    let key = attempt.api_key.as_ref().map(otari_types::Secret::expose);
    let extra = Value::Object(attempt.extra_params.clone()).to_string();
    let mut hash = Sha256::new();
    for part in [
        Some(attempt.provider.as_str()),
        key,
        attempt.api_base.as_deref(),
        Some(&extra),
    ] {
        // With its length, so that no two lists of parts read the same.
        let length = part.map_or(u64::MAX, |part| part.len() as u64);
        hash.update(length.to_le_bytes());
        hash.update(part.unwrap_or_default().as_bytes());
    }
    hash.finalize().into()
}

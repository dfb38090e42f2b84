//! The operator's credential: the master key, configured or made at the first start.

use std::fmt;

use otari_store::{Store, StoreError, runtime_settings};
use otari_types::{Secret, random_token};
use subtle::ConstantTimeEq;

use crate::credentials::{Credential, hash_token};
use crate::error::GatewayError;

const GENERATED_PREFIX: &str = "otari-mk-";
const SETTING: &str = "master_key_hash";

/// Recognises the master key.
pub struct Operator {
    store: Store,
    /// Hash of the configured key; `None` when the stored, generated one counts.
    configured: Option<[u8; 32]>,
}

impl Operator {
    pub fn new(store: Store, configured: Option<&Secret>) -> Self {
        let configured = configured.map(|key| hash_token(key.expose()));
        Self { store, configured }
    }

    /// Makes a master key when none is configured and none was made before. Returns the new key, to be shown
    /// once. Several nodes may start at the same time: one wins, the others adopt its key and show nothing.
    pub async fn ensure(&self) -> Result<Option<Secret>, StoreError> {
        if self.configured.is_some() {
            return Ok(None);
        }
        let key = format!("{GENERATED_PREFIX}{}", random_token(32));
        let hash = to_hex(&hash_token(&key));
        let stored = runtime_settings::put_if_absent(&self.store, SETTING, &hash).await?;
        Ok((stored == hash).then(|| Secret::new(key)))
    }

    /// Whether the credential is the master key. The stored hash is read each time, so that a rotation on one
    /// node counts on all at once; only tokens of the generated form cost that read.
    pub async fn matches(&self, credential: &Credential) -> Result<bool, GatewayError> {
        if let Some(configured) = &self.configured {
            return Ok(configured.ct_eq(&credential.hash).into());
        }
        if !credential.token.expose().starts_with(GENERATED_PREFIX) {
            return Ok(false);
        }
        let stored = runtime_settings::get(&self.store, SETTING)
            .await
            .map_err(|error| {
                tracing::error!(%error, "the master key could not be checked");
                GatewayError::AuthUnavailable
            })?;
        let presented = to_hex(&credential.hash);
        Ok(stored.is_some_and(|stored| stored.as_bytes().ct_eq(presented.as_bytes()).into()))
    }

    /// Admits only the operator.
    pub async fn require(&self, credential: &Credential) -> Result<(), GatewayError> {
        if self.matches(credential).await? {
            return Ok(());
        }
        Err(GatewayError::InvalidMasterKey)
    }
}

impl fmt::Debug for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operator")
            .field("configured", &self.configured.is_some())
            .finish_non_exhaustive()
    }
}

pub fn to_hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

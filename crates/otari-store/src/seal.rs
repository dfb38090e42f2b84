//! Sealing of secrets at rest: AES-256-GCM, bound to the row they belong to, under keys the operator provides.

mod fernet;

use std::fmt;

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, Mac};
use otari_types::Secret;
use sha2::Sha256;
use zeroize::Zeroizing;

/// Begins every text sealed here, so that its form can change.
const PREFIX: &str = "otari1.";
/// A Fernet key is two of 16 bytes; the seal's own key is derived, so that no key serves two ciphers.
const DERIVATION: &[u8] = b"otari seal v1: aes-256-gcm";
const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;

/// URL-safe base64; keys and Fernet tokens come with padding, but not from everywhere.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    #[error("no secret key is set; set OTARI_SECRET_KEY to 32 random bytes in URL-safe base64")]
    NoKey,
    /// Counted from 1.
    #[error("secret key {position} is not 32 bytes in URL-safe base64")]
    BadKey { position: usize },
    /// None of the keys opens it, or it was sealed for another row, or it was changed.
    #[error("a stored secret cannot be opened with the keys at hand")]
    CannotOpen,
    #[error("the secret cannot be sealed")]
    CannotSeal,
}

#[derive(Clone, Copy)]
enum Form {
    Sealed,
    Fernet,
}

/// Seals with the first key and opens with any, so that keys can be rotated.
#[derive(Clone)]
pub struct Sealer {
    keys: Vec<Zeroizing<[u8; KEY_BYTES]>>,
}

impl Sealer {
    /// Reads keys separated by commas or white space, as Fernet keys are written.
    pub fn from_keys(text: &str) -> Result<Self, SealError> {
        let mut keys = Vec::new();
        let parts = text.split(|c: char| c == ',' || c.is_whitespace());
        for (index, part) in parts.filter(|part| !part.is_empty()).enumerate() {
            let bytes = BASE64.decode(part).map(Zeroizing::new).ok();
            let key = bytes.and_then(|bytes| <[u8; KEY_BYTES]>::try_from(bytes.as_slice()).ok());
            let position = index + 1;
            keys.push(Zeroizing::new(key.ok_or(SealError::BadKey { position })?));
        }
        if keys.is_empty() {
            Err(SealError::NoKey)
        } else {
            Ok(Self { keys })
        }
    }

    /// The sealed text of a secret; it opens only for the same table and row.
    pub fn seal(&self, table: &str, row: &str, secret: &Secret) -> Result<String, SealError> {
        let key = self.keys.first().ok_or(SealError::NoKey)?;
        let mut nonce = [0u8; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|_| SealError::CannotSeal)?;
        let aad = binding(table, row);
        let payload = Payload {
            msg: secret.expose().as_bytes(),
            aad: &aad,
        };
        let sealed = cipher(key)
            .and_then(|cipher| cipher.encrypt(&Nonce::from(nonce), payload).ok())
            .ok_or(SealError::CannotSeal)?;
        let mut bytes = nonce.to_vec();
        bytes.extend_from_slice(&sealed);
        Ok(format!("{PREFIX}{}", BASE64.encode(bytes)))
    }

    /// The secret of a text sealed here, or of a Fernet token from an existing database (which is bound to no row).
    pub fn open(&self, table: &str, row: &str, sealed: &str) -> Result<Secret, SealError> {
        let (form, text) = match sealed.strip_prefix(PREFIX) {
            Some(text) => (Form::Sealed, text),
            None => (Form::Fernet, sealed.trim()),
        };
        let bytes = BASE64.decode(text).map_err(|_| SealError::CannotOpen)?;
        let plain = self.keys.iter().find_map(|key| match form {
            Form::Sealed => open(key, &bytes, &binding(table, row)),
            Form::Fernet => fernet::open(key, &bytes),
        });
        let plain = plain.and_then(|plain| String::from_utf8(plain).ok());
        plain.map(Secret::new).ok_or(SealError::CannotOpen)
    }

    /// Whether sealing it again would put it under the first key and in today's form.
    pub fn is_current(&self, table: &str, row: &str, sealed: &str) -> bool {
        let first = Self {
            keys: self.keys.iter().take(1).cloned().collect(),
        };
        sealed.starts_with(PREFIX) && first.open(table, row, sealed).is_ok()
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer")
            .field("keys", &self.keys.len())
            .finish()
    }
}

fn open(key: &[u8; KEY_BYTES], bytes: &[u8], aad: &[u8]) -> Option<Vec<u8>> {
    let (nonce, msg) = bytes.split_first_chunk::<NONCE_BYTES>()?;
    cipher(key)?
        .decrypt(&Nonce::from(*nonce), Payload { msg, aad })
        .ok()
}

fn cipher(key: &[u8; KEY_BYTES]) -> Option<Aes256Gcm> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).ok()?;
    mac.update(DERIVATION);
    let derived = Zeroizing::new(<[u8; KEY_BYTES]>::from(mac.finalize().into_bytes()));
    Aes256Gcm::new_from_slice(derived.as_slice()).ok()
}

/// Lengths first, so that no other pair of names gives the same bytes.
fn binding(table: &str, row: &str) -> Vec<u8> {
    format!("{}:{table}{}:{row}", table.len(), row.len()).into_bytes()
}

#[cfg(test)]
mod tests;

//! Identifiers as distinct types, so that a user id cannot be passed where a key id is meant.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[doc = $doc:literal] $name:ident;)*) => {$(
        #[doc = $doc]
        /// Cheap to clone: the text is shared.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }
        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }
    )*};
}

id! {
    /// A virtual key's row id (not the key itself).
    KeyId;
    /// Who spend is attributed to; chosen by the operator.
    UserId;
    /// A budget definition.
    BudgetId;
    /// Something with counters that a budget caps: `user:<user id>` or `scope:<scoped budget id>`.
    AccountId;
    /// One gateway process's place in the ledger; kept in its data directory.
    NodeId;
}

impl AccountId {
    pub fn of_user(user: &UserId) -> Self {
        Self::from(format!("user:{user}"))
    }
}

/// A fresh UUIDv7 as text: unique, and sorted by creation time.
pub fn new_id() -> String {
    let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
    let id = uuid::Uuid::now_v7().hyphenated();
    id.encode_lower(&mut text).to_owned()
}

/// `bytes` random bytes from the operating system as unpadded URL-safe base64.
///
/// # Panics
/// When the operating system has no randomness: nothing secret may be minted then.
#[expect(
    clippy::expect_used,
    reason = "without randomness no credential may be minted"
)]
pub fn random_token(bytes: usize) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut raw = vec![0u8; bytes];
    getrandom::fill(&mut raw).expect("the operating system provides randomness");
    let mut text = String::with_capacity(bytes.div_ceil(3) * 4);
    for group in raw.chunks(3) {
        let word = group.iter().enumerate().fold(0u32, |word, (i, byte)| {
            word | u32::from(*byte) << (16 - 8 * i)
        });
        for i in 0..=group.len() {
            let index = (word >> (18 - 6 * i)) & 63;
            text.push(char::from(
                ALPHABET.get(index as usize).copied().unwrap_or(b'A'),
            ));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_the_length_of_their_bytes_and_differ() {
        assert_eq!(random_token(48).len(), 64);
        assert_eq!(random_token(32).len(), 43);
        assert_ne!(random_token(32), random_token(32));
    }
}

//! Why a document was not read, in words for the person who sent it.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum DocumentError {
    #[error("it is empty")]
    Empty,
    #[error("it has more than {max} bytes")]
    TooLarge { max: usize },
    /// Which format it is, and what would be read.
    #[error("{0}")]
    Unsupported(String),
    #[error("it is encrypted; send it without a password")]
    Encrypted,
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// Made to exhaust its reader, whether on purpose or not.
    #[error("it is not read: {0}")]
    Hostile(String),
}

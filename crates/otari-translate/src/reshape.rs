//! One stream made of another, as it comes.

use bytes::Bytes;

use crate::error::DecodeError;

/// Turns a provider's stream into what the client asked for. Where the bytes are cut makes no difference.
pub trait Reshape: std::fmt::Debug + Send + Sync {
    /// Appends what `chunk` completes.
    fn push(&mut self, chunk: Bytes, out: &mut Vec<u8>) -> Result<(), DecodeError>;

    /// The connection ended. An answer that is not complete by now never will be.
    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), DecodeError>;
}

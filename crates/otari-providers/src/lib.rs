//! Who serves models and how to reach them: the catalogue, credentials, and the one transport.
//!
//! A provider is a row; what is particular about it is data (dialect, auth, capabilities, quirks). Its id is
//! compared nowhere else.

mod address;
mod batch_bucket;
pub mod bucket;
pub mod catalog;
mod credential;
pub mod echo;
pub mod error;
pub mod instance;
mod key_ring;
pub mod operation;
pub mod options;
pub mod provider;
pub mod quirk;
pub mod transport;

pub use batch_bucket::{BatchBucket, Folder, GoogleBatches, S3Batches};
pub use bucket::{Bucket, BucketError, BucketOptions, PartedUpload};
pub use error::{UpstreamError, UpstreamErrorKind};
pub use instance::{Instance, InstanceError, InstanceSettings, Timeouts};
pub use key_ring::KeyRing;
pub use operation::Operation;
pub use options::{Environment, InstanceOptions};
pub use provider::{AuthScheme, Capability, Dialect, Provider};
pub use transport::{
    Answered, Feed, LiveBody, Outbound, Transport, Turns, UpstreamBody, live_body,
};

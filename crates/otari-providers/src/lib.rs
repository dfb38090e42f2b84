//! Who serves models and how to reach them: the catalogue, credentials, and the one transport.
//!
//! A provider is a row; what is particular about it is data (dialect, auth, capabilities, quirks). Its id is
//! compared nowhere else.

pub mod catalog;
pub mod echo;
pub mod error;
pub mod instance;
pub mod provider;
pub mod quirk;
pub mod transport;

pub use error::{UpstreamError, UpstreamErrorKind};
pub use instance::{Instance, InstanceError, InstanceSettings, Timeouts};
pub use provider::{AuthScheme, Capability, Dialect, Provider};
pub use transport::{Answered, Outbound, Transport, UpstreamBody};

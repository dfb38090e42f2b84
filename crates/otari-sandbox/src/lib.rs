//! Runs untrusted Python in sessions: in WebAssembly, under Linux namespaces, or on another machine.
//!
//! The six operations of the code-execution protocol, version 1, are the methods of [`Sandbox`]; it is also what
//! `otari sandbox serve` serves.

mod error;
mod exec;
mod file;
mod frame;
mod http;
mod local;
#[cfg(target_os = "linux")]
mod native;
mod sandbox;
pub mod science;
#[cfg(feature = "server")]
pub mod server;
mod session;
mod settings;
mod wasm;
pub mod worker;

pub use error::SandboxError;
pub use exec::{EditorCommand, ExecOutcome, ExecRequest, Kind, Program};
pub use file::WorkspaceFile;
pub use sandbox::Sandbox;
pub use session::{CreateSession, SessionHandle, SessionId};
pub use settings::{Backend, Limits, Settings};

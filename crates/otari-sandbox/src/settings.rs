//! What an operator decides.

use std::path::PathBuf;
use std::time::Duration;

use otari_types::Secret;

/// Where programs run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backend {
    /// CPython as WebAssembly, in a process of its own for each session.
    Wasm,
    /// The same with numpy, pandas, scipy and matplotlib, once they are [installed](crate::science::install).
    Science,
    /// The host's `python3` under Linux namespaces. Refuses to start where the kernel does not allow it.
    Native { python: PathBuf },
    /// A server of the code-execution protocol.
    Http { url: String, token: Option<Secret> },
}

/// Bounds of sessions on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Open at once.
    pub sessions: usize,
    /// Started ahead of need, once the first session has been asked for.
    pub warm_sessions: usize,
    /// Wall clock of one program.
    pub exec_timeout: Duration,
    pub idle_timeout: Duration,
    pub max_lifetime: Duration,
    /// Memory of the interpreter and what it holds.
    pub memory_bytes: u64,
    /// All files of a session together.
    pub workspace_bytes: u64,
    /// Files and folders of a session.
    pub workspace_files: u64,
    /// Of each output stream of one program.
    pub output_bytes: usize,
    /// Processes of a session (native only).
    pub processes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: u64 = 1024 * 1024;
        Self {
            sessions: 200,
            warm_sessions: 2,
            exec_timeout: Duration::from_mins(1),
            idle_timeout: Duration::from_mins(5),
            max_lifetime: Duration::from_hours(1),
            memory_bytes: 256 * MIB,
            workspace_bytes: 256 * MIB,
            workspace_files: 10_000,
            output_bytes: 256 * 1024,
            processes: 64,
        }
    }
}

/// Below the data directory: machine code.
pub(crate) const CACHE: &str = "cache";

/// Everything a [`Sandbox`](crate::Sandbox) is made from.
#[derive(Clone, Debug)]
pub struct Settings {
    pub backend: Backend,
    pub limits: Limits,
    /// Compiled code and workspaces; made with mode 0700.
    pub data_dir: PathBuf,
    /// The program that is started again as a worker, with `__sandbox-worker` as its first argument.
    pub worker: PathBuf,
}

impl From<&Limits> for crate::frame::Bounds {
    fn from(limits: &Limits) -> Self {
        Self {
            exec_timeout_ms: u64::try_from(limits.exec_timeout.as_millis()).unwrap_or(u64::MAX),
            memory_bytes: limits.memory_bytes,
            workspace_bytes: limits.workspace_bytes,
            workspace_files: limits.workspace_files,
            output_bytes: limits.output_bytes,
            processes: limits.processes,
        }
    }
}

//! Where the programs of models run, and what they may take.

use otari_types::Secret;

use crate::section::section;
use crate::setting::Limit::Between;
use crate::setting::choice;

choice! {
    /// What runs programs, where no `sandbox_url` is set.
    SandboxBackend("`wasm`, `science`, `native` or `off`") {
        /// Python as WebAssembly in processes of its own; everywhere.
        Wasm = "wasm",
        /// The same with numpy and its kin, which are installed first.
        Science = "science",
        /// The host's Python under Linux namespaces.
        Native = "native",
        /// Nothing.
        Off = "off",
    }
}

section! {
    /// Code execution.
    Sandbox("Code execution") {
        /// What runs programs, where no `sandbox_url` is set: `wasm` (Python as WebAssembly, needs nothing), `science` (the same with numpy, pandas, scipy and matplotlib, after `otari sandbox install science`), `native` (the host's Python and shell under Linux namespaces) or `off`.
        sandbox_backend: SandboxBackend = SandboxBackend::Wasm;
        /// Sent to `sandbox_url` as bearer token; asked for by `otari sandbox serve`.
        sandbox_token: Option<Secret> = None;
        /// The interpreter of the native backend; a bare name is looked for in /usr/local/bin, /usr/bin and /bin.
        sandbox_python: String = "python3".to_owned();
        /// Sessions open at once; one more is refused.
        sandbox_max_sessions: u32 = 200 => Between(1.0, 10_000.0);
        /// Sessions started ahead of need, once the first has been asked for.
        sandbox_warm_sessions: u32 = 2 => Between(0.0, 100.0);
        /// Wall clock of one program, in seconds.
        sandbox_exec_timeout_seconds: u32 = 60 => Between(1.0, 3600.0);
        /// A session ends after so many seconds without a program or a file operation.
        sandbox_idle_timeout_seconds: u32 = 300 => Between(1.0, 86_400.0);
        /// A session ends after so many seconds, however busy.
        sandbox_max_lifetime_seconds: u32 = 3600 => Between(1.0, 86_400.0);
        /// Memory of a session's programs, in MiB.
        sandbox_memory_mb: u32 = 256 => Between(64.0, 4096.0);
        /// All files of a session together, in MiB. In memory with the native backend, on disk with the others.
        sandbox_workspace_mb: u32 = 256 => Between(1.0, 4096.0);
        /// Files and folders of a session.
        sandbox_workspace_files: u32 = 10_000 => Between(10.0, 1_000_000.0);
        /// What is kept of each output stream of one program, in KiB.
        sandbox_output_kb: u32 = 256 => Between(1.0, 16_384.0);
        /// Processes of a session (native backend).
        sandbox_processes: u32 = 64 => Between(4.0, 4096.0);
    }
}

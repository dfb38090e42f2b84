//! Sandboxes to try things in.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use otari_sandbox::{
    Backend, CreateSession, ExecOutcome, ExecRequest, Kind, Limits, Program, Sandbox, SandboxError,
    SessionId, Settings, science, server,
};
use otari_types::{Clock, Secret, SystemClock};

const MIB: u64 = 1024 * 1024;

/// Small enough that a test reaches each of them.
pub(crate) fn small() -> Limits {
    Limits {
        warm_sessions: 0,
        exec_timeout: Duration::from_secs(10),
        memory_bytes: 128 * MIB,
        workspace_bytes: 16 * MIB,
        workspace_files: 500,
        output_bytes: 20_000,
        processes: 24,
        ..Limits::default()
    }
}

pub(crate) fn settings(backend: Backend, limits: Limits) -> Settings {
    Settings {
        backend,
        limits,
        data_dir: std::env::var_os(DATA_DIR).map_or_else(
            // Kept between runs: the interpreter is compiled once for each machine.
            || Path::new(env!("CARGO_TARGET_TMPDIR")).join("sandbox"),
            PathBuf::from,
        ),
        worker: PathBuf::from(env!("CARGO_BIN_EXE_sandbox-worker")),
    }
}

pub(crate) fn with_clock(backend: Backend, limits: Limits, clock: Arc<dyn Clock>) -> Sandbox {
    Sandbox::new(settings(backend, limits), clock).expect("a sandbox")
}

pub(crate) fn wasm(limits: Limits) -> Sandbox {
    with_clock(Backend::Wasm, limits, Arc::new(SystemClock))
}

/// A sandbox and the name to tell it by.
pub(crate) struct Tried {
    pub(crate) name: &'static str,
    pub(crate) sandbox: Sandbox,
}

/// Where `cargo xtask sandbox --check` has another build of the interpreter. That one alone is tried then.
const DATA_DIR: &str = "OTARI_SANDBOX_TEST_DATA_DIR";

/// Every backend of this machine, each with rooms of its own.
pub(crate) async fn backends(limits: &Limits) -> Vec<Tried> {
    if std::env::var_os(DATA_DIR).is_some() {
        let sandbox = wasm(limits.clone());
        return vec![Tried {
            name: "a fresh wasm",
            sandbox,
        }];
    }
    let mut backends = vec![
        Tried {
            name: "wasm",
            sandbox: wasm(limits.clone()),
        },
        Tried {
            name: "http to wasm",
            sandbox: served(wasm(limits.clone()), limits).await,
        },
    ];
    if let Some(sandbox) = science(limits) {
        backends.push(Tried {
            name: "science",
            sandbox,
        });
    }
    if has_namespaces() {
        backends.extend([
            Tried {
                name: "native",
                sandbox: native(limits.clone()),
            },
            Tried {
                name: "http to native",
                sandbox: served(native(limits.clone()), limits).await,
            },
        ]);
    }
    backends
}

/// The sandbox with packages, where it is installed: `cargo xtask test` does that. It is 94 MiB, and compiled for minutes.
pub(crate) fn science(limits: &Limits) -> Option<Sandbox> {
    let data_dir = settings(Backend::Science, small()).data_dir;
    science::installed(&data_dir)?;
    let limits = Limits {
        // The interpreter itself takes more than the other one.
        memory_bytes: limits.memory_bytes.max(192 * MIB),
        ..limits.clone()
    };
    let clock = Arc::new(SystemClock);
    Some(with_clock(Backend::Science, limits, clock))
}

async fn served(sandbox: Sandbox, limits: &Limits) -> Sandbox {
    let url = serve(sandbox, Some(TOKEN)).await;
    remote(&url, Some(TOKEN), limits.clone())
}

/// Whether the kernel allows what the native backend is made of, asked without it: were it to refuse for a reason of
/// its own, tests fail instead of leaving it out.
pub(crate) fn has_namespaces() -> bool {
    let arguments = [
        "--user",
        "--map-root-user",
        "--mount",
        "--pid",
        "--fork",
        "--mount-proc",
        "true",
    ];
    let tried = std::process::Command::new("unshare")
        .args(arguments)
        .status();
    tried.is_ok_and(|status| status.success())
}

pub(crate) fn native(limits: Limits) -> Sandbox {
    let python = PathBuf::from("python3");
    with_clock(Backend::Native { python }, limits, Arc::new(SystemClock))
}

pub(crate) const TOKEN: &str = "a-token-for-tests";

/// Serves the protocol on a free port and answers its address.
pub(crate) async fn serve(sandbox: Sandbox, token: Option<&str>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("an address");
    let router = server::router(sandbox, token.map(Secret::new), 16 * MIB);
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

pub(crate) fn remote(url: &str, token: Option<&str>, limits: Limits) -> Sandbox {
    let backend = Backend::Http {
        url: url.to_owned(),
        token: token.map(Secret::new),
    };
    with_clock(backend, limits, Arc::new(SystemClock))
}

/// A session with a way to run programs in it. Dropping it does not end it.
pub(crate) struct Session {
    pub(crate) sandbox: Sandbox,
    pub(crate) id: SessionId,
}

impl Session {
    pub(crate) async fn open(sandbox: &Sandbox) -> Self {
        let handle = sandbox.create(CreateSession::default()).await;
        Self {
            sandbox: sandbox.clone(),
            id: handle.expect("a session").id,
        }
    }

    pub(crate) async fn run(&self, code: &str) -> ExecOutcome {
        self.run_for(code, Duration::from_secs(10)).await
    }

    pub(crate) async fn run_for(&self, code: &str, timeout: Duration) -> ExecOutcome {
        let request = ExecRequest {
            timeout: Some(timeout),
            ..ExecRequest::python(code)
        };
        let ran = self.sandbox.exec(&self.id, request).await;
        ran.expect("an outcome")
    }

    /// `None` where the backend has no programs of this kind.
    pub(crate) async fn program(&self, program: Program) -> Option<ExecOutcome> {
        let request = ExecRequest {
            program,
            timeout: Some(Duration::from_secs(5)),
            tool_use_id: None,
        };
        match self.sandbox.exec(&self.id, request).await {
            Ok(ran) => Some(ran),
            Err(SandboxError::BadRequest(_)) => None,
            Err(error) => unreachable!("{error}"),
        }
    }

    pub(crate) async fn shell(&self, command: &str) -> Option<ExecOutcome> {
        let command = command.to_owned();
        if !self.sandbox.runs(Kind::Bash) {
            return None;
        }
        self.program(Program::Bash { command }).await
    }

    /// Standard output of a cell that must succeed.
    pub(crate) async fn printed(&self, code: &str) -> String {
        let ran = self.run(code).await;
        assert_eq!(ran.return_code, 0, "{code}\n{}{}", ran.stdout, ran.stderr);
        ran.stdout
    }
}

//! A sandbox to try things in.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use otari_sandbox::{
    Backend, CreateSession, ExecOutcome, ExecRequest, Limits, Sandbox, SessionId, Settings,
};
use otari_types::SystemClock;

/// The interpreter is compiled once for each machine, not for each test.
pub(crate) fn data_dir() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("sandbox")
}

pub(crate) fn settings(backend: Backend, limits: Limits) -> Settings {
    Settings {
        backend,
        limits,
        data_dir: data_dir(),
        worker: PathBuf::from(env!("CARGO_BIN_EXE_sandbox-worker")),
    }
}

pub(crate) fn sandbox(backend: Backend, limits: Limits) -> Sandbox {
    Sandbox::new(settings(backend, limits), Arc::new(SystemClock)).expect("a sandbox")
}

/// A session with a way to run cells in it.
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
        let ran = self.sandbox.exec(&self.id, ExecRequest::python(code)).await;
        ran.expect("an outcome")
    }

    pub(crate) async fn run_for(&self, code: &str, timeout: Duration) -> ExecOutcome {
        let request = ExecRequest {
            timeout: Some(timeout),
            ..ExecRequest::python(code)
        };
        self.sandbox
            .exec(&self.id, request)
            .await
            .expect("an outcome")
    }

    /// Standard output of a cell that must succeed.
    pub(crate) async fn printed(&self, code: &str) -> String {
        let ran = self.run(code).await;
        assert_eq!(ran.return_code, 0, "{code}\n{}{}", ran.stdout, ran.stderr);
        ran.stdout
    }
}

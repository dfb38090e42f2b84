//! The six operations.

use std::sync::Arc;

use bytes::Bytes;
use otari_types::Clock;

use crate::{
    CreateSession, ExecOutcome, ExecRequest, Kind, SandboxError, SessionHandle, SessionId,
    Settings, WorkspaceFile,
};

/// A backend, whichever it is. Cheap to clone; the last clone to go ends every session.
#[derive(Clone, Debug)]
pub struct Sandbox {
    settings: Arc<Settings>,
    clock: Arc<dyn Clock>,
}

impl Sandbox {
    /// Checks that the backend can run here; starts nothing.
    pub fn new(settings: Settings, clock: Arc<dyn Clock>) -> Result<Self, SandboxError> {
        Ok(Self {
            settings: Arc::new(settings),
            clock,
        })
    }

    /// Whether the backend runs programs of this kind.
    pub fn runs(&self, _kind: Kind) -> bool {
        let _ = (&self.settings, &self.clock);
        false
    }

    /// Does what the first session would otherwise wait for (compiling the interpreter, once for each machine).
    pub async fn prepare(&self) -> Result<(), SandboxError> {
        Err(unavailable())
    }

    pub async fn create(&self, _wanted: CreateSession) -> Result<SessionHandle, SandboxError> {
        Err(unavailable())
    }

    /// Runs a program. A program that fails, or is stopped for its limits, is an outcome.
    pub async fn exec(
        &self,
        _session: &SessionId,
        _request: ExecRequest,
    ) -> Result<ExecOutcome, SandboxError> {
        Err(unavailable())
    }

    /// Ends a session and removes its files. An unknown one is already ended.
    pub async fn destroy(&self, _session: &SessionId) -> Result<(), SandboxError> {
        Err(unavailable())
    }

    /// Files at and below `path`, by path; `.` is the workspace.
    pub async fn list_files(
        &self,
        _session: &SessionId,
        _path: &str,
    ) -> Result<Vec<WorkspaceFile>, SandboxError> {
        Err(unavailable())
    }

    pub async fn get_file(&self, _session: &SessionId, _path: &str) -> Result<Bytes, SandboxError> {
        Err(unavailable())
    }

    /// Writes a file, folders on the way included; one that is there is replaced.
    pub async fn put_file(
        &self,
        _session: &SessionId,
        _path: &str,
        _content: Bytes,
    ) -> Result<WorkspaceFile, SandboxError> {
        Err(unavailable())
    }
}

fn unavailable() -> SandboxError {
    SandboxError::Unavailable {
        reason: "no backend is linked yet".to_owned(),
    }
}

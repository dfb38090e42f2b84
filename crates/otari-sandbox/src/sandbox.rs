//! The six operations.

use std::sync::Arc;

use bytes::Bytes;
use otari_types::Clock;

use crate::http::Remote;
use crate::local::Local;
use crate::{
    Backend, CreateSession, ExecOutcome, ExecRequest, Kind, SandboxError, SessionHandle, SessionId,
    Settings, WorkspaceFile,
};

/// A backend, whichever it is. Cheap to clone; the last clone to go ends every session.
#[derive(Clone, Debug)]
pub struct Sandbox(Kept);

#[derive(Clone, Debug)]
enum Kept {
    Local(Arc<Local>),
    Remote(Arc<Remote>),
}

impl Sandbox {
    /// Checks the settings; starts nothing.
    pub fn new(settings: Settings, clock: Arc<dyn Clock>) -> Result<Self, SandboxError> {
        Ok(Self(match settings.backend.clone() {
            Backend::Wasm | Backend::Science | Backend::Native { .. } => {
                Kept::Local(Local::new(settings, clock))
            }
            Backend::Http { url, token } => {
                Kept::Remote(Arc::new(Remote::new(&url, token, settings.limits, clock)?))
            }
        }))
    }

    /// Whether the backend runs programs of this kind.
    pub fn runs(&self, kind: Kind) -> bool {
        match &self.0 {
            Kept::Local(local) => local.runs(kind),
            Kept::Remote(_) => true,
        }
    }

    /// What a model should know of the packages there are; empty where there are none, or nobody knows.
    pub fn packages(&self) -> &'static str {
        match &self.0 {
            Kept::Local(local) => local.packages(),
            Kept::Remote(_) => "",
        }
    }

    /// Does what the first session would otherwise wait for: compiles the interpreter (once for each machine) and
    /// starts the warm sessions.
    pub async fn prepare(&self) -> Result<(), SandboxError> {
        match &self.0 {
            Kept::Local(local) => local.prepare().await,
            Kept::Remote(_) => Ok(()),
        }
    }

    pub async fn create(&self, wanted: CreateSession) -> Result<SessionHandle, SandboxError> {
        match &self.0 {
            Kept::Local(local) => local.create(wanted).await,
            Kept::Remote(remote) => remote.create(wanted).await,
        }
    }

    /// Runs a program. A program that fails, or is stopped for its limits, is an outcome.
    pub async fn exec(
        &self,
        session: &SessionId,
        request: ExecRequest,
    ) -> Result<ExecOutcome, SandboxError> {
        match &self.0 {
            Kept::Local(local) => local.exec(session, request).await,
            Kept::Remote(remote) => remote.exec(session, request).await,
        }
    }

    /// Ends a session and removes its files. An unknown one is already ended.
    pub async fn destroy(&self, session: &SessionId) -> Result<(), SandboxError> {
        match &self.0 {
            Kept::Local(local) => {
                local.destroy(session).await;
                Ok(())
            }
            Kept::Remote(remote) => remote.destroy(session).await,
        }
    }

    /// Files at and below `path`, by path; `.` is the workspace.
    pub async fn list_files(
        &self,
        session: &SessionId,
        path: &str,
    ) -> Result<Vec<WorkspaceFile>, SandboxError> {
        match &self.0 {
            Kept::Local(local) => local.list_files(session, path).await,
            Kept::Remote(remote) => remote.list_files(session, path).await,
        }
    }

    pub async fn get_file(&self, session: &SessionId, path: &str) -> Result<Bytes, SandboxError> {
        match &self.0 {
            Kept::Local(local) => local.get_file(session, path).await,
            Kept::Remote(remote) => remote.get_file(session, path).await,
        }
    }

    /// Writes a file, folders on the way included; one that is there is replaced.
    pub async fn put_file(
        &self,
        session: &SessionId,
        path: &str,
        content: Bytes,
    ) -> Result<WorkspaceFile, SandboxError> {
        match &self.0 {
            Kept::Local(local) => local.put_file(session, path, content).await,
            Kept::Remote(remote) => remote.put_file(session, path, content).await,
        }
    }
}

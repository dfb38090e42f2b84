//! Sessions on this machine: a worker process each, some kept warm, all ended when their time is over.

mod directory;
mod pool;
mod process;
mod session;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use otari_types::{Clock, Timestamp};
use parking_lot::Mutex;
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};

use crate::frame::{Reply, Request};
use crate::{
    Backend, CreateSession, ExecOutcome, ExecRequest, Kind, SandboxError, SessionHandle, SessionId,
    Settings, WorkspaceFile, science,
};
use pool::Ready;
use process::Worker;
use session::Session;

/// Workers that start at the same moment; more would only be slower together.
const STARTING_MAX: usize = 4;
/// Longer than any program may be; a longer one is a mistake of the caller.
const CODE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The wasm and native backends.
pub(crate) struct Local {
    settings: Settings,
    clock: Arc<dyn Clock>,
    sessions: Mutex<HashMap<SessionId, Session>>,
    warm: Mutex<Vec<Worker>>,
    room: Arc<Semaphore>,
    starting: Semaphore,
    /// Held by whoever fills the pool: one at a time, or it would overflow.
    filling: tokio::sync::Mutex<()>,
    /// The compiled interpreter and the directory of this process's workspaces, once they are there.
    ready: OnceCell<Ready>,
    myself: Weak<Local>,
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local")
            .field("backend", &self.settings.backend)
            .field("sessions", &self.sessions.lock().len())
            .field("warm", &self.warm.lock().len())
            .finish_non_exhaustive()
    }
}

impl Local {
    pub(crate) fn new(settings: Settings, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new_cyclic(|myself| Self {
            room: Arc::new(Semaphore::new(settings.limits.sessions)),
            starting: Semaphore::new(STARTING_MAX),
            filling: tokio::sync::Mutex::default(),
            settings,
            clock,
            sessions: Mutex::default(),
            warm: Mutex::default(),
            ready: OnceCell::new(),
            myself: Weak::clone(myself),
        })
    }

    pub(crate) fn runs(&self, kind: Kind) -> bool {
        kind != Kind::Bash || matches!(self.settings.backend, Backend::Native { .. })
    }

    pub(crate) fn packages(&self) -> &'static str {
        match self.settings.backend {
            Backend::Science => science::PACKAGES,
            Backend::Wasm | Backend::Native { .. } | Backend::Http { .. } => "",
        }
    }

    pub(crate) async fn create(
        &self,
        wanted: CreateSession,
    ) -> Result<SessionHandle, SandboxError> {
        let limits = &self.settings.limits;
        let room = self.room()?;
        let worker = match self.take_warm() {
            Some(worker) => worker,
            None => self.start_worker(false).await?,
        };
        self.refill();
        let now = self.clock.now();
        let at_most =
            |wanted: Option<Duration>, limit: Duration| wanted.unwrap_or(limit).min(limit);
        let handle = SessionHandle {
            id: worker.id().clone(),
            idle_timeout: at_most(wanted.idle_timeout, limits.idle_timeout),
            max_lifetime: at_most(wanted.max_lifetime, limits.max_lifetime),
            created_at: now,
            last_activity_at: now,
        };
        let session = Session::start(handle.clone(), worker, room);
        self.sessions.lock().insert(handle.id.clone(), session);
        Ok(handle)
    }

    pub(crate) async fn exec(
        &self,
        id: &SessionId,
        request: ExecRequest,
    ) -> Result<ExecOutcome, SandboxError> {
        if !self.runs(request.program.kind()) {
            return Err(SandboxError::BadRequest(
                "this sandbox has no shell; use code_execution or text_editor_code_execution"
                    .to_owned(),
            ));
        }
        if request.program.bytes() > CODE_BYTES_MAX {
            return Err(SandboxError::BadRequest(format!(
                "a program has at most {CODE_BYTES_MAX} bytes; put data into a file"
            )));
        }
        let limit = self.settings.limits.exec_timeout;
        let timeout = request.timeout.unwrap_or(limit).min(limit);
        let tool_use_id = request.tool_use_id.unwrap_or_else(new_tool_use_id);
        let frame = Request::Exec {
            program: request.program,
            timeout_ms: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
        };
        let reply = self.session(id)?.ask(frame, Bytes::new(), timeout).await;
        match reply {
            Ok((Reply::Ran(ran), _)) => Ok(session::outcome(ran, tool_use_id)),
            Ok((reply, _)) => Err(unexpected(reply)),
            Err(lost) => {
                self.forget(id);
                Ok(lost.outcome(tool_use_id))
            }
        }
    }

    pub(crate) async fn destroy(&self, id: &SessionId) {
        let session = self.sessions.lock().remove(id);
        if let Some(session) = session {
            session.end().await;
        }
    }

    pub(crate) async fn list_files(
        &self,
        id: &SessionId,
        path: &str,
    ) -> Result<Vec<WorkspaceFile>, SandboxError> {
        let path = path.to_owned();
        match self
            .file_operation(id, Request::List { path }, Bytes::new())
            .await?
        {
            (Reply::Listed { files }, _) => {
                Ok(files.into_iter().map(WorkspaceFile::from).collect())
            }
            (reply, _) => Err(unexpected(reply)),
        }
    }

    pub(crate) async fn get_file(&self, id: &SessionId, path: &str) -> Result<Bytes, SandboxError> {
        let path = path.to_owned();
        match self
            .file_operation(id, Request::Get { path }, Bytes::new())
            .await?
        {
            (Reply::Content, content) => Ok(content),
            (reply, _) => Err(unexpected(reply)),
        }
    }

    pub(crate) async fn put_file(
        &self,
        id: &SessionId,
        path: &str,
        content: Bytes,
    ) -> Result<WorkspaceFile, SandboxError> {
        let limit_bytes = self.settings.limits.workspace_bytes;
        let path = path.to_owned();
        if u64::try_from(content.len()).unwrap_or(u64::MAX) > limit_bytes {
            return Err(SandboxError::TooLarge {
                path,
                limit_bytes: Some(limit_bytes),
            });
        }
        match self
            .file_operation(id, Request::Put { path }, content)
            .await?
        {
            (Reply::Stored { file }, _) => Ok(file.into()),
            (reply, _) => Err(unexpected(reply)),
        }
    }

    async fn file_operation(
        &self,
        id: &SessionId,
        request: Request,
        body: Bytes,
    ) -> Result<(Reply, Bytes), SandboxError> {
        // It may have to wait for a program that is running.
        let patience = self.settings.limits.exec_timeout;
        let reply = self.session(id)?.ask(request, body, patience).await;
        reply.map_err(|_lost| {
            self.forget(id);
            SandboxError::UnknownSession(id.to_string())
        })
    }

    /// The session, if its time is not over; its idle time begins anew.
    fn session(&self, id: &SessionId) -> Result<session::Door, SandboxError> {
        let now = self.clock.now();
        let mut sessions = self.sessions.lock();
        match sessions.get_mut(id) {
            Some(session) if !session.over(now) => Ok(session.enter(now)),
            _ => Err(SandboxError::UnknownSession(id.to_string())),
        }
    }

    fn forget(&self, id: &SessionId) {
        let gone = self.sessions.lock().remove(id);
        // Outside the lock: this ends a process.
        drop(gone);
    }

    /// Room for one more session; sessions whose time is over make room.
    fn room(&self) -> Result<OwnedSemaphorePermit, SandboxError> {
        let permit = || Arc::clone(&self.room).try_acquire_owned().ok();
        if let Some(permit) = permit() {
            return Ok(permit);
        }
        self.sweep(self.clock.now());
        permit().ok_or(SandboxError::AtCapacity)
    }

    fn sweep(&self, now: Timestamp) {
        let over: Vec<Session> = {
            let mut sessions = self.sessions.lock();
            sessions
                .extract_if(|_, session| session.over(now))
                .map(|(_, session)| session)
                .collect()
        };
        if !over.is_empty() {
            tracing::debug!(
                sessions = over.len(),
                "sandbox sessions ended by their time limits"
            );
        }
    }
}

fn unexpected(reply: Reply) -> SandboxError {
    match reply {
        Reply::Refused(refusal) => refusal.into(),
        Reply::Failed { reason } => SandboxError::Unavailable { reason },
        _ => unavailable("a worker answered something else than it was asked"),
    }
}

fn unavailable(reason: impl fmt::Display) -> SandboxError {
    SandboxError::Unavailable {
        reason: reason.to_string(),
    }
}

fn new_tool_use_id() -> String {
    format!("srvtoolu_{}", otari_types::random_token(12))
}

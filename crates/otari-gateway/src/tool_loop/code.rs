//! The sandbox session of one request: opened by its first program, fed with the request's files.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use otari_sandbox::{
    CreateSession, ExecOutcome, ExecRequest, Kind, Program, Sandbox, SandboxError, SessionId,
    WorkspaceFile,
};
use otari_tools::tool_loop::{OwnedCall, ToolOutcome};
use otari_types::{Secret, UserId};
use tokio::sync::Mutex;

use super::containers::Containers;
use super::pool::{Coded, Found, MadeFile, Ran, failed};
use crate::files::{Files, NewFile};
use crate::tools::programs;

/// Files of one program that are kept for the caller.
const FILES_MAX: usize = 32;
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Name of a session that ends with its request.
const ENDS: &str = "cntr_ended";
const PURPOSE: &str = "assistants_output";

/// A file that is put into the workspace before the first program.
#[derive(Clone, Debug)]
pub(super) struct GivenFile {
    pub(super) name: String,
    pub(super) content: Bytes,
}

/// Programs of one request run here, one after another.
#[derive(Debug)]
pub(super) struct CodeSession {
    sandbox: Sandbox,
    files: Option<Arc<Files>>,
    user: UserId,
    /// Name of the session, where it outlives the request.
    kept: Option<(String, Arc<Containers>)>,
    timeout: Option<Duration>,
    credential: Option<Secret>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    given: Vec<GivenFile>,
    session: Option<SessionId>,
}

/// What a request's session is made of.
pub(super) struct Opening {
    pub(super) sandbox: Sandbox,
    pub(super) files: Option<Arc<Files>>,
    pub(super) user: UserId,
    pub(super) given: Vec<GivenFile>,
    /// Name of a session that outlives the request, and where it is known.
    pub(super) kept: Option<(String, Arc<Containers>)>,
    /// It runs already.
    pub(super) session: Option<SessionId>,
    /// Of one program, where a policy says so.
    pub(super) timeout: Option<Duration>,
    /// Instead of the operator's.
    pub(super) credential: Option<Secret>,
    /// Begin at once: whether the backend is there is asked before anything else is done.
    pub(super) at_once: bool,
}

impl CodeSession {
    /// Nothing runs before the first program, unless asked to.
    pub(super) async fn open(opening: Opening) -> Result<Self, SandboxError> {
        let Opening {
            sandbox,
            files,
            user,
            given,
            kept,
            session,
            timeout,
            credential,
            at_once,
        } = opening;
        let opened = Self {
            sandbox,
            files,
            user,
            kept,
            timeout,
            credential,
            state: Mutex::new(State { given, session }),
        };
        if at_once {
            opened.session(&mut *opened.state.lock().await).await?;
        }
        Ok(opened)
    }

    /// Name of the session, where it outlives the request.
    pub(super) fn container(&self) -> Option<&str> {
        self.kept.as_ref().map(|(name, _)| name.as_str())
    }

    pub(super) fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    pub(super) async fn run(&self, kind: Kind, call: &OwnedCall) -> Ran {
        let program = match programs::program(kind, &call.arguments) {
            Ok(program) => program,
            Err(told) => return failed(call, told),
        };
        // A session runs one program at a time.
        let mut state = self.state.lock().await;
        match self.exec(&mut state, program.clone()).await {
            Ok((outcome, files)) => {
                let is_error = outcome.return_code != 0
                    || outcome.stdout.is_empty() && !outcome.stderr.is_empty();
                let kept = files
                    .iter()
                    .map(|file| format!("{} ({})", file.name, file.id));
                let text = programs::told(&outcome, kept);
                Ran {
                    outcome: ToolOutcome {
                        is_error,
                        ..ToolOutcome::text(&call.id, text)
                    },
                    found: Found::Code(Coded {
                        program,
                        input: call.arguments.clone(),
                        stdout: outcome.stdout,
                        stderr: outcome.stderr,
                        return_code: outcome.return_code,
                        container: self.container().unwrap_or(ENDS).to_owned(),
                        files,
                    }),
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a program could not be run");
                state.session = None;
                failed(call, error.to_string())
            }
        }
    }

    async fn exec(
        &self,
        state: &mut State,
        program: Program,
    ) -> Result<(ExecOutcome, Vec<MadeFile>), SandboxError> {
        let session = self.session(state).await?;
        let request = ExecRequest {
            program,
            timeout: self.timeout,
            tool_use_id: None,
        };
        let outcome = self.sandbox.exec(&session, request).await?;
        let mut made = Vec::new();
        for file in outcome.files.iter().take(FILES_MAX) {
            made.extend(self.keep(&session, file).await);
        }
        Ok((outcome, made))
    }

    async fn session(&self, state: &mut State) -> Result<SessionId, SandboxError> {
        if let Some(session) = &state.session {
            return Ok(session.clone());
        }
        let wanted = CreateSession {
            credential: self.credential.clone(),
            ..CreateSession::default()
        };
        let handle = self.sandbox.create(wanted).await?;
        state.session = Some(handle.id.clone());
        if let Some((name, containers)) = &self.kept {
            containers.remember(name, &self.user, &handle);
        }
        for file in std::mem::take(&mut state.given) {
            self.sandbox
                .put_file(&handle.id, &file.name, file.content)
                .await?;
        }
        Ok(handle.id)
    }

    /// A file that cannot be kept is only not offered: the program ran.
    async fn keep(&self, session: &SessionId, file: &WorkspaceFile) -> Option<MadeFile> {
        let files = self.files.as_ref()?;
        if file.size_bytes > FILE_BYTES_MAX {
            return None;
        }
        let content = self.sandbox.get_file(session, &file.path).await.ok()?;
        let new = NewFile {
            owner: self.user.clone(),
            filename: file.path.clone(),
            purpose: PURPOSE.to_owned(),
            mime_type: file.mime_type.clone(),
            expires_after: None,
        };
        match files.create(new, content).await {
            Ok(kept) => Some(MadeFile {
                id: kept.id,
                name: file.path.clone(),
            }),
            Err(error) => {
                tracing::warn!(%error, "a file of a program could not be kept");
                None
            }
        }
    }
}

impl Drop for CodeSession {
    fn drop(&mut self) {
        let session = self.state.get_mut().session.take();
        let Some(session) = session.filter(|_| self.kept.is_none()) else {
            return;
        };
        let sandbox = self.sandbox.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { sandbox.destroy(&session).await });
        }
    }
}

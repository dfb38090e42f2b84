//! A backend on another machine: client of the code-execution protocol, version 1.

mod client;
mod seen;
pub(crate) mod wire;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use otari_types::{Clock, Secret, Timestamp};
use parking_lot::Mutex;
use url::Url;

use crate::{
    CreateSession, ExecOutcome, ExecRequest, Limits, SandboxError, SessionHandle, SessionId,
    WorkspaceFile,
};
pub(crate) use client::download;
use client::{Answer, Client, Sending};
use seen::Seen;

/// What the transport may take beyond a program's own time, so that a slow one is not taken for a dead backend.
const GRACE: Duration = Duration::from_secs(10);
/// For everything but running a program.
const PATIENCE: Duration = Duration::from_secs(30);
/// JSON answers: two outputs and a list of files.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A server of the protocol.
pub(crate) struct Remote {
    base: Url,
    token: Option<Secret>,
    limits: Limits,
    clock: Arc<dyn Clock>,
    client: Client,
    sessions: Mutex<HashMap<SessionId, Known>>,
}

/// What we remember of a session.
#[derive(Clone, Debug)]
struct Known {
    credential: Option<Secret>,
    ends: Timestamp,
    /// `None` once the backend has shown that it lists no files.
    files: Option<Seen>,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote")
            .field("host", &self.base.host_str())
            .finish_non_exhaustive()
    }
}

impl Remote {
    pub(crate) fn new(
        url: &str,
        token: Option<Secret>,
        limits: Limits,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SandboxError> {
        let base = Url::parse(url.trim_end_matches('/')).ok();
        let base = base.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let base = base.ok_or_else(|| SandboxError::Unavailable {
            reason: "sandbox_url is not an http(s) address".to_owned(),
        })?;
        Ok(Self {
            base,
            token,
            limits,
            clock,
            client: Client::new(),
            sessions: Mutex::default(),
        })
    }

    pub(crate) async fn create(
        &self,
        wanted: CreateSession,
    ) -> Result<SessionHandle, SandboxError> {
        let body = wire::create_body(&wanted);
        let sending = Sending::json(Method::POST, self.address(&["sessions"]), body);
        let answer = self
            .send(sending, wanted.credential.as_ref(), PATIENCE)
            .await?;
        if !answer.status.is_success() {
            return Err(refused(&answer, || SandboxError::Unavailable {
                reason: "it does not know how to create a session".to_owned(),
            }));
        }
        let now = self.clock.now();
        let handle = wire::read_handle(&answer.body, &self.limits, now)?;
        let ends = now.plus_secs(i64::try_from(handle.max_lifetime.as_secs()).unwrap_or(i64::MAX));
        let known = Known {
            credential: wanted.credential,
            ends,
            files: Some(Seen::default()),
        };
        let mut sessions = self.sessions.lock();
        // Callers that never destroy would fill the map otherwise.
        sessions.retain(|_, known| known.ends > now);
        sessions.insert(handle.id.clone(), known);
        Ok(handle)
    }

    pub(crate) async fn exec(
        &self,
        id: &SessionId,
        request: ExecRequest,
    ) -> Result<ExecOutcome, SandboxError> {
        let limit = self.limits.exec_timeout;
        let timeout = request.timeout.unwrap_or(limit).min(limit);
        let body = wire::exec_body(&request, timeout);
        let address = self.address(&["sessions", id.as_str(), "exec"]);
        let credential = self.credential(id);
        let sending = Sending::json(Method::POST, address, body);
        let answer = self
            .send(sending, credential.as_ref(), timeout + GRACE)
            .await?;
        if answer.status != StatusCode::OK {
            return Err(refused(&answer, || {
                SandboxError::UnknownSession(id.to_string())
            }));
        }
        let mut outcome = wire::read_outcome(&answer.body)?;
        if let Some(changed) = self.changed(id).await {
            outcome.files = changed;
        }
        Ok(outcome)
    }

    pub(crate) async fn destroy(&self, id: &SessionId) -> Result<(), SandboxError> {
        let known = self.sessions.lock().remove(id);
        let credential = known.and_then(|known| known.credential);
        let sending = Sending::bare(Method::DELETE, self.address(&["sessions", id.as_str()]));
        let answer = self.send(sending, credential.as_ref(), PATIENCE).await?;
        match answer.status {
            status if status.is_success() => Ok(()),
            StatusCode::NOT_FOUND => Ok(()),
            _ => Err(refused(&answer, || {
                SandboxError::UnknownSession(id.to_string())
            })),
        }
    }

    pub(crate) async fn list_files(
        &self,
        id: &SessionId,
        path: &str,
    ) -> Result<Vec<WorkspaceFile>, SandboxError> {
        let mut address = self.address(&["sessions", id.as_str(), "files", "list"]);
        address.query_pairs_mut().append_pair("path", path);
        let credential = self.credential(id);
        let answer = self
            .send(
                Sending::bare(Method::GET, address),
                credential.as_ref(),
                PATIENCE,
            )
            .await?;
        if answer.status != StatusCode::OK {
            return Err(refused_file(&answer, path, || match path {
                "." | "" => SandboxError::UnknownSession(id.to_string()),
                path => SandboxError::UnknownFile(path.to_owned()),
            }));
        }
        wire::read_listing(&answer.body)
    }

    pub(crate) async fn get_file(&self, id: &SessionId, path: &str) -> Result<Bytes, SandboxError> {
        let mut address = self.address(&["sessions", id.as_str(), "files"]);
        address.query_pairs_mut().append_pair("path", path);
        let credential = self.credential(id);
        let mut sending = Sending::bare(Method::GET, address);
        sending.answer_max = usize::try_from(self.limits.workspace_bytes).unwrap_or(usize::MAX);
        let answer = self.send(sending, credential.as_ref(), PATIENCE).await?;
        if answer.status != StatusCode::OK {
            let unknown = || SandboxError::UnknownFile(path.to_owned());
            return Err(refused_file(&answer, path, unknown));
        }
        Ok(answer.body)
    }

    pub(crate) async fn put_file(
        &self,
        id: &SessionId,
        path: &str,
        content: Bytes,
    ) -> Result<WorkspaceFile, SandboxError> {
        let address = self.address(&["sessions", id.as_str(), "files"]);
        let credential = self.credential(id);
        let (content_type, body) = wire::multipart(path, &content);
        let sending = Sending::body(Method::POST, address, &content_type, body);
        let answer = self.send(sending, credential.as_ref(), PATIENCE).await?;
        if !answer.status.is_success() {
            let unknown = || SandboxError::UnknownSession(id.to_string());
            return Err(refused_file(&answer, path, unknown));
        }
        let file = wire::read_stored(&answer.body, path, content.len());
        if let Some(known) = self.sessions.lock().get_mut(id)
            && let Some(seen) = &mut known.files
        {
            seen.ours(&file);
        }
        Ok(file)
    }

    /// Files that are new or different since the last look; `None` where the backend lists none.
    async fn changed(&self, id: &SessionId) -> Option<Vec<WorkspaceFile>> {
        self.sessions.lock().get(id)?.files.as_ref()?;
        let listed = self.list_files(id, ".").await;
        let mut sessions = self.sessions.lock();
        let known = sessions.get_mut(id)?;
        if let Ok(files) = listed {
            return Some(known.files.as_mut()?.update(files));
        }
        known.files = None;
        None
    }

    fn credential(&self, id: &SessionId) -> Option<Secret> {
        self.sessions.lock().get(id)?.credential.clone()
    }

    async fn send(
        &self,
        sending: Sending,
        credential: Option<&Secret>,
        patience: Duration,
    ) -> Result<Answer, SandboxError> {
        let bearer = credential.or(self.token.as_ref());
        self.client.send(sending, bearer, patience).await
    }

    /// An address below the base, its parts escaped.
    fn address(&self, parts: &[&str]) -> Url {
        let mut address = self.base.clone();
        if let Ok(mut path) = address.path_segments_mut() {
            path.pop_if_empty().extend(parts);
        }
        address
    }
}

/// What a status means where no file is involved.
fn refused(answer: &Answer, not_found: impl FnOnce() -> SandboxError) -> SandboxError {
    match answer.status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => SandboxError::Unauthorized,
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => {
            SandboxError::BadRequest("the sandbox does not accept the request".to_owned())
        }
        StatusCode::NOT_FOUND => not_found(),
        StatusCode::SERVICE_UNAVAILABLE => SandboxError::AtCapacity,
        status => SandboxError::Unavailable {
            reason: format!("it answered with status {}", status.as_u16()),
        },
    }
}

fn refused_file(
    answer: &Answer,
    path: &str,
    not_found: impl FnOnce() -> SandboxError,
) -> SandboxError {
    match answer.status {
        StatusCode::FORBIDDEN => SandboxError::PathEscapes(path.to_owned()),
        StatusCode::PAYLOAD_TOO_LARGE => SandboxError::TooLarge {
            path: path.to_owned(),
            limit_bytes: None,
        },
        _ => refused(answer, not_found),
    }
}

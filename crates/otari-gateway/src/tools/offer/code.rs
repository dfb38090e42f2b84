//! Programs of `/mcp`: each key has a session of its own, whose variables and files stay between calls.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use moka::sync::Cache;
use otari_sandbox::{CreateSession, ExecRequest, Sandbox, SandboxError, SessionId, WorkspaceFile};
use otari_tools::mcp::McpResult;
use otari_translate::{Block, Media, MediaKind, Part, Source};
use tokio::sync::Mutex;

use crate::tools::programs;

const KEPT_MAX: u64 = 1024;
/// Without a call. The sandbox ends a session by its own time too.
const KEPT_FOR: Duration = Duration::from_mins(15);
/// Pictures of one program that are shown; larger ones are only named.
const PICTURES_MAX: usize = 8;
const PICTURE_BYTES_MAX: u64 = 1 << 20;

type Slot = Arc<Mutex<Option<SessionId>>>;

/// Sessions by key.
pub(in crate::tools) struct Sessions(Cache<String, Slot>);

impl Default for Sessions {
    fn default() -> Self {
        let cache = Cache::builder()
            .max_capacity(KEPT_MAX)
            .time_to_idle(KEPT_FOR);
        Self(cache.build())
    }
}

impl Sessions {
    /// Runs a program in the session of `owner`, after any that runs there.
    pub(super) async fn run(
        &self,
        sandbox: &Sandbox,
        owner: &str,
        request: ExecRequest,
    ) -> McpResult {
        let slot = self.0.get_with(owner.to_owned(), Slot::default);
        let mut session = slot.lock().await;
        match exec(sandbox, &mut session, request).await {
            Ok(result) => result,
            Err(error) => {
                tracing::warn!(%error, "a program could not be run");
                *session = None;
                McpResult::failure(error.to_string())
            }
        }
    }
}

async fn exec(
    sandbox: &Sandbox,
    session: &mut Option<SessionId>,
    request: ExecRequest,
) -> Result<McpResult, SandboxError> {
    let known = session.is_some();
    let id = match session {
        Some(id) => id.clone(),
        None => begin(sandbox, session).await?,
    };
    let outcome = match sandbox.exec(&id, request.clone()).await {
        // The sandbox ended it meanwhile: the program ran nowhere.
        Err(SandboxError::UnknownSession(_)) if known => {
            let id = begin(sandbox, session).await?;
            sandbox.exec(&id, request).await?
        }
        other => other?,
    };
    let id = session.clone().unwrap_or(id);
    let files = outcome.files.iter();
    let files = files.map(|file| format!("{} ({} bytes)", file.path, file.size_bytes));
    let mut content = vec![Part::text(programs::told(&outcome, files))];
    for file in outcome
        .files
        .iter()
        .filter(|file| is_picture(file))
        .take(PICTURES_MAX)
    {
        content.extend(picture(sandbox, &id, file).await);
    }
    Ok(McpResult {
        is_error: outcome.return_code != 0,
        content,
    })
}

async fn begin(
    sandbox: &Sandbox,
    session: &mut Option<SessionId>,
) -> Result<SessionId, SandboxError> {
    let handle = sandbox.create(CreateSession::default()).await?;
    *session = Some(handle.id.clone());
    Ok(handle.id)
}

fn is_picture(file: &WorkspaceFile) -> bool {
    let kind = file.mime_type.as_deref().unwrap_or_default();
    kind.starts_with("image/") && file.size_bytes <= PICTURE_BYTES_MAX
}

/// One that cannot be read is only not shown: the program ran.
async fn picture(sandbox: &Sandbox, session: &SessionId, file: &WorkspaceFile) -> Option<Part> {
    let bytes = sandbox.get_file(session, &file.path).await.ok()?;
    Some(Part::from(Block::Media(Media {
        kind: MediaKind::Image,
        source: Source::Data(STANDARD.encode(&bytes)),
        mime: file.mime_type.clone(),
        filename: Some(file.path.clone()),
        detail: None,
    })))
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions")
            .field("open", &self.0.entry_count())
            .finish()
    }
}

//! A worker process, from this side.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::directory::SessionDirectory;
use super::unavailable;
use crate::frame::{self, Reply, Request, Start};
use crate::wasm::Image;
use crate::worker::WORKER_ARGUMENT;
use crate::{SandboxError, SessionId};

/// A worker is ready in milliseconds; a machine under load may take longer.
const START_MAX: Duration = Duration::from_secs(30);
/// The interpreter is compiled in seconds with optimised code and processors to itself, minutes without.
const COMPILE_MAX: Duration = Duration::from_mins(15);
/// How much of a dead worker's last words is logged.
const LAST_WORDS_BYTES: u64 = 2048;
/// Nothing but a file has a body, and files are bounded by the worker; this is against a worker gone bad.
const BODY_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;

/// A confined process with a workspace. Dropped, it is killed and its files are removed.
#[derive(Debug)]
pub(super) struct Worker {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
    directory: SessionDirectory,
}

impl Worker {
    pub(super) async fn start(
        program: &Path,
        start: &Start,
        directory: SessionDirectory,
    ) -> Result<Self, SandboxError> {
        let (mut child, input, output) = spawn(program).map_err(unavailable)?;
        let mut worker_io = (input, output);
        let reply = greet(&mut worker_io, start, START_MAX).await;
        let (input, output) = worker_io;
        match reply {
            Ok(Reply::Ready { confinement }) => {
                tracing::debug!(session = %directory.id(), confinement, "sandbox worker started");
                Ok(Self {
                    child,
                    input,
                    output,
                    directory,
                })
            }
            Ok(Reply::Failed { reason }) => Err(SandboxError::Unavailable { reason }),
            Ok(_) => Err(unavailable("a worker did not greet")),
            Err(error) => {
                let words = last_words(&mut child).await;
                tracing::warn!(%error, words, "a sandbox worker did not start");
                Err(unavailable("its process ended while it was starting"))
            }
        }
    }

    pub(super) fn id(&self) -> &SessionId {
        self.directory.id()
    }

    pub(super) fn alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends a request and waits for its reply. After an error the worker is of no further use.
    pub(super) async fn ask(
        &mut self,
        request: &Request,
        body: &[u8],
    ) -> io::Result<(Reply, Vec<u8>)> {
        frame::send(&mut self.input, request, body).await?;
        frame::receive(&mut self.output, BODY_BYTES_MAX).await
    }

    /// Logs why a worker died.
    pub(super) async fn mourn(&mut self) {
        let status = timeout(Duration::from_millis(200), self.child.wait()).await;
        let words = last_words(&mut self.child).await;
        tracing::warn!(session = %self.id(), ?status, words, "a sandbox worker died");
    }
}

/// Compiles an interpreter in a process of its own, so that the memory it takes is given back.
pub(super) async fn compile(
    program: &Path,
    image: Image,
    cache: PathBuf,
) -> Result<PathBuf, SandboxError> {
    let (mut child, input, output) = spawn(program).map_err(unavailable)?;
    let mut worker_io = (input, output);
    match greet(
        &mut worker_io,
        &Start::Compile { image, cache },
        COMPILE_MAX,
    )
    .await
    {
        Ok(Reply::Compiled { path }) => Ok(path),
        Ok(Reply::Failed { reason }) => Err(SandboxError::Unavailable { reason }),
        Ok(_) => Err(unavailable("the compiler did not answer as it should")),
        Err(error) => {
            let words = last_words(&mut child).await;
            tracing::warn!(%error, words, "the sandbox's interpreter was not compiled");
            Err(unavailable("its interpreter could not be compiled"))
        }
    }
}

async fn greet(
    (input, output): &mut (ChildStdin, ChildStdout),
    start: &Start,
    patience: Duration,
) -> io::Result<Reply> {
    let talk = async {
        frame::send(input, start, &[]).await?;
        frame::receive(output, 0).await
    };
    let (reply, _) = timeout(patience, talk).await.map_err(io::Error::other)??;
    Ok(reply)
}

fn spawn(program: &Path) -> io::Result<(Child, ChildStdin, ChildStdout)> {
    let mut child = Command::new(program)
        .arg(WORKER_ARGUMENT)
        // Not one of our keys is in there.
        .env_clear()
        // The gateway's allocator sets a gigabyte aside at once, more than a worker may have.
        .env("MIMALLOC_ARENA_RESERVE", "0")
        .env("MIMALLOC_ARENA_EAGER_COMMIT", "0")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let missing = || io::Error::other("a pipe is missing");
    let input = child.stdin.take().ok_or_else(missing)?;
    let output = child.stdout.take().ok_or_else(missing)?;
    Ok((child, input, output))
}

async fn last_words(child: &mut Child) -> String {
    let Some(stderr) = child.stderr.take() else {
        return String::new();
    };
    let mut words = Vec::new();
    let mut stderr = stderr.take(LAST_WORDS_BYTES);
    let reading = stderr.read_to_end(&mut words);
    let _ = timeout(Duration::from_millis(200), reading).await;
    String::from_utf8_lossy(&words).trim().to_owned()
}

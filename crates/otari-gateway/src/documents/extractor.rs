//! Reading a document in a process of its own: started with nothing in its environment, ended when it takes too much.

use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use otari_documents::worker::{WORKER_ARGUMENT, order, reply, reply_bytes_max};
use otari_documents::{Document, Label, Limits};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::Documents;

/// How much of a worker's last words is logged.
const LAST_WORDS_BYTES: u64 = 2048;

/// The process that reads a document.
#[derive(Clone, Debug)]
pub struct Worker {
    /// Started with `__document-worker` as its first argument, then these bounds.
    pub program: PathBuf,
    pub memory_bytes: u64,
    /// Wall clock, and of processor time.
    pub timeout: Duration,
}

/// Why a document was not read, in words for who sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unreadable {
    pub(super) why: String,
    /// It may be read the next time.
    pub(super) passing: bool,
}

impl Unreadable {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            passing: false,
        }
    }

    fn passing(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            passing: true,
        }
    }
}

impl Documents {
    pub(super) async fn extract(
        &self,
        bytes: &Bytes,
        label: &Label,
    ) -> Result<Document, Unreadable> {
        let (worker, limits) = (&self.options.worker, &self.options.limits);
        if bytes.len() > limits.input_bytes {
            let text = format!("it has more than {} bytes", limits.input_bytes);
            return Err(Unreadable::new(text));
        }
        let waited = timeout(worker.timeout, self.room.acquire()).await;
        let Ok(Ok(_room)) = waited else {
            return Err(Unreadable::passing("too many documents are being read"));
        };
        match timeout(worker.timeout, worker.run(bytes, label, limits)).await {
            Ok(Ok(answer)) => understood(&answer),
            Ok(Err(error)) => {
                tracing::error!(%error, "no document worker can be started");
                Err(Unreadable::passing("nothing here can read it now"))
            }
            // Dropped with its future, the process is killed.
            Err(_) => {
                let seconds = worker.timeout.as_secs();
                tracing::warn!(seconds, "a document worker took too long");
                Err(Unreadable::passing(format!(
                    "reading it takes more than {seconds} seconds"
                )))
            }
        }
    }
}

fn understood(answer: &[u8]) -> Result<Document, Unreadable> {
    match reply(answer) {
        Ok(Ok(document)) => Ok(document),
        Ok(Err(error)) => Err(Unreadable::new(error.to_string())),
        Err(_) => Err(Unreadable::new(
            "it needs more than a document may, or broke what reads it",
        )),
    }
}

impl Worker {
    /// What a worker answers; nothing, or half of it, where it died.
    async fn run(&self, bytes: &Bytes, label: &Label, limits: &Limits) -> io::Result<Vec<u8>> {
        let mut child = Command::new(&self.program)
            .arg(WORKER_ARGUMENT)
            .arg(self.memory_bytes.to_string())
            .arg(self.timeout.as_secs().to_string())
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
        let mut input = child.stdin.take().ok_or_else(missing)?;
        let output = child.stdout.take().ok_or_else(missing)?;
        let header = order(label, limits);
        let asking = async move {
            // One that died early does not read all: what it said, or did not, tells.
            let _ = input.write_all(&header).await;
            let _ = input.write_all(bytes).await;
            let _ = input.shutdown().await;
        };
        let most = u64::try_from(reply_bytes_max(limits)).unwrap_or(u64::MAX);
        let mut answer = Vec::new();
        let mut output = output.take(most);
        let ((), read) = tokio::join!(asking, output.read_to_end(&mut answer));
        read?;
        // One that writes on and on ends with nobody to read it.
        drop(output);
        let status = child.wait().await?;
        if !status.success() {
            let words = last_words(&mut child).await;
            tracing::warn!(%status, words, "a document worker died");
            answer.clear();
        }
        Ok(answer)
    }
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

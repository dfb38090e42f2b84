//! One session: a task that owns the worker, so that a caller who leaves does not leave it between two frames.

use std::time::Duration;

use bytes::Bytes;
use otari_types::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::process::Worker;
use crate::frame::{Ran, Reply, Request};
use crate::{ExecOutcome, SessionHandle};

/// What a worker may take beyond a program's own time: it stops the program itself, and then looks at the files.
const GRACE: Duration = Duration::from_secs(10);
/// Requests of one session that wait for the one that runs.
const WAITING_MAX: usize = 16;
const KILLED: i64 = 137;

/// The worker is gone and the session with it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lost {
    /// It ended by itself, or the kernel ended it.
    Died,
    /// It did not stop its program and was killed.
    Hung,
}

impl Lost {
    /// In-band, as programs that fail are: whoever asked can tell the model.
    pub(super) fn outcome(self, tool_use_id: String) -> ExecOutcome {
        let why = match self {
            Self::Died => "its process ended, as when memory runs out",
            Self::Hung => "it did not stop in time",
        };
        ExecOutcome {
            tool_use_id,
            stderr: format!(
                "[stopped: {why}; the session is over, variables and files are lost]\n"
            ),
            return_code: KILLED,
            ..ExecOutcome::default()
        }
    }
}

type Answer = Result<(Reply, Bytes), Lost>;

struct Asked {
    request: Request,
    body: Bytes,
    /// How long the worker itself may need.
    allowed: Duration,
    answer: oneshot::Sender<Answer>,
}

/// A session. Dropped, its worker is killed, whatever it is doing.
#[derive(Debug)]
pub(super) struct Session {
    handle: SessionHandle,
    door: mpsc::Sender<Asked>,
    task: AbortHandle,
}

/// A way to ask the worker that does not hold the session's entry.
#[derive(Clone, Debug)]
pub(super) struct Door(mpsc::Sender<Asked>);

impl Session {
    pub(super) fn start(handle: SessionHandle, worker: Worker, room: OwnedSemaphorePermit) -> Self {
        let (door, asked) = mpsc::channel(WAITING_MAX);
        let task = tokio::spawn(serve(worker, asked, room)).abort_handle();
        Self { handle, door, task }
    }

    /// Whether its time is over.
    pub(super) fn over(&self, now: Timestamp) -> bool {
        let past = |since: Timestamp, allowed: Duration| {
            now.0.saturating_sub(since.0) >= i64::try_from(allowed.as_micros()).unwrap_or(i64::MAX)
        };
        past(self.handle.last_activity_at, self.handle.idle_timeout)
            || past(self.handle.created_at, self.handle.max_lifetime)
    }

    pub(super) fn enter(&mut self, now: Timestamp) -> Door {
        self.handle.last_activity_at = now;
        Door(self.door.clone())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Door {
    pub(super) async fn ask(&self, request: Request, body: Bytes, allowed: Duration) -> Answer {
        let (answer, answered) = oneshot::channel();
        let asked = Asked {
            request,
            body,
            allowed,
            answer,
        };
        self.0.send(asked).await.map_err(|_| Lost::Died)?;
        answered.await.unwrap_or(Err(Lost::Died))
    }
}

async fn serve(mut worker: Worker, mut asked: mpsc::Receiver<Asked>, room: OwnedSemaphorePermit) {
    // Given back when the worker is gone.
    let _room = room;
    while let Some(asking) = asked.recv().await {
        let talk = worker.ask(&asking.request, &asking.body);
        let answer = match timeout(asking.allowed + GRACE, talk).await {
            Ok(Ok((reply, body))) => Ok((reply, Bytes::from(body))),
            Ok(Err(_)) => Err(Lost::Died),
            Err(_) => Err(Lost::Hung),
        };
        let lost = answer.is_err();
        let _ = asking.answer.send(answer);
        if lost {
            worker.mourn().await;
            return;
        }
    }
}

pub(super) fn outcome(ran: Ran, tool_use_id: String) -> ExecOutcome {
    ExecOutcome {
        tool_use_id,
        stdout: ran.stdout,
        stderr: ran.stderr,
        return_code: i64::from(ran.return_code),
        files: ran.changed.into_iter().map(Into::into).collect(),
        execution_time: Duration::from_micros(ran.elapsed_micros),
    }
}

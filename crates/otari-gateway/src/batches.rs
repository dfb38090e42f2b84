//! Batches: calls that are made when there is time for them, on any model. Kept in the store line by line, run by
//! whichever node takes them, each line through the same walk as a call that somebody waits for.

mod create;
mod endpoint;
mod engine;
mod input;
mod line;
mod native;
mod output;
mod request;
mod run;

use std::time::Duration;

use bytes::Bytes;
use otari_config::Hours;
use otari_store::batch_lines::{self, LineAnswer};
use otari_store::batches::{self as rows, BatchFilter, BatchRow, BatchStatus};
use otari_store::{Page, Store};
use otari_translate::Surface;
use otari_types::UserId;
use tokio::sync::Notify;

use crate::Gateway;
use crate::error::GatewayError;

/// Answers read from the store together.
const ANSWERS_TOGETHER: i64 = 500;

/// How batches are run here.
#[derive(Clone, Debug)]
pub struct BatchOptions {
    /// Lines this node runs at a time.
    pub concurrency: usize,
    /// When lines are run; `None` is always.
    pub hours: Option<Hours>,
    /// Instances whose own batches are used where they can hold a batch.
    pub native: Vec<String>,
    /// Between two looks at a batch that its provider runs.
    pub poll: Duration,
    /// Attempts at a line whose provider is busy or failing.
    pub line_attempts: u32,
    /// Lines of one batch, at most.
    pub max_lines: usize,
    /// How long a batch is kept after its end.
    pub retention_days: u32,
}

/// How an error of a line reads: its status and its body, in the words of the surface.
pub type RenderError = fn(Surface, GatewayError) -> (u16, String);

#[derive(Debug)]
pub(crate) struct Batches {
    options: BatchOptions,
    /// Rung when there is a new batch, or a change to one.
    wake: Notify,
    /// Rung for all that wait for a provider when a batch is cancelled here.
    cancelled: Notify,
}

/// A part of a list of batches, newest first.
#[derive(Clone, Debug)]
pub struct BatchesPage {
    /// `None`: everybody's.
    pub owner: Option<UserId>,
    pub provider: Option<String>,
    /// Goes on after this batch.
    pub after: Option<String>,
    pub limit: u32,
}

/// The answers of a batch, in the order of its lines.
#[derive(Debug)]
pub struct BatchAnswers {
    store: Store,
    batch: String,
    after: i64,
}

impl Batches {
    pub(crate) fn new(options: BatchOptions) -> Self {
        Self {
            options,
            wake: Notify::new(),
            cancelled: Notify::new(),
        }
    }
}

impl Gateway {
    /// A batch of `owner`, or anybody's where that is `None`.
    pub async fn batch(&self, owner: Option<&UserId>, id: &str) -> Result<BatchRow, GatewayError> {
        self.batches()?;
        let found = rows::get(&self.store, id).await?;
        found
            .filter(|batch| owner.is_none_or(|owner| *owner == batch.user_id))
            .ok_or_else(|| GatewayError::BatchNotFound(id.to_owned()))
    }

    /// A page of batches, and whether there are more.
    pub async fn list_batches(
        &self,
        page: &BatchesPage,
    ) -> Result<(Vec<BatchRow>, bool), GatewayError> {
        self.batches()?;
        let one_more = i64::from(page.limit) + 1;
        let place = match &page.after {
            None => Page::skip(0, one_more),
            Some(id) => {
                let after = self.batch(page.owner.as_ref(), id).await?;
                Page::after(rows::place(&after), one_more)
            }
        };
        let filter = BatchFilter {
            user: page.owner.clone(),
            provider: page.provider.clone(),
        };
        let mut found = rows::list(&self.store, &filter, &place).await?;
        let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
        let has_more = found.len() > limit;
        found.truncate(limit);
        Ok((found, has_more))
    }

    /// Asks a batch to end: calls that are under way are finished, others are not begun. One that is being cancelled
    /// already stays so; one that has ended is [`GatewayError::BatchEnded`].
    pub async fn cancel_batch(
        &self,
        owner: Option<&UserId>,
        id: &str,
    ) -> Result<BatchRow, GatewayError> {
        let batch = self.batch(owner, id).await?;
        let cancelled = rows::cancel(&self.store, id).await?;
        let batches = self.batches()?;
        batches.wake.notify_one();
        batches.cancelled.notify_waiters();
        let after = self.batch(owner, id).await?;
        if cancelled || after.status == BatchStatus::Cancelling {
            return Ok(after);
        }
        Err(GatewayError::BatchEnded {
            id: batch.id,
            status: after.status.as_str(),
        })
    }

    /// What the lines of a batch that has ended were answered.
    pub async fn batch_answers(
        &self,
        owner: Option<&UserId>,
        id: &str,
    ) -> Result<BatchAnswers, GatewayError> {
        let batch = self.batch(owner, id).await?;
        if !batch.status.is_final() {
            return Err(GatewayError::BatchNotComplete {
                id: batch.id,
                status: batch.status.as_str(),
            });
        }
        Ok(BatchAnswers {
            store: self.store.clone(),
            batch: batch.id,
            after: -1,
        })
    }

    pub(crate) fn batches(&self) -> Result<&Batches, GatewayError> {
        self.batches.as_deref().ok_or(GatewayError::BatchesDisabled)
    }
}

impl BatchAnswers {
    /// The next answers; none at the end.
    pub async fn next(&mut self) -> Result<Vec<LineAnswer>, GatewayError> {
        let answers =
            batch_lines::answers(&self.store, &self.batch, self.after, None, ANSWERS_TOGETHER);
        let answers = answers.await?;
        if let Some(last) = answers.last() {
            self.after = last.line;
        }
        Ok(answers)
    }
}

/// The id of a line's call and of the usage row that charges for it.
fn call_id(batch: &str, line: i64) -> String {
    format!("{batch}-{line}")
}

/// JSON of an error that is no provider's.
fn error_json(code: &str, message: &str) -> String {
    serde_json::json!({"code": code, "message": message}).to_string()
}

/// A body with its `model` set, the rest as it was.
fn with_model(body: &str, model: &str) -> Result<String, GatewayError> {
    let members = crate::request::parse_members(body.as_bytes())?;
    let mut out = otari_wire::members::ObjectWriter::with_capacity(body.len() + model.len());
    out.string("model", model);
    for (name, value) in members.iter().filter(|(name, _)| *name != "model") {
        out.raw(name, value.get());
    }
    Ok(String::from_utf8_lossy(&Bytes::from(out.finish())).into_owned())
}

//! Taking a batch in: whoever asks passes the gates of a call, and then it is in the store.

use otari_store::batches::{self as rows, BatchRow, BatchStatus};
use otari_types::{Amounts, UserId, new_id};

use crate::Gateway;
use crate::admit::{Billed, admit};
use crate::error::GatewayError;
use crate::inbound::Inbound;
use crate::plan::plan;

use super::native;
use super::request::{Asked, Input};

/// As OpenAI's, so that clients can tell what a file is for.
const PURPOSE: &str = "batch";
/// Of an input file: 200 MB, as OpenAI's.
const INPUT_BYTES_MAX: usize = 200 * 1024 * 1024;

impl Gateway {
    /// Takes a batch in; it is run when there is time.
    ///
    /// `native_at` names the instance whose own batches it shall go to; one that cannot hold it is refused. Without it
    /// the configuration decides, and what no provider can hold is run by the gateway.
    pub async fn create_batch(
        &self,
        inbound: &Inbound,
        native_at: Option<&str>,
    ) -> Result<BatchRow, GatewayError> {
        let batches = self.batches()?;
        let asked = Asked::parse(&inbound.body, batches.options.max_lines)?;
        let admitted = admit(self, inbound, asked.user.as_deref());
        let admitted = admitted.await.map_err(|refused| refused.error)?;
        let mut row = row(inbound, &asked, &admitted.billed);
        let lines = match asked.input {
            Input::File(id) => {
                self.check_input(&row.user_id, &id).await?;
                row.native = native_at
                    .map(|name| self.native_or_refuse(name, asked.endpoint, None))
                    .transpose()?;
                row.input_file_id = Some(id.into_owned());
                Vec::new()
            }
            Input::Lines { model, lines } => {
                let plan = plan(self, inbound, &model, &admitted).await;
                let plan = plan.map_err(|refused| refused.error)?;
                let instance = plan.first.instance()?;
                let only = plan.rest.is_empty().then_some(instance.name.as_str());
                row.native = match native_at {
                    Some(name) if only == Some(name) => {
                        Some(self.native_or_refuse(name, asked.endpoint, Some(lines.len()))?)
                    }
                    Some(name) => return Err(native::foreign(name, &model)),
                    None => only.and_then(|name| {
                        self.native_by_choice(name, asked.endpoint, 1, lines.len())
                    }),
                };
                row.provider = Some(instance.name.clone());
                row.model = Some(model.into_owned());
                row.status = BatchStatus::InProgress;
                row.in_progress_at = Some(row.created_at);
                row.total = i64::try_from(lines.len()).unwrap_or(i64::MAX);
                lines
            }
        };
        self.check_budget(&admitted.billed).await?;
        rows::insert(&self.store, &row, &lines).await?;
        batches.wake.notify_one();
        Ok(row)
    }

    async fn check_input(&self, user: &UserId, id: &str) -> Result<(), GatewayError> {
        let file = self.files()?.get(user, id).await?;
        if file.purpose != PURPOSE {
            return Err(GatewayError::InvalidRequest(format!(
                "File '{id}' was uploaded with purpose '{}'; the input of a batch needs purpose 'batch'",
                file.purpose
            )));
        }
        if file.bytes > INPUT_BYTES_MAX as u64 {
            return Err(GatewayError::FileTooLarge {
                max: INPUT_BYTES_MAX,
            });
        }
        Ok(())
    }

    /// Lines hold what they need when they are run; whoever has nothing left need not wait for that.
    async fn check_budget(&self, billed: &Billed) -> Result<(), GatewayError> {
        if billed.blocked {
            return Err(GatewayError::UserBlocked(billed.user.to_string()));
        }
        if billed.exempt || self.settings.budgets_disabled {
            return Ok(());
        }
        let held = self.ledger.hold(billed.accounts(), Amounts::ZERO, false);
        let held = held.await?;
        held.map(drop)
            .map_err(|_| GatewayError::BudgetExceeded(billed.user.to_string()))
    }
}

fn row(inbound: &Inbound, asked: &Asked<'_>, billed: &Billed) -> BatchRow {
    let now = inbound.origin.received_at;
    let (window, seconds) = &asked.window;
    let life = asked.output_life.map(|life| life.as_secs());
    BatchRow {
        id: format!("batch_{}", new_id().replace('-', "")),
        user_id: billed.user.clone(),
        api_key_id: billed.key.clone(),
        endpoint: asked.endpoint.path().to_owned(),
        model: None,
        native: None,
        native_id: None,
        native_asked_at: None,
        provider: None,
        input_file_id: None,
        output_file_id: None,
        error_file_id: None,
        completion_window: window.clone().into_owned(),
        output_lifetime_sec: life.and_then(|life| i64::try_from(life).ok()),
        metadata: asked.metadata.map(str::to_owned),
        status: BatchStatus::Validating,
        errors: None,
        total: 0,
        completed: 0,
        failed: 0,
        created_at: now,
        expires_at: now.plus_secs(*seconds),
        in_progress_at: None,
        finalizing_at: None,
        cancelling_at: None,
        ended_at: None,
    }
}

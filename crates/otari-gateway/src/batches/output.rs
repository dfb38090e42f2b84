//! The end of a batch: its answers as files, in OpenAI's lines, and its last status.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use otari_store::batch_lines::{self, LineAnswer};
use otari_store::batches::{self as rows, BatchRow, BatchStatus};

use crate::error::GatewayError;
use crate::files::{NewFile, Upload};

use super::engine::Engine;
use super::{ANSWERS_TOGETHER, call_id};

const PURPOSE: &str = "batch_output";

impl Engine {
    /// Writes the answers out and ends the batch. Begun again after a crash, it begins with what the crash left.
    pub(super) async fn finish(&self, id: &str) -> Result<(), GatewayError> {
        let store = &self.gateway.store;
        let Some(batch) = rows::get(store, id).await? else {
            return Ok(());
        };
        if let Ok(files) = self.gateway.files() {
            let left = [&batch.output_file_id, &batch.error_file_id];
            for left in left.into_iter().flatten() {
                match files.delete(&batch.user_id, left).await {
                    Ok(()) | Err(GatewayError::FileNotFound(_)) => {}
                    Err(error) => return Err(error),
                }
            }
            let output = match batch.completed {
                0 => None,
                _ => Some(files.begin_own().await?),
            };
            let error = match batch.failed {
                0 => None,
                _ => Some(files.begin_own().await?),
            };
            let names = [&output, &error].map(|file| file.as_ref().map(Upload::id));
            let [output_id, error_id] = names;
            if !rows::finalize(store, id, &self.node, output_id, error_id).await? {
                return Ok(());
            }
            self.write(&batch, output, true).await?;
            self.write(&batch, error, false).await?;
        }
        let status = if batch.cancelling_at.is_some() {
            BatchStatus::Cancelled
        } else if batch_lines::any_given_up(store, id).await? {
            BatchStatus::Expired
        } else {
            BatchStatus::Completed
        };
        rows::end(store, id, &self.node, status, None).await?;
        Ok(())
    }

    async fn write(
        &self,
        batch: &BatchRow,
        upload: Option<Upload<'_>>,
        succeeded: bool,
    ) -> Result<(), GatewayError> {
        let Some(mut upload) = upload else {
            return Ok(());
        };
        let store = &self.gateway.store;
        let mut after = -1;
        loop {
            let answers =
                batch_lines::answers(store, &batch.id, after, Some(succeeded), ANSWERS_TOGETHER);
            let answers = answers.await?;
            let Some(last) = answers.last() else { break };
            after = last.line;
            let mut text = String::new();
            for answer in &answers {
                line(&mut text, &batch.id, answer);
            }
            upload.write(Bytes::from(text)).await?;
            rows::renew(store, &batch.id, &self.node, self.lease_end()).await?;
        }
        let what = if succeeded { "output" } else { "error" };
        let life = batch.output_lifetime_sec;
        let file = NewFile {
            owner: batch.user_id.clone(),
            filename: format!("{}_{what}.jsonl", batch.id),
            purpose: PURPOSE.to_owned(),
            mime_type: None,
            expires_after: life
                .and_then(|life| u64::try_from(life).ok())
                .map(Duration::from_secs),
        };
        upload.finish(file).await.map(drop)
    }
}

/// <https://platform.openai.com/docs/api-reference/batch/request-output>
fn line(out: &mut String, batch: &str, answer: &LineAnswer) {
    let id = call_id(batch, answer.line);
    let custom_id = serde_json::Value::String(answer.custom_id.clone());
    // Writing to a text cannot fail.
    let _ = write!(
        out,
        "{{\"id\":\"{id}\",\"custom_id\":{custom_id},\"response\":"
    );
    // Answers are JSON already; only the line breaks of pretty-printed ones have no place here.
    let body = answer.answer.replace(['\n', '\r'], " ");
    let _ = match answer.status {
        0 => writeln!(out, "null,\"error\":{body}}}"),
        status => writeln!(
            out,
            "{{\"status_code\":{status},\"request_id\":\"{id}\",\"body\":{body}}},\"error\":null}}"
        ),
    };
}

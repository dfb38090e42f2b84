//! A batch in OpenAI's words, with the members that clients of the older shape read.
//!
//! <https://platform.openai.com/docs/api-reference/batch/object>

use otari_store::batch_lines::LineAnswer;
use otari_store::batches::{BatchRow, BatchStatus};
use otari_types::Timestamp;
use serde_json::{Value, json};

pub(super) fn batch(batch: &BatchRow) -> Value {
    let parsed = |text: &Option<String>| {
        let text = text.as_deref()?;
        serde_json::from_str::<Value>(text).ok()
    };
    let seconds = |moment: Option<Timestamp>| moment.map(Timestamp::as_secs);
    let ended = |status| seconds(batch.ended_at.filter(|_| batch.status == status));
    // Until then they are being written.
    let files = batch.status.is_final();
    let file = |id: &Option<String>| id.clone().filter(|_| files);
    json!({
        "id": batch.id,
        "object": "batch",
        "endpoint": batch.endpoint,
        "model": batch.model,
        "provider": batch.provider,
        "native": batch.native.is_some(),
        "errors": parsed(&batch.errors).map(|errors| json!({"object": "list", "data": errors})),
        "input_file_id": batch.input_file_id.as_deref().unwrap_or_default(),
        "completion_window": batch.completion_window,
        "status": batch.status.as_str(),
        "output_file_id": file(&batch.output_file_id),
        "error_file_id": file(&batch.error_file_id),
        "created_at": batch.created_at.as_secs(),
        "in_progress_at": seconds(batch.in_progress_at),
        "expires_at": batch.expires_at.as_secs(),
        "finalizing_at": seconds(batch.finalizing_at),
        "completed_at": ended(BatchStatus::Completed),
        "failed_at": ended(BatchStatus::Failed),
        "expired_at": ended(BatchStatus::Expired),
        "cancelling_at": seconds(batch.cancelling_at),
        "cancelled_at": ended(BatchStatus::Cancelled),
        "request_counts": {"total": batch.total, "completed": batch.completed, "failed": batch.failed},
        "metadata": parsed(&batch.metadata),
    })
}

pub(super) fn list(batches: &[BatchRow], has_more: bool) -> Value {
    json!({
        "object": "list",
        "data": batches.iter().map(batch).collect::<Vec<_>>(),
        "first_id": batches.first().map(|batch| &batch.id),
        "last_id": batches.last().map(|batch| &batch.id),
        "has_more": has_more,
    })
}

/// `{"custom_id","result","error":{"code","message"}}`, written around the answer as it is kept.
pub(super) fn result(answer: &LineAnswer) -> String {
    let custom_id = Value::String(answer.custom_id.clone());
    if (200..300).contains(&answer.status) {
        return format!(
            "{{\"custom_id\":{custom_id},\"result\":{},\"error\":null}}",
            answer.answer
        );
    }
    let body: Value = serde_json::from_str(&answer.answer).unwrap_or_default();
    // A call's error stands in an envelope; that of a line that was never run does not.
    let error = body.get("error").unwrap_or(&body);
    let text = |name: &str| error.get(name).and_then(Value::as_str);
    let status = answer.status.to_string();
    let code = text("code").or_else(|| text("type")).unwrap_or(&status);
    let message = text("message").unwrap_or("The request failed");
    let error = json!({"custom_id": custom_id, "result": null, "error": {"code": code, "message": message}});
    error.to_string()
}

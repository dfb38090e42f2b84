//! Batches of Amazon Bedrock: jobs over lines in a bucket of the customer's, each in the shape of its Converse API.
//!
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateModelInvocationJob.html>,
//! <https://docs.aws.amazon.com/bedrock/latest/userguide/batch-inference-data.html>,
//! <https://docs.aws.amazon.com/bedrock/latest/userguide/batch-inference-results.html>

use std::collections::HashMap;

use bytes::Bytes;
use otari_providers::error::client_safe;
use otari_providers::{
    BatchBucket, Bucket, BucketError, S3Batches, UpstreamError, UpstreamErrorKind,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::answer::Answer;
use super::ask::{Ask, malformed, text};
use super::bucket::{self, refused};
use super::parcel::Parcel;
use super::service::{Packed, State};

/// The file of answers is named after it.
const LINES: &str = "lines.jsonl";
/// S3 takes parts of 5 MiB and more.
const PART_BYTES: usize = 8 * 1024 * 1024;

/// Puts the lines into the bucket.
pub(super) async fn pack(
    ask: &Ask<'_>,
    parcel: &Parcel,
    batch: &str,
) -> Result<Packed, UpstreamError> {
    let place = place(ask)?;
    let key = format!("{}{batch}/{LINES}", place.folder.prefix);
    let lines = parcel.written("recordId", "", "modelInput", "\n");
    let put = put(&place.bucket, &key, lines.into()).await;
    put.map_err(|error| upstream("write to", &error))?;
    let folder = format!(
        "s3://{}/{}{batch}/",
        place.folder.bucket, place.folder.prefix
    );
    let name = name(batch);
    let request = json!({
        // The same token makes no second job.
        "clientRequestToken": name,
        "jobName": name,
        "modelId": parcel.model(),
        "modelInvocationType": "Converse",
        "roleArn": place.role_arn,
        "inputDataConfig": {"s3InputDataConfig": {"s3InputFormat": "JSONL", "s3Uri": format!("{folder}{LINES}")}},
        "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": folder}},
    });
    let at = ask.batches("")?;
    let body = request.to_string().into();
    Ok(Packed { at, body })
}

/// In parts where it is large, so that one that fails is all that is sent again.
async fn put(bucket: &Bucket, key: &str, mut lines: Bytes) -> Result<(), BucketError> {
    if lines.len() <= PART_BYTES {
        return bucket.put(key, lines).await;
    }
    let mut upload = bucket.begin(key).await?;
    while !lines.is_empty() {
        let part = lines.split_to(PART_BYTES.min(lines.len()));
        if let Err(error) = bucket.put_part(key, &mut upload, part).await {
            // What it leaves costs a little; the failure is what is told.
            let _ = bucket.abort(key, &upload).await;
            return Err(error);
        }
    }
    bucket.complete(key, &upload).await
}

/// What a job is called; names have no underscores.
pub(super) fn name(batch: &str) -> String {
    batch.replace('_', "-")
}

/// The last part of the job's ARN, by which it can be asked for too.
pub(super) fn id(job: &Value) -> Option<String> {
    let arn = text(job, "jobArn")?;
    arn.rsplit('/').next().map(str::to_owned)
}

pub(super) fn state(job: &Value) -> State {
    let none = || job.get("processedRecordCount").and_then(Value::as_i64) == Some(0);
    match text(job, "status").unwrap_or_default().as_str() {
        // Its turn did not come.
        "Expired" => State::Ended(Vec::new()),
        "Stopped" if none() => State::Ended(Vec::new()),
        "Completed" | "PartiallyCompleted" | "Stopped" => {
            State::Ended(answers_at(job).into_iter().collect())
        }
        "Failed" => {
            let told = text(job, "message").as_deref().and_then(client_safe);
            State::Failed(told.unwrap_or_else(|| "The provider's batch failed".to_owned()))
        }
        _ => State::Running,
    }
}

/// Below the output's path each job has a folder of its own.
fn answers_at(job: &Value) -> Option<String> {
    let uri = job.pointer("/outputDataConfig/s3OutputDataConfig/s3Uri");
    let path = uri?.as_str()?.strip_prefix("s3://")?;
    let (_, path) = path.split_once('/')?;
    let slash = if path.is_empty() || path.ends_with('/') {
        ""
    } else {
        "/"
    };
    Some(format!("{path}{slash}{}/{LINES}.out", id(job)?))
}

/// All answers, by record id.
pub(super) async fn answers(
    ask: &Ask<'_>,
    keys: &[String],
) -> Result<HashMap<String, Answer>, UpstreamError> {
    let place = place(ask)?;
    let mut answers = HashMap::new();
    for key in keys {
        let file = place.bucket.get(key, None).await;
        let file = file.map_err(|error| upstream("read", &error))?;
        bucket::read(file, answer, &mut answers).await?;
    }
    Ok(answers)
}

fn answer(line: &[u8]) -> Option<(String, Answer)> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Line<'a> {
        record_id: String,
        #[serde(borrow)]
        model_output: Option<&'a RawValue>,
        error: Option<Failure>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Failure {
        error_code: Option<u16>,
        error_message: Option<String>,
    }
    let line: Line<'_> = serde_json::from_slice(line).ok()?;
    let answer = match (line.model_output, line.error) {
        (Some(output), None) => Ok(output.get().to_owned().into()),
        (_, error) => {
            let (code, message) = error.map_or((None, None), |error| {
                (error.error_code, error.error_message)
            });
            let body = json!({"message": message}).to_string();
            let status = code.filter(|code| (400..600).contains(code)).unwrap_or(400);
            Err(UpstreamError::from_answer(status, None, body.as_bytes()))
        }
    };
    Some((line.record_id, answer))
}

fn place<'a>(ask: &Ask<'a>) -> Result<&'a S3Batches, UpstreamError> {
    match &ask.instance.batch_bucket {
        Some(BatchBucket::S3(place)) => Ok(place),
        _ => Err(malformed("no bucket")),
    }
}

fn upstream(what: &str, error: &BucketError) -> UpstreamError {
    let told = error.to_string();
    match error {
        BucketError::NotFound => UpstreamError::new(UpstreamErrorKind::NotFound, told),
        BucketError::Unreachable(_) => UpstreamError::new(UpstreamErrorKind::Unreachable, told),
        BucketError::Refused { status, code, .. } => {
            refused(what, code.as_deref().unwrap_or("refused"), Some(*status))
        }
        BucketError::Credential(_) => refused(what, "no credential for AWS", Some(401)),
        BucketError::Address(_) => refused(what, "no address", None),
    }
}

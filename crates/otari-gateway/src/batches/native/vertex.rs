//! Batches of Vertex AI: jobs over lines in a Cloud Storage bucket of the customer's.
//!
//! Answers come in no certain order. Claude's have the name of their line, Gemini's have none. They repeat the request
//! that they are for, and a request may have labels: those say which line it is. A key of a label is dropped once it had
//! more than a thousand values, so that a line's number stands in two labels of at most a thousand values each.
//!
//! <https://docs.cloud.google.com/vertex-ai/generative-ai/docs/multimodal/batch-prediction-from-cloud-storage>,
//! <https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/add-labels-to-api-calls>,
//! <https://cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude-batch>,
//! <https://cloud.google.com/storage/docs/json_api/v1/objects>

use std::collections::HashMap;

use bytes::Bytes;
use http::{Method, Uri};
use otari_providers::error::client_safe;
use otari_providers::{BatchBucket, GoogleBatches, Operation, UpstreamError, UpstreamErrorKind};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::answer::Answer;
use super::ask::{Ask, malformed, text};
use super::bucket::{self, refused};
use super::parcel::Parcel;
use super::service::{BATCH_ID, Packed, Service, State};

const LINES_TYPE: &str = "application/jsonl";
const THOUSANDS: &str = "otari_line_thousands";
const ONES: &str = "otari_line_ones";
/// Of files of answers.
const ENDING: &str = ".jsonl";
/// Files of answers that are looked for.
const FILES_MAX: usize = 1000;

/// The number of a line in the labels of its request.
pub(super) fn custom_id(line: i64) -> String {
    format!(
        "\"{THOUSANDS}\":\"{}\",\"{ONES}\":\"{}\"",
        line / 1000,
        line % 1000
    )
}

/// Puts the lines into the bucket. Our id is the name that the job is shown with.
pub(super) async fn pack(
    ask: &Ask<'_>,
    parcel: &Parcel,
    batch: &str,
) -> Result<Packed, UpstreamError> {
    let place = place(ask)?;
    let model = publisher_model(ask, parcel.model())?;
    let folder = format!("{}{batch}", place.folder.prefix);
    let lines = match ask.service {
        Service::VertexClaude => parcel.written("custom_id", "", "request", "\n"),
        _ => parcel.within("{\"request\":{\"labels\":{", "},"),
    };
    let to = format!(
        "/upload/storage/v1/b/{}/o?uploadType=media&name={}",
        place.folder.bucket,
        encoded(&format!("{folder}/lines.jsonl"))
    );
    let put = ask.send(Method::POST, at(place, &to)?, LINES_TYPE, lines.into());
    put.await.map_err(|error| storage("write to", error))?;
    let bucket = &place.folder.bucket;
    let request = json!({
        "displayName": batch,
        "labels": {BATCH_ID: batch},
        "model": model,
        "inputConfig": {
            "instancesFormat": "jsonl", "gcsSource": {"uris": [format!("gs://{bucket}/{folder}/lines.jsonl")]},
        },
        "outputConfig": {
            "predictionsFormat": "jsonl",
            "gcsDestination": {"outputUriPrefix": format!("gs://{bucket}/{folder}/answers")},
        },
    });
    let at = ask.batches("")?;
    let body = request.to_string().into();
    Ok(Packed { at, body })
}

/// `publishers/google/models/m`, as in the address of its calls.
fn publisher_model(ask: &Ask<'_>, model: &str) -> Result<String, UpstreamError> {
    let chat = ask.model_address(Operation::Chat, model)?;
    let path = chat.path();
    let model = path.find("publishers/").and_then(|at| path.get(at..));
    // Without the method at its end.
    let model = model.and_then(|model| model.rsplit_once(':'));
    let model = model.and_then(|(model, _)| decoded(model));
    model.ok_or_else(|| {
        let told = "Batches of Vertex AI are for Google's and Anthropic's own models here; leave `provider` out and the gateway runs \
                    the batch";
        UpstreamError::new(UpstreamErrorKind::InvalidRequest, told)
    })
}

/// The last part of the job's name.
pub(super) fn id(job: &Value) -> Option<String> {
    text(job, "name")?.rsplit('/').next().map(str::to_owned)
}

/// How to ask for the jobs that are shown as this.
pub(super) fn shown_as(batch: &str) -> String {
    format!("filter={}", encoded(&format!("displayName=\"{batch}\"")))
}

pub(super) fn state(job: &Value) -> State {
    let state = text(job, "state").unwrap_or_default();
    match state.strip_prefix("JOB_STATE_").unwrap_or_default() {
        "SUCCEEDED" | "PARTIALLY_SUCCEEDED" | "CANCELLED" | "EXPIRED" => {
            let folder = job.pointer("/outputInfo/gcsOutputDirectory");
            let folder = folder.and_then(Value::as_str).map(str::to_owned);
            State::Ended(folder.into_iter().collect())
        }
        "FAILED" => {
            let told = job.pointer("/error/message").and_then(Value::as_str);
            let told = told.and_then(client_safe);
            State::Failed(told.unwrap_or_else(|| "The provider's batch failed".to_owned()))
        }
        _ => State::Running,
    }
}

/// All answers, by their lines' names.
pub(super) async fn answers(
    ask: &Ask<'_>,
    folders: &[String],
) -> Result<HashMap<String, Answer>, UpstreamError> {
    let place = place(ask)?;
    let mut answers = HashMap::new();
    for folder in folders {
        for file in files(ask, place, folder).await? {
            let object = format!(
                "/storage/v1/b/{}/o/{}?alt=media",
                place.folder.bucket,
                encoded(&file)
            );
            let file = ask.open(Method::GET, at(place, &object)?, "", Bytes::new());
            let file = file.await.map_err(|error| storage("read", error))?;
            bucket::read(file, answer, &mut answers).await?;
        }
    }
    Ok(answers)
}

/// The files of answers below a folder, `gs://bucket/path`.
async fn files(
    ask: &Ask<'_>,
    place: &GoogleBatches,
    folder: &str,
) -> Result<Vec<String>, UpstreamError> {
    let folder = folder
        .strip_prefix("gs://")
        .and_then(|path| path.split_once('/'));
    let (bucket, path) = folder.ok_or_else(|| malformed("no folder of answers"))?;
    if bucket != place.folder.bucket {
        return Err(malformed("a folder of answers in another bucket"));
    }
    let path = path.trim_end_matches('/');
    let list = format!(
        "/storage/v1/b/{bucket}/o?maxResults={FILES_MAX}&prefix={}",
        encoded(&format!("{path}/"))
    );
    let list = ask.json(Method::GET, at(place, &list)?, Bytes::new()).await;
    let list = list.map_err(|error| storage("list", error))?;
    let items = list.get("items").and_then(Value::as_array);
    let names = items
        .into_iter()
        .flatten()
        .filter_map(|item| text(item, "name"));
    let files: Vec<String> = names.filter(|name| name.ends_with(ENDING)).collect();
    if files.is_empty() {
        return Err(UpstreamError::new(
            UpstreamErrorKind::NotFound,
            "there are no answers in the bucket",
        ));
    }
    Ok(files)
}

fn answer(line: &[u8]) -> Option<(String, Answer)> {
    #[derive(Deserialize)]
    struct Line<'a> {
        custom_id: Option<String>,
        request: Request,
        #[serde(borrow)]
        response: Option<&'a RawValue>,
        #[serde(default)]
        status: String,
    }
    #[derive(Deserialize)]
    struct Request {
        #[serde(default)]
        labels: HashMap<String, String>,
    }
    let line: Line<'_> = serde_json::from_slice(line).ok()?;
    let number = |label: &str| line.request.labels.get(label)?.parse::<i64>().ok();
    let labelled = || {
        let thousands = number(THOUSANDS)?.checked_mul(1000)?;
        thousands.checked_add(number(ONES)?).map(custom_id)
    };
    let id = line.custom_id.clone().or_else(labelled)?;
    let answered = line
        .response
        .filter(|_| line.status.is_empty())
        .filter(|response| !matches!(response.get(), "null" | "{}" | "\"\""));
    let answer = answered.map_or_else(
        || Err(failed(&line.status)),
        |response| Ok(response.get().to_owned().into()),
    );
    Some((id, answer))
}

/// `Bad Request: {"error": {"code": 400, …}}`, or a text alone.
fn failed(status: &str) -> UpstreamError {
    let told = status.find('{').and_then(|at| status.get(at..));
    let told: Option<Value> = told.and_then(|told| serde_json::from_str(told).ok());
    let code = told
        .as_ref()
        .and_then(|told| told.pointer("/error/code"))
        .and_then(Value::as_u64)
        .and_then(|code| u16::try_from(code).ok())
        .filter(|code| (400..600).contains(code));
    let body = told.unwrap_or_else(|| json!({"error": {"message": status}}));
    let body = body.to_string();
    UpstreamError::from_answer(code.unwrap_or(400), None, body.as_bytes())
}

fn place<'a>(ask: &Ask<'a>) -> Result<&'a GoogleBatches, UpstreamError> {
    match &ask.instance.batch_bucket {
        Some(BatchBucket::Google(place)) => Ok(place),
        _ => Err(malformed("no bucket")),
    }
}

fn at(place: &GoogleBatches, path: &str) -> Result<Uri, UpstreamError> {
    let address = format!("{}{path}", place.endpoint);
    address
        .parse()
        .map_err(|_| malformed("an address that is none"))
}

fn encoded(text: &str) -> String {
    // In a path a plus is a plus.
    form_urlencoded::byte_serialize(text.as_bytes())
        .collect::<String>()
        .replace('+', "%20")
}

fn decoded(path: &str) -> Option<String> {
    let query = format!("={}", path.replace('+', "%2B"));
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.next().map(|(_, path)| path.into_owned())
}

/// A refusal of the storage's own; what may go away by itself stays what it is.
fn storage(what: &str, error: UpstreamError) -> UpstreamError {
    match error.kind {
        UpstreamErrorKind::Credentials => {
            let told = format!("status {}", error.status.unwrap_or(401));
            refused(what, &told, error.status.or(Some(401)))
        }
        UpstreamErrorKind::NotFound if what == "write to" => {
            refused(what, "there is no such bucket", error.status)
        }
        _ => error,
    }
}

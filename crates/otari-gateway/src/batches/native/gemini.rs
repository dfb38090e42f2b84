//! Batches of the Gemini API: long-running operations, with the lines and their answers in files.
//!
//! A request may hold small batches itself. Their answers then come in no certain order and not always with the name of
//! their line (<https://github.com/googleapis/python-genai/issues/1909>), and all of them again with each look at the
//! operation and at the list; in files each answer has its line's key, however many there are.
//! <https://ai.google.dev/gemini-api/docs/batch-api>, <https://ai.google.dev/api/files>

use http::Uri;
use otari_providers::error::client_safe;
use otari_providers::{Operation, UpstreamError};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::answer::Answer;
use super::ask::{Ask, malformed, text};
use super::parcel::Parcel;
use super::service::{Packed, State};

/// Of the file with the lines; the service looks at it.
const LINES_TYPE: &str = "application/jsonl";
/// `google.rpc.Code.CANCELLED`
const CANCELLED: i64 = 1;

/// Brings the lines to the provider. Our id is the name that the batch is shown with.
pub(super) async fn pack(
    ask: &Ask<'_>,
    parcel: &Parcel,
    batch: &str,
) -> Result<Packed, UpstreamError> {
    let at = beside_chat(ask, parcel.model())?;
    let lines = parcel.written("key", "", "request", "\n");
    let about = json!({"file": {"displayName": batch, "mimeType": LINES_TYPE}});
    let file = ask.upload_related(&about, LINES_TYPE, &lines).await?;
    let name = file.get("file").and_then(|file| text(file, "name"));
    let name = name.ok_or_else(|| malformed("no name of the file"))?;
    let request = json!({"batch": {"displayName": batch, "inputConfig": {"fileName": name}}});
    let body = request.to_string().into();
    Ok(Packed { at, body })
}

/// A batch is made where the model's calls go, by another method.
fn beside_chat(ask: &Ask<'_>, model: &str) -> Result<Uri, UpstreamError> {
    let chat = ask.model_address(Operation::Chat, model)?.to_string();
    let address = chat.replacen(":generateContent", ":batchGenerateContent", 1);
    address
        .parse()
        .map_err(|_| malformed("an address that is none"))
}

/// The provider's id in an operation's name, `batches/{id}`.
pub(super) fn id(operation: &Value) -> Option<String> {
    let name = text(operation, "name")?;
    name.strip_prefix("batches/").map(str::to_owned)
}

/// The name it is shown with: for ours, our id of it.
pub(super) fn shown_as(operation: &Value) -> Option<&str> {
    operation.pointer("/metadata/displayName")?.as_str()
}

pub(super) fn state(operation: &Value) -> State {
    let state = operation.pointer("/metadata/state").and_then(Value::as_str);
    let state = state.unwrap_or_default();
    // `BATCH_STATE_…` in the reference, `JOB_STATE_…` in the guide.
    let state = state
        .split_once("_STATE_")
        .map_or(state, |(_, state)| state);
    let error = operation.get("error").filter(|error| !error.is_null());
    let code = error
        .and_then(|error| error.get("code"))
        .and_then(Value::as_i64);
    let is_done = operation.get("done") == Some(&Value::Bool(true));
    match (state, error) {
        ("SUCCEEDED" | "CANCELLED" | "EXPIRED", _) => State::Ended(files(operation)),
        (_, Some(_)) if is_done && code == Some(CANCELLED) => State::Ended(files(operation)),
        ("FAILED", error) => failed(error),
        (_, Some(error)) if is_done => failed(Some(error)),
        _ if is_done => State::Ended(files(operation)),
        _ => State::Running,
    }
}

fn failed(error: Option<&Value>) -> State {
    let told = error.and_then(|error| text(error, "message"));
    let told = told.as_deref().and_then(client_safe);
    State::Failed(told.unwrap_or_else(|| "The provider's batch failed".to_owned()))
}

/// The ids of the files with the answers.
fn files(operation: &Value) -> Vec<String> {
    let places = ["/response", "/metadata/output"];
    let mut outputs = places.iter().filter_map(|at| operation.pointer(at));
    let name = outputs.find_map(|output| text(output, "responsesFile"));
    let id = name.map(|name| name.strip_prefix("files/").unwrap_or(&name).to_owned());
    id.into_iter().collect()
}

/// A line of the file of answers: `{"key":…,"response":…}`, or `error` for the answer.
pub(super) fn answer(line: &[u8]) -> Option<(String, Answer)> {
    #[derive(Deserialize)]
    struct Line<'a> {
        key: String,
        #[serde(borrow)]
        response: Option<&'a RawValue>,
        #[serde(borrow)]
        error: Option<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Status {
        #[serde(default)]
        code: i64,
    }
    let line: Line<'_> = serde_json::from_slice(line).ok()?;
    if let Some(response) = line.response {
        return Some((line.key, Ok(response.get().to_owned().into())));
    }
    let error = line.error.map_or("{}", RawValue::get);
    let code = serde_json::from_str(error).map_or(0, |status: Status| status.code);
    if code == CANCELLED {
        // As if it were not there.
        return Some((String::new(), Err(malformed("no answer to a line"))));
    }
    let body = format!("{{\"error\":{error}}}");
    let error = UpstreamError::from_answer(http_status(code), None, body.as_bytes());
    Some((line.key, Err(error)))
}

/// Of a `google.rpc.Code`; some errors have the other already.
/// <https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto>
fn http_status(code: i64) -> u16 {
    match code {
        3 | 9 | 11 => 400,
        4 => 504,
        5 => 404,
        7 => 403,
        8 => 429,
        14 => 503,
        16 => 401,
        400..600 => u16::try_from(code).unwrap_or(500),
        _ => 500,
    }
}

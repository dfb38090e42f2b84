//! The protocol's JSON, as a client writes and reads it. Reading is tolerant of what later versions may add; what it
//! complains of are names of members, never values, which are program output.

use std::time::Duration;

use bytes::Bytes;
use otari_types::Timestamp;
use serde_json::{Map, Value, json};

use crate::{
    CreateSession, EditorCommand, ExecOutcome, ExecRequest, Limits, Program, SandboxError,
    SessionHandle, SessionId, WorkspaceFile,
};

const MICROS: f64 = 1_000_000.0;

pub(super) fn create_body(wanted: &CreateSession) -> Bytes {
    let mut body = Map::new();
    let bounds = [
        ("idle_timeout_seconds", wanted.idle_timeout),
        ("max_lifetime_seconds", wanted.max_lifetime),
    ];
    for (member, bound) in bounds {
        if let Some(bound) = bound {
            body.insert(member.to_owned(), Value::from(bound.as_secs().max(1)));
        }
    }
    Bytes::from(Value::from(body).to_string())
}

pub(super) fn exec_body(request: &ExecRequest, timeout: Duration) -> Bytes {
    let mut body = json!({
        "tool": request.program.kind().tool_name(),
        "input": input(&request.program),
        "timeout_seconds": whole_seconds(timeout),
    });
    if let (Some(id), Some(body)) = (&request.tool_use_id, body.as_object_mut()) {
        body.insert("tool_use_id".to_owned(), Value::from(id.clone()));
    }
    Bytes::from(body.to_string())
}

/// Rounded up: a program keeps the time it was given.
fn whole_seconds(timeout: Duration) -> u64 {
    let part = u64::from(timeout.subsec_nanos() > 0);
    timeout.as_secs().saturating_add(part).max(1)
}

fn input(program: &Program) -> Value {
    match program {
        Program::Python { code } => json!({"code": code}),
        Program::Bash { command } => json!({"command": command}),
        Program::Editor { path, edit } => {
            let mut input = serde_json::to_value(edit).unwrap_or_default();
            if let Some(input) = input.as_object_mut() {
                if matches!(edit, EditorCommand::View { view_range: None }) {
                    input.remove("view_range");
                }
                input.insert("path".to_owned(), Value::from(path.clone()));
            }
            input
        }
    }
}

/// A multipart body with the file and its path, and the type to send it as.
pub(super) fn multipart(path: &str, content: &[u8]) -> (String, Bytes) {
    let boundary = format!("otari-{}", otari_types::random_token(24));
    let name: String = path
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .chars()
        .filter(|c| !c.is_control() && !matches!(c, '"' | '\\'))
        .collect();
    let head = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"path\"\r\n\r\n{path}\r\n\
         --{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n"
    );
    let tail = format!("\r\n--{boundary}--\r\n");
    let body = [head.as_bytes(), content, tail.as_bytes()].concat();
    (
        format!("multipart/form-data; boundary={boundary}"),
        Bytes::from(body),
    )
}

pub(super) fn read_handle(
    body: &[u8],
    limits: &Limits,
    now: Timestamp,
) -> Result<SessionHandle, SandboxError> {
    let handle = read(body)?;
    let id = handle.get("session_id").and_then(Value::as_str);
    let id = id
        .filter(|id| !id.is_empty())
        .ok_or_else(|| malformed("session_id"))?;
    let seconds = |member: &str, default: Duration| {
        let seconds = handle.get(member).and_then(Value::as_f64);
        seconds
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .unwrap_or(default)
    };
    let moment = |member: &str| handle.get(member).and_then(timestamp).unwrap_or(now);
    Ok(SessionHandle {
        id: SessionId::new(id),
        idle_timeout: seconds("idle_timeout_seconds", limits.idle_timeout),
        max_lifetime: seconds("max_lifetime_seconds", limits.max_lifetime),
        created_at: moment("created_at"),
        last_activity_at: moment("last_activity_at"),
    })
}

pub(super) fn read_outcome(body: &[u8]) -> Result<ExecOutcome, SandboxError> {
    let envelope = read(body)?;
    // A bare result at the top is not the envelope.
    let block = envelope.get("result_block").and_then(Value::as_object);
    let block = block.ok_or_else(|| malformed("result_block"))?;
    let content = block.get("content").and_then(Value::as_object);
    let content = content.ok_or_else(|| malformed("result_block.content"))?;
    let id = |holder: &Map<String, Value>| Some(holder.get("tool_use_id")?.as_str()?.to_owned());
    let milliseconds = envelope.get("execution_time_ms").and_then(Value::as_f64);
    let time = milliseconds.and_then(|ms| Duration::try_from_secs_f64(ms / 1000.0).ok());
    Ok(ExecOutcome {
        tool_use_id: id(&envelope).or_else(|| id(block)).unwrap_or_default(),
        stdout: text(content.get("stdout")),
        stderr: text(content.get("stderr")),
        return_code: return_code(content.get("return_code")),
        files: named_files(content.get("content")),
        execution_time: time.unwrap_or_default(),
    })
}

/// `{"files": […]}`; entries without a path are skipped.
pub(super) fn read_listing(body: &[u8]) -> Result<Vec<WorkspaceFile>, SandboxError> {
    let listing = read(body)?;
    let files = listing.get("files").and_then(Value::as_array);
    let files = files.ok_or_else(|| malformed("files"))?;
    let mut files: Vec<WorkspaceFile> = files.iter().filter_map(file).collect();
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

/// The answer to a put; what it lacks is what was sent.
pub(super) fn read_stored(body: &[u8], path: &str, size: usize) -> WorkspaceFile {
    let stored = read(body).ok().map(Value::from);
    stored
        .and_then(|stored| file(&stored))
        .unwrap_or_else(|| WorkspaceFile {
            path: path.to_owned(),
            size_bytes: u64::try_from(size).unwrap_or(u64::MAX),
            mime_type: None,
            modified_at: None,
        })
}

fn read(body: &[u8]) -> Result<Map<String, Value>, SandboxError> {
    serde_json::from_slice(body).map_err(|_| malformed("body"))
}

fn malformed(member: &str) -> SandboxError {
    SandboxError::Unavailable {
        reason: format!("its answer does not follow the protocol at `{member}`"),
    }
}

fn file(entry: &Value) -> Option<WorkspaceFile> {
    let path = entry.get("path")?.as_str()?;
    let mime_type = entry.get("mime_type").and_then(Value::as_str);
    Some(WorkspaceFile {
        path: path.to_owned(),
        size_bytes: entry.get("size_bytes").and_then(Value::as_u64).unwrap_or(0),
        mime_type: mime_type
            .or_else(|| crate::file::mime_type(path))
            .map(str::to_owned),
        modified_at: entry.get("modified_at").and_then(timestamp),
    })
}

/// The files that a result names, where the backend names any.
fn named_files(content: Option<&Value>) -> Vec<WorkspaceFile> {
    let entries = content.and_then(Value::as_array).into_iter().flatten();
    let named = entries.filter_map(|entry| {
        let path = entry
            .get("filename")
            .or_else(|| entry.get("file_id"))?
            .as_str()?;
        Some(WorkspaceFile {
            path: path.to_owned(),
            size_bytes: 0,
            mime_type: crate::file::mime_type(path).map(str::to_owned),
            modified_at: None,
        })
    });
    named.collect()
}

/// Posix seconds, or ISO 8601 as some write it.
fn timestamp(value: &Value) -> Option<Timestamp> {
    if let Some(text) = value.as_str() {
        return Timestamp::parse(text);
    }
    if let Some(seconds) = value.as_i64() {
        return Some(Timestamp::from_secs(seconds));
    }
    let micros = value.as_f64()? * MICROS;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "saturates, and is only shown"
    )]
    let micros = micros as i64;
    Some(Timestamp(micros))
}

/// Outputs are only shown, so whatever they are becomes text.
fn text(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// Absent or null is success; what is no number at all is failure.
fn return_code(value: Option<&Value>) -> i64 {
    match value {
        None | Some(Value::Null) => 0,
        Some(Value::String(text)) => text.trim().parse().unwrap_or(1),
        Some(other) => other.as_i64().unwrap_or(1),
    }
}

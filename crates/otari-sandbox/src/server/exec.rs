//! Running a program.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::refusal::{Refused, malformed};
use super::sessions::seconds;
use crate::{ExecOutcome, ExecRequest, Kind, Program, Sandbox, SessionId};

#[derive(Deserialize)]
struct Wanted {
    tool: String,
    input: Map<String, Value>,
    #[serde(default)]
    timeout_seconds: Option<u64>,
    #[serde(default)]
    tool_use_id: Option<String>,
}

/// `POST /sessions/{id}/exec`. A timeout over the limit is lowered to it.
pub(super) async fn exec(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, Refused> {
    let wanted: Wanted =
        serde_json::from_slice(&body).map_err(|error| malformed(error.to_string()))?;
    let request = ExecRequest {
        program: program(&wanted.tool, &wanted.input)?,
        timeout: seconds("timeout_seconds", wanted.timeout_seconds)?,
        tool_use_id: wanted.tool_use_id,
    };
    let outcome = sandbox.exec(&SessionId::new(id), request).await?;
    Ok(Json(shown(&outcome)))
}

fn program(tool: &str, input: &Map<String, Value>) -> Result<Program, Refused> {
    let Some(kind) = Kind::from_tool_name(tool) else {
        return Err(malformed(
            "tool must be code_execution, bash_code_execution or text_editor_code_execution",
        ));
    };
    Program::read(kind, input).map_err(|error| malformed(format!("input: {error}")))
}

/// The envelope. `content` of the block is one object; the list inside it names files, by their path.
fn shown(outcome: &ExecOutcome) -> Value {
    let files: Vec<Value> = outcome
        .files
        .iter()
        .map(|file| {
            json!({
                "type": "code_execution_output",
                "file_id": file.path,
                "filename": file.path,
            })
        })
        .collect();
    let milliseconds = u64::try_from(outcome.execution_time.as_millis()).unwrap_or(u64::MAX);
    json!({
        "tool_use_id": outcome.tool_use_id,
        "execution_time_ms": milliseconds,
        "result_block": {
            "type": "code_execution_tool_result",
            "tool_use_id": outcome.tool_use_id,
            "content": {
                "type": "code_execution_result",
                "stdout": outcome.stdout,
                "stderr": outcome.stderr,
                "return_code": outcome.return_code,
                "content": files,
            },
        },
    })
}

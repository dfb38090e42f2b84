//! Programs, as the surfaces show those that a provider ran.

use otari_sandbox::{EditorCommand, Program};
use serde_json::{Value, json};

use super::id;
use crate::tool_loop::pool::Coded;

/// Status of a program that ran out of time.
const TIMED_OUT: i64 = 124;

/// OpenAI's items. It has none for an editor like this one: that is shown as the tool it is.
pub(super) fn items(coded: &Coded, failed: bool) -> Vec<Value> {
    match &coded.program {
        Program::Python { code } => {
            let logs = [coded.stdout.as_str(), coded.stderr.as_str()].concat();
            vec![json!({
                "id": id("ci"), "type": "code_interpreter_call", "status": "completed",
                "code": code, "container_id": coded.container,
                "outputs": [{"type": "logs", "logs": logs}],
            })]
        }
        Program::Bash { command } => {
            let call = id("call");
            let outcome = match coded.return_code {
                TIMED_OUT => json!({"type": "timeout"}),
                code => json!({"type": "exit", "exit_code": code}),
            };
            vec![
                json!({
                    "id": id("sh"), "type": "shell_call", "status": "completed", "call_id": call,
                    "action": {"commands": [command], "timeout_ms": null, "max_output_length": null},
                    "environment": {"type": "container_reference", "container_id": coded.container},
                }),
                json!({
                    "id": id("sho"), "type": "shell_call_output", "status": "completed", "call_id": call,
                    "max_output_length": null,
                    "output": [{"stdout": coded.stdout, "stderr": coded.stderr, "outcome": outcome}],
                }),
            ]
        }
        Program::Editor { .. } => {
            let text = [coded.stdout.as_str(), coded.stderr.as_str()].concat();
            vec![json!({
                "id": id("mcp"), "type": "mcp_call", "status": if failed { "failed" } else { "completed" },
                "server_label": "otari", "name": coded.program.kind().tool_name(),
                "arguments": json!(coded.input).to_string(),
                "output": if failed { Value::Null } else { json!(text) },
                "error": if failed { json!(text) } else { Value::Null },
            })]
        }
    }
}

/// What Anthropic's result block holds.
pub(super) fn result(coded: &Coded) -> Value {
    match &coded.program {
        Program::Python { .. } => printed(coded, "code_execution"),
        Program::Bash { .. } => printed(coded, "bash_code_execution"),
        Program::Editor { .. } if coded.return_code != 0 => json!({
            "type": "text_editor_code_execution_tool_result_error",
            "error_code": "invalid_tool_input", "error_message": coded.stderr.trim_end(),
        }),
        Program::Editor { edit, .. } => match edit {
            EditorCommand::View { .. } => json!({
                "type": "text_editor_code_execution_view_result", "file_type": "text",
                "content": coded.stdout, "num_lines": coded.stdout.lines().count(),
                "start_line": null, "total_lines": null,
            }),
            EditorCommand::Create { .. } => json!({
                "type": "text_editor_code_execution_create_result",
                // The sandbox says which it was.
                "is_file_update": coded.stdout.starts_with("replaced "),
            }),
            EditorCommand::StrReplace { .. }
            | EditorCommand::Insert { .. }
            | EditorCommand::UndoEdit => json!({
                "type": "text_editor_code_execution_str_replace_result",
                "old_start": null, "old_lines": null, "new_start": null, "new_lines": null, "lines": null,
            }),
        },
    }
}

fn printed(coded: &Coded, kind: &str) -> Value {
    let files = coded.files.iter().map(
        |file| json!({"type": format!("{kind}_output"), "file_id": file.id, "filename": file.name}),
    );
    json!({
        "type": format!("{kind}_result"), "stdout": coded.stdout, "stderr": coded.stderr,
        "return_code": coded.return_code, "content": files.collect::<Vec<_>>(),
    })
}

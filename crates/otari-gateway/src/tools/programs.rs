//! Programs of models: which kinds there are, as functions, and what came of one, in words.

use std::collections::HashSet;

use otari_sandbox::{ExecOutcome, Kind, Program, Sandbox};
use otari_tools::definitions::GatewayTool;
use otari_translate::{FunctionTool, Raw};
use serde_json::{Map, Value, json};

/// The member of an entry that asks for more than Python.
pub(crate) const KINDS: &str = "kinds";
/// Whatever the sandbox has.
const ALL: &str = "all";

/// The kinds an entry asks for: Python, and those its `kinds` names. The error says what is wrong with it.
pub(crate) fn kinds_of(entry: &Value, sandbox: &Sandbox) -> Result<Vec<Kind>, String> {
    let mut kinds = vec![Kind::Python];
    let named = match entry.get(KINDS) {
        None | Some(Value::Null) => return Ok(kinds),
        Some(Value::String(all)) if all == ALL => {
            let all = Kind::ALL.into_iter().filter(|kind| sandbox.runs(*kind));
            return Ok(all.collect());
        }
        Some(Value::Array(named)) => named,
        Some(_) => return Err(wanted()),
    };
    for name in named {
        let kind = Kind::ALL
            .into_iter()
            .find(|kind| name.as_str() == Some(short_name(*kind)))
            .ok_or_else(wanted)?;
        if !sandbox.runs(kind) {
            return Err(format!(
                "this gateway's sandbox has no {}; leave it out of kinds, or use sandbox_backend: native",
                short_name(kind)
            ));
        }
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    Ok(kinds)
}

fn wanted() -> String {
    "kinds must be \"all\" or a list of python, bash and text_editor".to_owned()
}

fn short_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Python => "python",
        Kind::Bash => "bash",
        Kind::Editor => "text_editor",
    }
}

/// A kind as it is declared to the model. `taken` are the names the caller's own tools have.
pub(crate) fn function(kind: Kind, sandbox: &Sandbox, taken: &HashSet<String>) -> FunctionTool {
    if kind == Kind::Python {
        let tool = GatewayTool::CodeExecution.function(taken);
        return FunctionTool {
            description: Some(description(kind, sandbox)),
            ..tool
        };
    }
    let name = kind.tool_name();
    FunctionTool {
        name: if taken.contains(name) {
            format!("otari_{name}")
        } else {
            name.to_owned()
        },
        description: Some(description(kind, sandbox)),
        schema: Some(Raw::from(&input_schema(kind))),
        ..FunctionTool::default()
    }
}

/// What the model reads about a kind.
pub(crate) fn description(kind: Kind, sandbox: &Sandbox) -> String {
    match kind {
        Kind::Python => {
            let about = GatewayTool::CodeExecution.description();
            match sandbox.packages() {
                "" => about.to_owned(),
                packages => format!("{about} {packages}"),
            }
        }
        Kind::Bash => "Runs a shell command in the folder where the Python code runs. Files stay, variables and \
                       processes do not. There is no network."
            .to_owned(),
        Kind::Editor => "Shows and changes text files in the folder where the Python code runs. view shows a file with \
                         line numbers, or the files of a folder; create writes a whole file; str_replace changes a \
                         text that is there exactly once; insert adds text after a line."
            .to_owned(),
    }
}

/// JSON Schema of the arguments.
pub(crate) fn input_schema(kind: Kind) -> Value {
    let text = |about: &str| json!({"type": "string", "description": about});
    match kind {
        Kind::Python => GatewayTool::CodeExecution.input_schema(),
        Kind::Bash => json!({
            "type": "object",
            "properties": {"command": text("The command, as bash reads it.")},
            "required": ["command"],
            "additionalProperties": false,
        }),
        Kind::Editor => json!({
            "type": "object",
            "properties": {
                "command": {"type": "string", "enum": ["view", "create", "str_replace", "insert"]},
                "path": text("Of the file, from the working folder."),
                "file_text": text("For create: what the file holds."),
                "old_str": text("For str_replace: what is replaced; it must match exactly."),
                "new_str": text("For str_replace and insert: the new text."),
                "insert_line": {"type": "integer", "minimum": 0, "description": "For insert: after this line; 0 is the beginning."},
                "view_range": {
                    "type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2,
                    "description": "For view: first and last line, counted from 1; -1 is the last.",
                },
            },
            "required": ["command", "path"],
            "additionalProperties": false,
        }),
    }
}

/// The program of a call. The error is for the model.
pub(crate) fn program(kind: Kind, arguments: &Map<String, Value>) -> Result<Program, String> {
    let program = Program::read(kind, arguments)?;
    match &program {
        Program::Python { code } if code.trim().is_empty() => Err("code is empty".to_owned()),
        Program::Bash { command } if command.trim().is_empty() => {
            Err("command is empty".to_owned())
        }
        _ => Ok(program),
    }
}

/// What came of a program, as a model reads it. `files` say what each file is called where the model may need it.
pub(crate) fn told(outcome: &ExecOutcome, files: impl Iterator<Item = String>) -> String {
    let mut parts = Vec::new();
    for (name, text) in [("stdout", &outcome.stdout), ("stderr", &outcome.stderr)] {
        if !text.is_empty() {
            parts.push(format!("{name}:\n{}", text.trim_end()));
        }
    }
    if outcome.return_code != 0 {
        parts.push(format!("return_code: {}", outcome.return_code));
    }
    let files: Vec<String> = files.collect();
    if !files.is_empty() {
        parts.push(format!("files: {}", files.join(", ")));
    }
    if parts.is_empty() {
        return "(no output)".to_owned();
    }
    parts.join("\n")
}

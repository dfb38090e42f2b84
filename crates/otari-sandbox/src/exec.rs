//! What runs in a session and what came of it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::file::WorkspaceFile;

/// One program to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecRequest {
    pub program: Program,
    /// Wall clock; the backend's own limit when absent, and never more than it.
    pub timeout: Option<Duration>,
    /// Echoed in the outcome; made up when absent.
    pub tool_use_id: Option<String>,
}

impl ExecRequest {
    /// A cell of Python with the backend's own time limit.
    pub fn python(code: impl Into<String>) -> Self {
        Self {
            program: Program::Python { code: code.into() },
            timeout: None,
            tool_use_id: None,
        }
    }
}

/// The three kinds of the protocol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Program {
    /// `code_execution`. Names it defines are there for the next cell; the value of its last expression is printed.
    Python { code: String },
    /// `bash_code_execution`. Not in WebAssembly, which has no processes.
    Bash { command: String },
    /// `text_editor_code_execution`.
    Editor { path: String, edit: EditorCommand },
}

impl Program {
    pub fn kind(&self) -> Kind {
        match self {
            Self::Python { .. } => Kind::Python,
            Self::Bash { .. } => Kind::Bash,
            Self::Editor { .. } => Kind::Editor,
        }
    }

    /// Reads the arguments of the protocol's tool of this kind. The error says what is wrong with them.
    pub fn read(kind: Kind, input: &Map<String, Value>) -> Result<Self, String> {
        let text = |member: &str| match input.get(member).and_then(Value::as_str) {
            Some(text) => Ok(text.to_owned()),
            None => Err(format!("{member} must be text")),
        };
        Ok(match kind {
            Kind::Python => Self::Python {
                code: text("code")?,
            },
            Kind::Bash => Self::Bash {
                command: text("command")?,
            },
            Kind::Editor => Self::Editor {
                path: text("path")?,
                edit: EditorCommand::deserialize(input).map_err(|error| error.to_string())?,
            },
        })
    }

    /// Bytes of its text.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Python { code } => code.len(),
            Self::Bash { command } => command.len(),
            Self::Editor { path, edit } => {
                let edit = match edit {
                    EditorCommand::Create { file_text } => file_text.len(),
                    EditorCommand::StrReplace { old_str, new_str } => old_str.len() + new_str.len(),
                    EditorCommand::Insert { new_str, .. } => new_str.len(),
                    EditorCommand::View { .. } | EditorCommand::UndoEdit => 0,
                };
                path.len() + edit
            }
        }
    }
}

/// A kind of program, by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Python,
    Bash,
    Editor,
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::Python, Self::Bash, Self::Editor];

    /// The protocol's name for it in requests.
    pub fn tool_name(self) -> &'static str {
        match self {
            Self::Python => "code_execution",
            Self::Bash => "bash_code_execution",
            Self::Editor => "text_editor_code_execution",
        }
    }

    pub fn from_tool_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.tool_name() == name)
    }
}

/// A command of the text editor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum EditorCommand {
    /// Shows a file with line numbers, or a folder. `view_range` is first and last line from 1; -1 is the last.
    View {
        #[serde(default)]
        view_range: Option<(i64, i64)>,
    },
    Create {
        file_text: String,
    },
    /// `old_str` must be there exactly once.
    StrReplace {
        old_str: String,
        #[serde(default)]
        new_str: String,
    },
    /// After line `insert_line`; 0 is the beginning.
    Insert {
        insert_line: u64,
        new_str: String,
    },
    /// Takes back the last change to the file.
    UndoEdit,
}

/// What a program did. `return_code` is 0 for success; 124 says that it ran out of time, 137 that it was stopped for
/// taking too much of something, which `stderr` then names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecOutcome {
    pub tool_use_id: String,
    pub stdout: String,
    pub stderr: String,
    pub return_code: i64,
    /// Files of the workspace that are new or different since the last operation on the session, by path.
    pub files: Vec<WorkspaceFile>,
    pub execution_time: Duration,
}

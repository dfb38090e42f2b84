//! The text editor: works on the files of the workspace, whatever the interpreter is.

use std::collections::HashMap;

use super::Workspace;
use crate::EditorCommand;
use crate::frame::{Ran, Refusal};

/// Changes to one file that can be taken back.
const UNDO_MAX: usize = 20;

/// Remembers what files were, for `undo_edit`.
#[derive(Debug, Default)]
pub(crate) struct Editor {
    past: HashMap<String, Vec<Vec<u8>>>,
}

impl Editor {
    /// Runs one command. A command that cannot be done is a failed program: its text is for the model.
    pub(crate) fn run(
        &mut self,
        workspace: &mut Workspace,
        path: &str,
        edit: &EditorCommand,
    ) -> Ran {
        match self.edit(workspace, path, edit) {
            Ok(stdout) => Ran {
                stdout,
                ..Ran::default()
            },
            Err(told) => Ran {
                stderr: told + "\n",
                return_code: 1,
                ..Ran::default()
            },
        }
    }

    fn edit(
        &mut self,
        workspace: &mut Workspace,
        path: &str,
        edit: &EditorCommand,
    ) -> Result<String, String> {
        match edit {
            EditorCommand::View { view_range } => view(workspace, path, *view_range),
            EditorCommand::Create { file_text } => {
                let before = workspace.get(path).ok();
                workspace.put(path, file_text.as_bytes()).map_err(told)?;
                let Some(before) = before else {
                    return Ok(format!("created {path}\n"));
                };
                self.remember(path, before);
                Ok(format!("replaced {path}\n"))
            }
            EditorCommand::StrReplace { old_str, new_str } => {
                let text = text(workspace, path)?;
                match text.matches(old_str.as_str()).count() {
                    _ if old_str.is_empty() => Err("old_str must not be empty".to_owned()),
                    0 => Err(format!("old_str is not in {path}; it must match exactly")),
                    1 => self.change(workspace, path, &text, &text.replacen(old_str, new_str, 1)),
                    times => Err(format!(
                        "old_str is {times} times in {path}; add lines around it until it is there once"
                    )),
                }
            }
            EditorCommand::Insert {
                insert_line,
                new_str,
            } => {
                let text = text(workspace, path)?;
                let inserted = insert(&text, *insert_line, new_str)?;
                self.change(workspace, path, &text, &inserted)
            }
            EditorCommand::UndoEdit => {
                let before = self.past.get_mut(path).and_then(Vec::pop);
                let before = before.ok_or_else(|| format!("nothing to undo in {path}"))?;
                workspace.put(path, &before).map_err(told)?;
                Ok(format!("took back the last change to {path}\n"))
            }
        }
    }

    fn change(
        &mut self,
        workspace: &mut Workspace,
        path: &str,
        before: &str,
        after: &str,
    ) -> Result<String, String> {
        workspace.put(path, after.as_bytes()).map_err(told)?;
        self.remember(path, before.as_bytes().to_vec());
        Ok(format!("changed {path}\n"))
    }

    fn remember(&mut self, path: &str, before: Vec<u8>) {
        let past = self.past.entry(path.to_owned()).or_default();
        if past.len() == UNDO_MAX {
            past.remove(0);
        }
        past.push(before);
    }
}

fn text(workspace: &Workspace, path: &str) -> Result<String, String> {
    let bytes = workspace.get(path).map_err(told)?;
    String::from_utf8(bytes).map_err(|_| format!("{path} is not text"))
}

fn view(workspace: &Workspace, path: &str, range: Option<(i64, i64)>) -> Result<String, String> {
    if let Err(Refusal::BadRequest(_) | Refusal::UnknownFile(_)) = workspace.get(path) {
        let files = workspace.list(path).map_err(told)?;
        let paths: Vec<String> = files.into_iter().map(|file| file.path + "\n").collect();
        return Ok(paths.concat());
    }
    let text = text(workspace, path)?;
    let lines: Vec<&str> = text.lines().collect();
    let count = i64::try_from(lines.len()).unwrap_or(i64::MAX);
    let (first, last) = match range {
        None => (1, count),
        Some((first, -1)) => (first, count),
        Some(range) => range,
    };
    if first < 1 || last > count || (last < first && count > 0) {
        return Err(format!(
            "view_range must be within 1 and {count}, first before last"
        ));
    }
    let numbered = lines.iter().zip(1_i64..);
    let shown: Vec<String> = numbered
        .filter(|(_, number)| (first..=last).contains(number))
        .map(|(line, number)| format!("{number:6}\t{line}\n"))
        .collect();
    Ok(shown.concat())
}

fn insert(text: &str, after: u64, new: &str) -> Result<String, String> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let after = usize::try_from(after).unwrap_or(usize::MAX);
    let Some((head, tail)) = lines.split_at_checked(after) else {
        return Err(format!("the file has {} lines", lines.len()));
    };
    let mut whole = head.concat();
    if !whole.is_empty() && !whole.ends_with('\n') {
        whole.push('\n');
    }
    whole.push_str(new);
    if !new.ends_with('\n') {
        whole.push('\n');
    }
    whole.push_str(&tail.concat());
    Ok(whole)
}

fn told(refusal: Refusal) -> String {
    crate::SandboxError::from(refusal).to_string()
}

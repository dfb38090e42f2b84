//! The processes of a session: one interpreter that stays, a shell for each command, and whatever they start.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::output::{Finished, Outputs};
use super::{DRIVER_INSIDE, JAIL, Plan, WORKER_INSIDE};
use crate::worker::WORKER_ARGUMENT;

/// Attempts to end processes that start others meanwhile.
const ROUNDS_MAX: usize = 500;
const ROUND: Duration = Duration::from_millis(2);
const ALL: Pid = Pid::from_raw(-1);

pub(super) struct Children {
    plan: Plan,
    outputs: Outputs,
    interpreter: Option<Child>,
    shell: Option<Child>,
    cells: u64,
}

impl Children {
    pub(super) fn new(plan: Plan, outputs: Outputs) -> Self {
        Self {
            plan,
            outputs,
            interpreter: None,
            shell: None,
            cells: 0,
        }
    }

    /// Hands a cell to the interpreter, started if need be. Answers the cell's number.
    pub(super) fn send_cell(&mut self, code: &str) -> io::Result<u64> {
        self.cells += 1;
        let alive = match &mut self.interpreter {
            Some(child) => child.try_wait()?.is_none(),
            None => false,
        };
        if !alive {
            self.interpreter = Some(self.start_interpreter()?);
        }
        let child = self.interpreter.as_mut();
        let input = child.and_then(|child| child.stdin.as_mut());
        let input = input.ok_or_else(|| io::Error::other("the interpreter has no input"))?;
        writeln!(input, "{} {}", self.cells, code.len())?;
        input.write_all(code.as_bytes())?;
        input.flush()?;
        Ok(self.cells)
    }

    fn start_interpreter(&self) -> io::Result<Child> {
        let token = otari_types::random_token(18);
        let start = format!("import sys; sys.path.insert(0, {DRIVER_INSIDE:?}); import native");
        let executable = self.plan.python.executable.display().to_string();
        let mut child = self
            .jailed(&[&executable, "-I", "-B", "-c", &start, &token])?
            .stdin(Stdio::piped())
            .spawn()?;
        self.outputs.follow_cells(&mut child, &token)?;
        Ok(child)
    }

    pub(super) fn start_shell(&mut self, command: &str) -> io::Result<()> {
        let mut child = self
            .jailed(&["/bin/bash", "-c", command])?
            .stdin(Stdio::null())
            .spawn()?;
        self.outputs.follow(&mut child)?;
        self.shell = Some(child);
        Ok(())
    }

    fn jailed(&self, program: &[&str]) -> io::Result<Command> {
        let plan = serde_json::to_string(&self.plan)?;
        let mut command = Command::new(WORKER_INSIDE);
        command
            .args([WORKER_ARGUMENT, JAIL, &plan])
            .args(program)
            .env_clear()
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Ok(command)
    }

    /// The status of the shell, once it has ended.
    pub(super) fn shell_status(&mut self) -> Option<Finished> {
        let status = self.shell.as_mut()?.try_wait().ok()??;
        self.shell = None;
        Some(Finished::Status(code(status)))
    }

    /// The status of an interpreter whose outputs have ended.
    pub(super) fn interpreter_status(&mut self) -> i32 {
        let Some(mut child) = self.interpreter.take() else {
            return code(ExitStatus::default());
        };
        // Without outputs it can do nothing more that anyone would see.
        let _ = child.kill();
        child.wait().map_or(1, code).max(1)
    }

    /// Ends everything but the interpreter, and waits until it has ended.
    pub(super) fn end_others(&mut self) {
        let kept = self.interpreter.as_ref().map(Child::id);
        let is_other = |process: &u32| *process != 1 && Some(*process) != kept;
        for _ in 0..ROUNDS_MAX {
            let others: Vec<u32> = processes().into_iter().filter(is_other).collect();
            for process in &others {
                if let Ok(process) = i32::try_from(*process) {
                    let _ = kill(Pid::from_raw(process), Signal::SIGKILL);
                    // An orphan's parent is us. Of others, the parent is on the list or the interpreter.
                    let _ = waitpid(Pid::from_raw(process), Some(WaitPidFlag::WNOHANG));
                }
            }
            if others.is_empty() {
                break;
            }
            self.outputs.wait(ROUND);
        }
    }

    /// Ends everything, the interpreter too.
    pub(super) fn end_all(&mut self) {
        // To all at once: nothing can start another between two of them.
        let _ = kill(ALL, Signal::SIGKILL);
        for mut child in [self.interpreter.take(), self.shell.take()]
            .into_iter()
            .flatten()
        {
            let _ = child.wait();
        }
        // Orphans are ours to bury.
        let ended = || waitpid(ALL, Some(WaitPidFlag::WNOHANG));
        while ended().is_ok_and(|status| status != WaitStatus::StillAlive) {}
    }
}

/// The processes of this namespace that have not ended.
fn processes() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let all = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    all.filter(|process: &u32| {
        let status = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        // The name before it is in brackets and may hold anything.
        let state = status.rsplit_once(')').map(|(_, rest)| rest.trim_start());
        state.is_some_and(|state| !state.starts_with(['Z', 'X']))
    })
    .collect()
}

/// As a shell tells it.
fn code(status: ExitStatus) -> i32 {
    status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .unwrap_or(1)
}

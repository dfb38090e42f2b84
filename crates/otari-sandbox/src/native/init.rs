//! Process 1 of a session: starts programs, watches what they take, and ends them all.

use std::io::{self, BufWriter};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::children::Children;
use super::output::{Finished, Outputs};
use super::{Plan, root, usage};
use crate::Program;
use crate::frame::{self, Ran, Reply};
use crate::worker::{self, Interpreter, Workspace};

const MEASURE_EVERY: Duration = Duration::from_millis(20);
/// After its end, how long what a program printed may take to arrive.
const DRAIN_MAX: Duration = Duration::from_secs(1);
const TIMED_OUT: i32 = 124;
const STOPPED: i32 = 137;

pub(super) fn run(plan: &Plan) -> io::Result<()> {
    let mut output = BufWriter::new(io::stdout());
    let ready = prepare(plan);
    let (native, workspace) = match ready {
        Ok(ready) => ready,
        Err(reason) => return frame::write(&mut output, &Reply::Failed { reason }, &[]),
    };
    let confinement = "namespaces, landlock, seccomp".to_owned();
    let input = &mut io::stdin().lock();
    worker::answer(
        native,
        workspace,
        confinement,
        plan.bounds,
        input,
        &mut output,
    )
}

fn prepare(plan: &Plan) -> Result<(Native, Workspace), String> {
    // Whoever kills the supervisor kills us, and with process 1 the kernel ends all others.
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).map_err(|error| error.to_string())?;
    root::mount_processes().map_err(|error| super::refused("a new /proc", &error.to_string()))?;
    nix::unistd::sethostname("sandbox").map_err(|error| error.to_string())?;
    let workspace = Workspace::open(
        Path::new("/workspace"),
        None,
        plan.bounds.workspace_bytes,
        plan.bounds.workspace_files,
    )
    .map_err(|error| error.to_string())?;
    let outputs = Outputs::new(plan.bounds.output_bytes);
    let mut native = Native {
        children: Children::new(plan.clone(), outputs.clone()),
        outputs,
        plan: plan.clone(),
    };
    // An empty cell: the interpreter is started while nobody waits, and a jail that does not work shows now.
    let warm = native.cell("", plan.bounds.exec_timeout_ms);
    if warm.return_code != 0 {
        return Err(format!(
            "the interpreter does not start: {}",
            warm.stderr.trim()
        ));
    }
    Ok((native, workspace))
}

/// The session's programs.
struct Native {
    children: Children,
    outputs: Outputs,
    plan: Plan,
}

impl Interpreter for Native {
    fn run(&mut self, program: &Program, timeout_ms: u64, _workspace: &Workspace) -> Ran {
        match program {
            Program::Python { code } => self.cell(code, timeout_ms),
            Program::Bash { command } => self.command(command, timeout_ms),
            Program::Editor { .. } => Ran::default(),
        }
    }
}

/// How a program ended.
#[derive(Clone, Copy)]
enum End {
    Status(i32),
    /// With what to say about it.
    Stopped(i32, &'static str),
}

impl Native {
    fn cell(&mut self, code: &str, timeout_ms: u64) -> Ran {
        let begun = Instant::now();
        let end = match self.children.send_cell(code) {
            Ok(cell) => self.watch(timeout_ms, |native| native.outputs.finished(cell)),
            Err(error) => return failed(&error),
        };
        self.ran(begun, end, "variables are lost, files are kept")
    }

    fn command(&mut self, command: &str, timeout_ms: u64) -> Ran {
        let begun = Instant::now();
        let end = match self.children.start_shell(command) {
            Ok(()) => self.watch(timeout_ms, |native| native.children.shell_status()),
            Err(error) => return failed(&error),
        };
        self.ran(begun, end, "variables of Python are lost, files are kept")
    }

    /// Waits for the program's end, or ends it for what it takes.
    fn watch(
        &mut self,
        timeout_ms: u64,
        mut finished: impl FnMut(&mut Self) -> Option<Finished>,
    ) -> End {
        let deadline = Instant::now() + Duration::from_millis(timeout_ms);
        loop {
            match finished(self) {
                Some(Finished::Status(status)) => return End::Status(status),
                Some(Finished::Gone) => {
                    let status = self.children.interpreter_status();
                    return End::Stopped(status, "the interpreter ended");
                }
                None => {}
            }
            if Instant::now() >= deadline {
                return End::Stopped(TIMED_OUT, "out of time");
            }
            if let Some(excess) = usage::excess(&self.plan.bounds) {
                return End::Stopped(STOPPED, excess);
            }
            self.outputs.wait(MEASURE_EVERY);
        }
    }

    fn ran(&mut self, begun: Instant, end: End, lost: &str) -> Ran {
        let (return_code, note) = match end {
            End::Status(status) => {
                // What a program leaves running ends with it.
                self.children.end_others();
                (status, None)
            }
            End::Stopped(status, why) => {
                self.children.end_all();
                (status, Some(format!("[stopped: {why}; {lost}]\n")))
            }
        };
        self.outputs.drain(note.is_some(), DRAIN_MAX);
        let (stdout, mut stderr) = self.outputs.take();
        if let Some(note) = note {
            if !stderr.is_empty() && !stderr.ends_with('\n') {
                stderr.push('\n');
            }
            stderr.push_str(&note);
        }
        Ran {
            stdout,
            stderr,
            return_code,
            changed: Vec::new(),
            elapsed_micros: u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX),
        }
    }
}

fn failed(error: &io::Error) -> Ran {
    Ran {
        stderr: format!("[the program cannot be started: {error}]\n"),
        return_code: STOPPED,
        ..Ran::default()
    }
}

//! The worker process: started by the gateway as `otari __sandbox-worker`, with nothing in its environment. It runs
//! one session, answers frames, and ends when its input does.

mod captured;
#[cfg(target_os = "linux")]
pub(crate) mod confine;
#[cfg(not(target_os = "linux"))]
pub(crate) mod confine_portable;
mod editor;
mod workspace;

use std::fmt;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub(crate) use captured::Captured;
#[cfg(not(target_os = "linux"))]
pub(crate) use confine_portable as confine;
pub(crate) use workspace::Workspace;

use crate::frame::{self, Bounds, Ran, Reply, Request, Start};
use crate::{Program, wasm};
use editor::Editor;

/// The first argument of a worker process.
pub const WORKER_ARGUMENT: &str = "__sandbox-worker";

/// Runs programs of a session. File operations are the same for all.
pub(crate) trait Interpreter {
    /// Runs Python or a shell command. The editor is not its business.
    fn run(&mut self, program: &Program, timeout_ms: u64, workspace: &Workspace) -> Ran;
}

/// Runs the worker to its end. Call it before anything else in `main` when the first argument is
/// [`WORKER_ARGUMENT`]: it must not have threads, and needs nothing else of the program.
pub fn run(arguments: &[String]) -> ExitCode {
    confine::close_inherited();
    #[cfg(target_os = "linux")]
    if let Some((stage, rest)) = arguments.split_first() {
        return crate::native::stage(stage, rest);
    }
    let _ = arguments;
    match serve(&mut io::stdin().lock(), &mut BufWriter::new(io::stdout())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&error),
    }
}

/// Says on standard error why the process ends, and with which status.
pub fn complain(reason: &impl fmt::Display) -> ExitCode {
    let _ = writeln!(io::stderr(), "sandbox worker: {reason}");
    ExitCode::FAILURE
}

/// Compiles `component`, another build of the standard interpreter, to where the shipped one is looked for below `cache`:
/// a fresh build is tried that way before it is shipped.
pub fn compile_in_place_of_shipped(component: &[u8], cache: &Path) -> Result<PathBuf, String> {
    wasm::compile_in_place_of_shipped(component, cache)
}

fn serve(input: &mut impl io::Read, output: &mut impl Write) -> io::Result<()> {
    let Some((start, _)) = frame::read::<Start>(input, 0)? else {
        return Ok(());
    };
    match start {
        Start::Compile { image, cache } => {
            let reply = match wasm::compile_into(&image, &cache) {
                Ok(path) => Reply::Compiled { path },
                Err(reason) => Reply::Failed { reason },
            };
            frame::write(output, &reply, &[])
        }
        Start::Wasm {
            image,
            compiled,
            directory,
            ahead,
            bounds,
        } => match wasm::start(&image, &compiled, &directory, ahead, bounds) {
            Ok(started) => answer(
                started.interpreter,
                started.workspace,
                started.confinement,
                bounds,
                input,
                output,
            ),
            Err(reason) => frame::write(output, &Reply::Failed { reason }, &[]),
        },
        #[cfg(target_os = "linux")]
        Start::Native { .. } => crate::native::supervise(start, output),
        #[cfg(not(target_os = "linux"))]
        Start::Native { .. } => {
            let reason = "the native backend needs Linux".to_owned();
            frame::write(output, &Reply::Failed { reason }, &[])
        }
    }
}

/// Answers requests until there are no more.
pub(crate) fn answer(
    mut interpreter: impl Interpreter,
    mut workspace: Workspace,
    confinement: String,
    bounds: Bounds,
    input: &mut impl io::Read,
    output: &mut impl Write,
) -> io::Result<()> {
    let mut editor = Editor::default();
    frame::write(output, &Reply::Ready { confinement }, &[])?;
    while let Some((request, body)) = frame::read::<Request>(input, bounds.workspace_bytes)? {
        let mut content = Vec::new();
        let reply = match request {
            Request::Exec {
                program,
                timeout_ms,
            } => {
                let mut ran = match &program {
                    Program::Editor { path, edit } => editor.run(&mut workspace, path, edit),
                    program => {
                        let limit = timeout_ms.min(bounds.exec_timeout_ms);
                        interpreter.run(program, limit, &workspace)
                    }
                };
                ran.changed = workspace.changed();
                Ok(Reply::Ran(ran))
            }
            Request::List { path } => workspace.list(&path).map(|files| Reply::Listed { files }),
            Request::Get { path } => workspace.get(&path).map(|bytes| {
                content = bytes;
                Reply::Content
            }),
            Request::Put { path } => workspace
                .put(&path, &body)
                .map(|file| Reply::Stored { file }),
        };
        let reply = reply.unwrap_or_else(Reply::Refused);
        frame::write(output, &reply, &content)?;
    }
    Ok(())
}

//! CPython as WebAssembly: no processes, no sockets, no files but the session's, and a stop button.

mod compiled;
mod image;
mod library;
mod output;
mod science;
mod standard;
mod ticker;

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use wasmtime::{StoreLimits, StoreLimitsBuilder};
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtxBuilder};

use crate::Program;
use crate::frame::{Bounds, Ran};
use crate::worker::{Captured, Interpreter, Workspace, confine};
pub(crate) use compiled::{compile_in_place_of_shipped, compile_into};
pub(crate) use image::Image;
use image::{Live, Loaded};
pub(crate) use library::Library;
use output::Stream;
use ticker::Ticker;

/// Names of the session's folders, from inside its directory.
pub(crate) const WORKSPACE: &str = "workspace";
pub(crate) const SCRATCH: &str = "tmp";

/// What is said of a session whose interpreter had to be started anew.
const LOST: &str = "variables are lost, files are kept";
/// How often a running program's use of the workspace is measured.
const MEASURE_EVERY: Duration = Duration::from_millis(50);
/// For the cell that readies an interpreter, which is ours.
const WARMING_MS: u64 = 20_000;
/// What a stopped program's status is; the numbers are what `timeout` and the kernel use.
const TIMED_OUT: i32 = 124;
const STOPPED: i32 = 137;

/// A session ready for its first request.
pub(crate) struct Started {
    pub(crate) interpreter: Wasm,
    pub(crate) workspace: Workspace,
    /// What the kernel enforces around it.
    pub(crate) confinement: String,
}

/// The interpreter of one session.
pub(crate) struct Wasm {
    loaded: Loaded,
    /// `None` after a program was stopped: an instance cannot go on from the middle.
    live: Option<Live>,
    stdout: Captured,
    stderr: Captured,
    ticker: Ticker,
    runtime: tokio::runtime::Runtime,
    bounds: Bounds,
    /// Bytes of nameless files that were open before any program: ours, as a cache file that was replaced.
    unlinked: u64,
}

/// Confines this process to `directory`, then starts the interpreter in it.
pub(crate) fn start(
    image: &Image,
    compiled: &Path,
    directory: &Path,
    ahead: bool,
    bounds: Bounds,
) -> Result<Started, String> {
    let engine = compiled::engine(image).map_err(|error| error.to_string())?;
    let loaded = Loaded::new(&engine, image, compiled)?;
    let enclosed = confine::enclose(directory, loaded.libraries(), &bounds)?;
    let runtime = runtime().map_err(|error| error.to_string())?;
    // Starts with the file rules of this thread, and before threads are forbidden.
    let ticker = Ticker::start(engine).map_err(|error| error.to_string())?;
    let confinement = enclosed.filter_calls();
    let workspace = Workspace::open(
        Path::new(WORKSPACE),
        Some(Path::new(SCRATCH)),
        bounds.workspace_bytes,
        bounds.workspace_files,
    )
    .map_err(|error| format!("the workspace cannot be opened: {error}"))?;
    let mut interpreter = Wasm {
        loaded,
        live: None,
        stdout: Captured::new(bounds.output_bytes),
        stderr: Captured::new(bounds.output_bytes),
        ticker,
        runtime,
        bounds,
        unlinked: confine::unlinked_bytes(workspace.device()),
    };
    // What the first cell would do once is done while nobody waits.
    let time = bounds.exec_timeout_ms.max(WARMING_MS);
    let warm = interpreter.cell(image.warming(ahead), time, &workspace);
    if warm.return_code != 0 {
        return Err(format!("the interpreter does not start: {}", warm.stderr));
    }
    Ok(Started {
        interpreter,
        workspace,
        confinement,
    })
}

/// Runs the guest on this thread, and what blocks on one other, which is started now and stays: threads are about to
/// be forbidden.
fn runtime() -> io::Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .max_blocking_threads(1)
        .thread_keep_alive(Duration::from_hours(24 * 365))
        .build()?;
    runtime
        .block_on(runtime.spawn_blocking(|| ()))
        .map_err(io::Error::other)?;
    Ok(runtime)
}

impl Interpreter for Wasm {
    fn run(&mut self, program: &Program, timeout_ms: u64, workspace: &Workspace) -> Ran {
        match program {
            Program::Python { code } => self.cell(code, timeout_ms, workspace),
            Program::Bash { .. } | Program::Editor { .. } => Ran {
                stderr: "this sandbox has no shell: it cannot start processes. Use Python.\n"
                    .to_owned(),
                return_code: 127,
                ..Ran::default()
            },
        }
    }
}

/// How a cell ended.
enum End {
    Returned(wasmtime::Result<i32>),
    OutOfTime,
    OutOfSpace,
}

impl Wasm {
    fn cell(&mut self, code: &str, timeout_ms: u64, workspace: &Workspace) -> Ran {
        let begun = Instant::now();
        let (return_code, note) = self.attempt(code, timeout_ms, workspace);
        let mut stderr = self.stderr.take();
        if let Some(note) = note {
            if !stderr.is_empty() && !stderr.ends_with('\n') {
                stderr.push('\n');
            }
            stderr.push_str(&note);
            stderr.push('\n');
        }
        Ran {
            stdout: self.stdout.take(),
            stderr,
            return_code,
            changed: Vec::new(),
            elapsed_micros: u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX),
        }
    }

    /// Runs the cell; answers its status and what to say about how it ended.
    fn attempt(
        &mut self,
        code: &str,
        timeout_ms: u64,
        workspace: &Workspace,
    ) -> (i32, Option<String>) {
        let mut live = match self.live.take().map_or_else(|| self.instantiate(), Ok) {
            Ok(live) => live,
            Err(error) => {
                return (
                    STOPPED,
                    Some(format!("[the interpreter cannot start: {error:#}]")),
                );
            }
        };
        let ticking = self.ticker.tick();
        let end = self.runtime.block_on(async {
            let call = live.exec(code);
            let deadline = tokio::time::sleep(Duration::from_millis(timeout_ms));
            tokio::select! {
                biased;
                returned = call => End::Returned(returned),
                () = deadline => End::OutOfTime,
                () = full(workspace, self.unlinked) => End::OutOfSpace,
            }
        });
        drop(ticking);
        match end {
            End::Returned(Ok(status)) => {
                self.live = Some(live);
                if over(workspace, self.unlinked) {
                    return (
                        STOPPED,
                        Some(out_of_space(workspace, "files over the limit were removed")),
                    );
                }
                (status, None)
            }
            End::OutOfTime => {
                let told = format!(
                    "[stopped: out of time after {} s; {LOST}]",
                    Duration::from_millis(timeout_ms).as_secs_f32()
                );
                (TIMED_OUT, Some(told))
            }
            End::OutOfSpace => {
                // Its open files go with it, so that what they held is free before we count.
                drop(live);
                (STOPPED, Some(out_of_space(workspace, LOST)))
            }
            End::Returned(Err(error)) => ended(&error),
        }
    }

    fn instantiate(&self) -> wasmtime::Result<Live> {
        let streams = [&self.stdout, &self.stderr].map(|captured| Stream(captured.clone()));
        self.runtime
            .block_on(self.loaded.start(streams, &self.bounds))
    }
}

/// Shows the session's folders to a guest.
fn session_folders(wasi: &mut WasiCtxBuilder) -> wasmtime::Result<()> {
    for folder in [WORKSPACE, SCRATCH] {
        wasi.preopened_dir(folder, format!("/{folder}"), FsPerms::ReadWrite)?;
    }
    Ok(())
}

fn limits(bounds: &Bounds) -> StoreLimits {
    let memory = usize::try_from(bounds.memory_bytes).unwrap_or(usize::MAX);
    StoreLimitsBuilder::new().memory_size(memory).build()
}

/// Resolves when the workspace is over its limits. `unlinked` is not its programs' doing.
async fn full(workspace: &Workspace, unlinked: u64) {
    let mut every = tokio::time::interval(MEASURE_EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        if over(workspace, unlinked) {
            return;
        }
    }
}

fn over(workspace: &Workspace, unlinked: u64) -> bool {
    let now = confine::unlinked_bytes(workspace.device());
    workspace.over(now.saturating_sub(unlinked))
}

fn out_of_space(workspace: &Workspace, consequence: &str) -> String {
    let removed = workspace.shrink();
    let removed = match removed.as_slice() {
        [] => String::new(),
        [one] => format!("; removed {one}"),
        [one, rest @ ..] => format!("; removed {one} and {} more", rest.len()),
    };
    format!("[stopped: the workspace is full{removed}; {consequence}]")
}

/// What a trap means.
fn ended(error: &wasmtime::Error) -> (i32, Option<String>) {
    if let Some(exit) = error.downcast_ref::<I32Exit>() {
        return (exit.0, Some(format!("[the interpreter exited; {LOST}]")));
    }
    match error.downcast_ref::<wasmtime::Trap>() {
        Some(wasmtime::Trap::StackOverflow) => {
            (STOPPED, Some(format!("[stopped: stack overflow; {LOST}]")))
        }
        Some(trap) => (STOPPED, Some(format!("[stopped: {trap}; {LOST}]"))),
        // An interface that is not linked: the name says which.
        None => (
            STOPPED,
            Some(format!(
                "[stopped: not available in this sandbox ({}); {LOST}]",
                error.root_cause()
            )),
        ),
    }
}

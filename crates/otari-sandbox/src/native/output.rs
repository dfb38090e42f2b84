//! What programs print, read by threads, and the marks that say where a cell's output ends.
//!
//! The interpreter writes a mark to both streams when a cell has ended: a control character, a token that only it and
//! we know, the cell's number, its status. A cell that learns the token can end itself early; nobody else is fooled.

use std::io::{self, Read};
use std::process::Child;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::worker::Captured;

const CHUNK_BYTES: usize = 64 * 1024;
/// Longer than any mark.
const MARK_BYTES_MAX: usize = 96;
const EDGE: u8 = 0x1e;
const STREAMS: usize = 2;

#[derive(Clone)]
pub(super) struct Outputs {
    captured: [Captured; STREAMS],
    progress: Arc<(Mutex<Progress>, Condvar)>,
}

/// What the reading threads have seen.
#[derive(Debug, Default)]
struct Progress {
    /// Counts interpreters: threads that still read an earlier one have no say.
    interpreter: u64,
    /// The last cell that each stream of the interpreter has ended, and its status.
    ended: [Option<(u64, i32)>; STREAMS],
    /// Streams of the interpreter that are closed.
    closed: usize,
    /// Streams of shells that are still open.
    open: usize,
}

pub(super) enum Finished {
    Status(i32),
    /// The interpreter's streams are closed: it will say no more.
    Gone,
}

impl Outputs {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            captured: [Captured::new(limit), Captured::new(limit)],
            progress: Arc::default(),
        }
    }

    /// Reads an interpreter.
    pub(super) fn follow_cells(&self, child: &mut Child, token: &str) -> io::Result<()> {
        let number = {
            let mut progress = self.progress.0.lock();
            *progress = Progress {
                interpreter: progress.interpreter + 1,
                ..Progress::default()
            };
            progress.interpreter
        };
        let [stdout, stderr] = &self.captured;
        let mark = [&[EDGE], token.as_bytes(), b" "].concat();
        if let Some(stream) = child.stdout.take() {
            self.read(stream, stdout.clone(), Some((0, number, mark.clone())))?;
        }
        if let Some(stream) = child.stderr.take() {
            self.read(stream, stderr.clone(), Some((1, number, mark)))?;
        }
        Ok(())
    }

    /// Reads a shell.
    pub(super) fn follow(&self, child: &mut Child) -> io::Result<()> {
        let [stdout, stderr] = &self.captured;
        if let Some(stream) = child.stdout.take() {
            self.read(stream, stdout.clone(), None)?;
        }
        if let Some(stream) = child.stderr.take() {
            self.read(stream, stderr.clone(), None)?;
        }
        Ok(())
    }

    /// Whether the cell has ended.
    pub(super) fn finished(&self, cell: u64) -> Option<Finished> {
        let progress = self.progress.0.lock();
        let of_cell = |ended: &Option<(u64, i32)>| ended.filter(|(number, _)| *number == cell);
        match &progress.ended {
            [first, second] => match (of_cell(first), of_cell(second)) {
                (Some((_, status)), Some(_)) => Some(Finished::Status(status)),
                _ if progress.closed == STREAMS => Some(Finished::Gone),
                _ => None,
            },
        }
    }

    /// Waits until something was seen, or for `at_most`.
    pub(super) fn wait(&self, at_most: Duration) {
        let (progress, changed) = &*self.progress;
        changed.wait_for(&mut progress.lock(), at_most);
    }

    /// Waits until a shell's streams are closed, and the interpreter's if it is gone.
    pub(super) fn drain(&self, interpreter_gone: bool, at_most: Duration) {
        let (progress, changed) = &*self.progress;
        let deadline = Instant::now() + at_most;
        let mut progress = progress.lock();
        let arriving = |progress: &Progress| {
            progress.open > 0 || (interpreter_gone && progress.closed < STREAMS)
        };
        while arriving(&progress) && !changed.wait_until(&mut progress, deadline).timed_out() {}
    }

    pub(super) fn take(&self) -> (String, String) {
        let [stdout, stderr] = &self.captured;
        (stdout.take(), stderr.take())
    }

    fn read(
        &self,
        mut stream: impl Read + Send + 'static,
        captured: Captured,
        mark: Option<(usize, u64, Vec<u8>)>,
    ) -> io::Result<()> {
        let progress = Arc::clone(&self.progress);
        if mark.is_none() {
            progress.0.lock().open += 1;
        }
        let copy = move || {
            let mut held = Vec::new();
            let mut chunk = vec![0; CHUNK_BYTES];
            while let Ok(count @ 1..) = stream.read(&mut chunk) {
                held.extend_from_slice(chunk.get(..count).unwrap_or_default());
                match &mark {
                    None => captured.write(&std::mem::take(&mut held)),
                    Some((stream, number, mark)) => {
                        while let Some(ended) = take_mark(&mut held, mark, &captured) {
                            let mut seen = progress.0.lock();
                            if seen.interpreter == *number
                                && let Some(seen) = seen.ended.get_mut(*stream)
                            {
                                *seen = Some(ended);
                            }
                            progress.1.notify_all();
                        }
                    }
                }
            }
            captured.write(&held);
            let mut seen = progress.0.lock();
            match mark {
                Some((_, number, _)) if number == seen.interpreter => seen.closed += 1,
                Some(_) => {}
                None => seen.open = seen.open.saturating_sub(1),
            }
            progress.1.notify_all();
        };
        thread::Builder::new().stack_size(256 * 1024).spawn(copy)?;
        Ok(())
    }
}

/// Moves output from `held` to `captured`, up to a mark. Without one, keeps back what could be the beginning of one.
fn take_mark(held: &mut Vec<u8>, mark: &[u8], captured: &Captured) -> Option<(u64, i32)> {
    let at = held.windows(mark.len()).position(|window| window == mark);
    let Some(at) = at else {
        let edge = held.iter().rposition(|byte| *byte == EDGE);
        let keep_from = match edge {
            Some(edge) if held.len() - edge < MARK_BYTES_MAX => edge,
            _ => held.len(),
        };
        captured.write(&held.drain(..keep_from).collect::<Vec<u8>>());
        return None;
    };
    let rest = held.get(at + mark.len()..)?;
    let length = rest.iter().position(|byte| *byte == EDGE)?;
    let words = std::str::from_utf8(rest.get(..length)?).ok();
    let ended = words.and_then(|words| {
        let (number, status) = words.split_once(' ')?;
        Some((number.parse().ok()?, status.parse().ok()?))
    });
    let end = at + mark.len() + length + 1;
    let taken: Vec<u8> = held.drain(..end).collect();
    captured.write(taken.get(..at).unwrap_or_default());
    ended
}

//! A writer that never makes a request wait for the terminal or the disk behind stderr.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use tracing_subscriber::fmt::MakeWriter;

/// Lines waiting to be written. Beyond that they are dropped and counted: logs must not stall calls.
const WAITING_MAX: usize = 8192;

enum Message {
    Line(Vec<u8>),
    End,
}

/// Hands out one [`Line`] for each event.
#[derive(Clone)]
pub(crate) struct Background {
    lines: SyncSender<Message>,
    dropped: Arc<AtomicU64>,
}

/// Ends the thread, once everything waiting is written.
#[derive(Debug)]
pub(crate) struct LogGuard {
    lines: SyncSender<Message>,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    pub(crate) fn start() -> (Self, LogGuard) {
        let (lines, waiting) = sync_channel(WAITING_MAX);
        let dropped = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&dropped);
        let thread = std::thread::Builder::new()
            .name("otari-log".to_owned())
            .spawn(move || write_lines(&waiting, &counted))
            .ok();
        (
            Self {
                lines: lines.clone(),
                dropped,
            },
            LogGuard { lines, thread },
        )
    }
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        if self.lines.send(Message::End).is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}

fn write_lines(waiting: &Receiver<Message>, dropped: &AtomicU64) {
    let mut stderr = io::stderr();
    while let Ok(Message::Line(line)) = waiting.recv() {
        let _ = stderr.write_all(&line);
        let lost = dropped.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let _ = writeln!(
                stderr,
                "{{\"level\":\"WARN\",\"message\":\"{lost} log lines dropped\"}}"
            );
        }
    }
}

/// One event's text, sent off whole when it is complete.
pub(crate) struct Line<'a> {
    text: Vec<u8>,
    to: &'a Background,
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        let text = std::mem::take(&mut self.text);
        if let Err(TrySendError::Full(_)) = self.to.lines.try_send(Message::Line(text)) {
            self.to.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl<'a> MakeWriter<'a> for Background {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Self::Writer {
        Line {
            text: Vec::new(),
            to: self,
        }
    }
}

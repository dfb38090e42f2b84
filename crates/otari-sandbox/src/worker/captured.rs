//! What a program prints, up to a bound.

use std::sync::Arc;

use parking_lot::Mutex;

/// One output stream of one program. Clones share it. Beyond the bound, bytes are counted and dropped.
#[derive(Clone, Debug)]
pub(crate) struct Captured(Arc<Mutex<Stream>>);

#[derive(Debug)]
struct Stream {
    kept: Vec<u8>,
    dropped: u64,
    limit: usize,
}

impl Captured {
    pub(crate) fn new(limit: usize) -> Self {
        Self(Arc::new(Mutex::new(Stream {
            kept: Vec::new(),
            dropped: 0,
            limit,
        })))
    }

    pub(crate) fn write(&self, bytes: &[u8]) {
        let mut stream = self.0.lock();
        let room = stream.limit.saturating_sub(stream.kept.len());
        let (kept, dropped) = bytes.split_at(room.min(bytes.len()));
        stream.kept.extend_from_slice(kept);
        let dropped = u64::try_from(dropped.len()).unwrap_or(u64::MAX);
        stream.dropped = stream.dropped.saturating_add(dropped);
    }

    /// What was printed since the last call, with a marker where the bound was reached.
    pub(crate) fn take(&self) -> String {
        let mut stream = self.0.lock();
        let kept = std::mem::take(&mut stream.kept);
        let dropped = std::mem::take(&mut stream.dropped);
        let mut text = String::from_utf8_lossy(&kept).into_owned();
        if dropped > 0 {
            if !text.ends_with('\n') {
                text.push('\n');
            }
            text.push_str(&format!(
                "[output truncated: {dropped} more bytes were dropped]\n"
            ));
        }
        text
    }
}

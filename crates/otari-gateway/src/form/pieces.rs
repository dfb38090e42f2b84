//! The bytes of a form that are for a provider, in the order they go out.
//!
//! They are slices of what the client sent. What was handed on stays only while it may have to be sent once more.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// Smaller pieces are put together: a client that sends byte by byte shall not cost a slice for each.
const MERGED_BYTES_MAX: usize = 8 * 1024;

/// Where a piece is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// What stands before a value, or after the last one.
    Frame,
    /// In place of the caller's name for the model goes the provider's.
    Model,
    /// Of the value of the part of this number.
    Value(usize),
}

#[derive(Debug)]
struct Piece {
    kind: Kind,
    bytes: Bytes,
}

#[derive(Debug, Default)]
pub(super) struct Pieces {
    pieces: VecDeque<Piece>,
    /// The piece that goes out next, and how much of it went.
    next: (usize, usize),
    /// Whether what went out stays.
    keep: bool,
    /// Of all pieces there ever were but for the model's name.
    length: u64,
    models: u64,
}

impl Pieces {
    pub(super) fn push(&mut self, kind: Kind, bytes: Bytes) {
        self.length += length_of(&bytes);
        self.models += u64::from(kind == Kind::Model);
        if let Some(last) = self.pieces.back_mut()
            && matches!(kind, Kind::Value(_))
            && last.kind == kind
            && last.bytes.len() + bytes.len() <= MERGED_BYTES_MAX
        {
            last.bytes = [last.bytes.as_ref(), &bytes].concat().into();
            return;
        }
        self.pieces.push_back(Piece { kind, bytes });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Of everything so far, with that name of the model.
    pub(super) fn length(&self, model: &str) -> u64 {
        self.length + self.models * length_of(model.as_bytes())
    }

    /// From the first on again. `keep`: not for the last time.
    pub(super) fn rewind(&mut self, keep: bool) {
        self.next = (0, 0);
        self.keep = keep;
    }

    /// What goes out next; `None` until more comes.
    pub(super) fn next(&mut self, model: &str) -> Option<Bytes> {
        loop {
            let (index, sent) = self.next;
            let piece = self.pieces.get(index)?;
            if piece.kind == Kind::Model && sent == 0 {
                return Some(Bytes::copy_from_slice(model.as_bytes()));
            }
            if sent < piece.bytes.len() {
                return Some(piece.bytes.slice(sent..));
            }
            if self.pieces.len() <= index + 1 {
                return None;
            }
            self.next = (index + 1, 0);
        }
    }

    /// What came last from [`Pieces::next`] went out.
    pub(super) fn sent(&mut self) {
        let (index, _) = self.next;
        if self.keep {
            let length = self.pieces.get(index).map(|piece| piece.bytes.len());
            // The model's piece is empty, and went out nevertheless.
            self.next.1 = length.unwrap_or_default().max(1);
        } else {
            self.pieces.remove(index);
        }
    }

    /// Everything in one, with that name of the model.
    pub(super) fn whole(&self, model: &str) -> Bytes {
        let length = usize::try_from(self.length(model)).unwrap_or_default();
        let mut out = BytesMut::with_capacity(length);
        for piece in &self.pieces {
            match piece.kind {
                Kind::Model => out.extend_from_slice(model.as_bytes()),
                Kind::Frame | Kind::Value(_) => out.extend_from_slice(&piece.bytes),
            }
        }
        out.freeze()
    }

    /// Makes one piece of a part's value, and says it.
    pub(super) fn gather(&mut self, part: usize) -> Bytes {
        let is_its = |piece: &Piece| piece.kind == Kind::Value(part);
        let Some(first) = self.pieces.iter().position(is_its) else {
            return Bytes::new();
        };
        let its = self
            .pieces
            .iter()
            .skip(first)
            .take_while(|piece| is_its(piece));
        let (count, length) = its.fold((0, 0), |(count, length), piece| {
            (count + 1, length + piece.bytes.len())
        });
        if let (1, Some(piece)) = (count, self.pieces.get(first)) {
            return piece.bytes.clone();
        }
        let mut whole = BytesMut::with_capacity(length);
        // One by one, so that no more than a piece is there twice.
        for piece in self.pieces.drain(first..first + count) {
            whole.extend_from_slice(&piece.bytes);
        }
        let whole = whole.freeze();
        let piece = Piece {
            kind: Kind::Value(part),
            bytes: whole.clone(),
        };
        self.pieces.insert(first, piece);
        self.next = (0, 0);
        whole
    }
}

fn length_of(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

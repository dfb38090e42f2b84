//! Amazon's binary event stream (`application/vnd.amazon.eventstream`): cutting bytes into checked frames.
//!
//! A frame is a prelude (total length, headers length, CRC-32 of both), headers, a payload and a CRC-32 of everything
//! before it; all integers are big-endian. Chunk borders carry no meaning.
//! <https://smithy.io/2.0/aws/amazon-eventstream.html>

#[cfg(test)]
mod tests;

use bytes::{Buf, Bytes, BytesMut};

/// The largest frame that is buffered: the format's own limits on headers and payload.
pub const MAX_FRAME_BYTES: usize = 24 * 1024 * 1024 + 128 * 1024 + OVERHEAD;

const PRELUDE: usize = 12;
const CHECKSUM: usize = 4;
const OVERHEAD: usize = PRELUDE + CHECKSUM;

/// One checked frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Headers whose values are text, in their order; all that matter are.
    headers: Vec<(String, String)>,
    pub payload: Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// A frame says it is larger than [`MAX_FRAME_BYTES`].
    TooLarge,
    /// A checksum or a length is wrong. Nothing after it can be read.
    Malformed,
}

impl Frame {
    /// A text header, as in `:event-type`.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Cuts pushed chunks into frames. Bytes of an unfinished frame wait inside.
#[derive(Debug, Default)]
pub struct FrameBuffer {
    pending: BytesMut,
}

impl FrameBuffer {
    pub fn push(&mut self, chunk: &[u8]) {
        self.pending.extend_from_slice(chunk);
    }

    /// The next complete frame, if one has arrived.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        let Some(mut prelude) = self.pending.get(..PRELUDE) else {
            return Ok(None);
        };
        let sum = crc32fast::hash(prelude.get(..8).unwrap_or_default());
        let (total, headers) = (prelude.get_u32(), prelude.get_u32());
        if prelude.get_u32() != sum {
            return Err(FrameError::Malformed);
        }
        let total = usize::try_from(total).map_err(|_| FrameError::TooLarge)?;
        let headers = usize::try_from(headers).map_err(|_| FrameError::TooLarge)?;
        if total > MAX_FRAME_BYTES {
            return Err(FrameError::TooLarge);
        }
        let payload = total
            .checked_sub(OVERHEAD)
            .and_then(|rest| rest.checked_sub(headers))
            .ok_or(FrameError::Malformed)?;
        if self.pending.len() < total {
            return Ok(None);
        }
        let frame = self.pending.split_to(total).freeze();
        let summed = total - CHECKSUM;
        let mut checksum = frame.slice(summed..);
        if checksum.get_u32() != crc32fast::hash(&frame.slice(..summed)) {
            return Err(FrameError::Malformed);
        }
        let body = frame.slice(PRELUDE..summed);
        Ok(Some(Frame {
            headers: read_headers(body.slice(..headers)).ok_or(FrameError::Malformed)?,
            payload: body.slice(headers..headers + payload),
        }))
    }

    /// Bytes of a frame that has not ended.
    pub fn has_partial(&self) -> bool {
        !self.pending.is_empty()
    }
}

/// `None` when a length leads outside.
fn read_headers(mut rest: Bytes) -> Option<Vec<(String, String)>> {
    const TEXT: u8 = 7;
    let mut headers = Vec::new();
    while rest.has_remaining() {
        let name_len = usize::from(rest.get_u8());
        let name = take(&mut rest, name_len)?;
        let kind = take(&mut rest, 1)?.get_u8();
        let len = match kind {
            0 | 1 => 0,
            2 => 1,
            3 => 2,
            4 => 4,
            5 | 8 => 8,
            6 | TEXT => usize::from(take(&mut rest, 2)?.get_u16()),
            9 => 16,
            _ => return None,
        };
        let value = take(&mut rest, len)?;
        if kind == TEXT {
            headers.push((text(&name)?, text(&value)?));
        }
    }
    Some(headers)
}

fn take(rest: &mut Bytes, len: usize) -> Option<Bytes> {
    (rest.remaining() >= len).then(|| rest.split_to(len))
}

fn text(bytes: &Bytes) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(ToOwned::to_owned)
}

/// Writes a frame with text headers, for servers that stand in for Amazon's. Names up to 255 bytes, values up to
/// 65535; longer ones are cut off.
pub fn write_frame(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut head = Vec::new();
    for (name, value) in headers {
        let name_len = u8::try_from(name.len()).unwrap_or(u8::MAX);
        let value_len = u16::try_from(value.len()).unwrap_or(u16::MAX);
        head.push(name_len);
        head.extend(name.bytes().take(usize::from(name_len)));
        head.push(7);
        head.extend(value_len.to_be_bytes());
        head.extend(value.bytes().take(usize::from(value_len)));
    }
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes();
    let mut frame = Vec::with_capacity(OVERHEAD + head.len() + payload.len());
    frame.extend(length(OVERHEAD + head.len() + payload.len()));
    frame.extend(length(head.len()));
    frame.extend(crc32fast::hash(&frame).to_be_bytes());
    frame.extend(head);
    frame.extend_from_slice(payload);
    frame.extend(crc32fast::hash(&frame).to_be_bytes());
    frame
}

//! How a record is written: `crc32 json`, and how one is told that is done with.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Stands where the checksum began: the record is done with.
pub(crate) const STRUCK: u8 = b'-';

/// The line of a record, with its break.
pub fn encode<T: Serialize>(record: &T) -> serde_json::Result<Vec<u8>> {
    const CHECKSUM_AND_SPACE: usize = 9;
    let mut line = vec![b'0'; CHECKSUM_AND_SPACE];
    serde_json::to_writer(&mut line, record)?;
    let (head, json) = line.split_at_mut(CHECKSUM_AND_SPACE);
    let checksum = format!("{:08x} ", crc32fast::hash(json));
    head.copy_from_slice(checksum.as_bytes());
    line.push(b'\n');
    Ok(line)
}

/// A line without its break; `None` when the checksum does not fit, or it is no such record.
pub(crate) fn decode<T: DeserializeOwned>(line: &[u8]) -> Option<T> {
    let (checksum, rest) = line.split_at_checked(8)?;
    let json = rest.strip_prefix(b" ")?;
    let checksum = u32::from_str_radix(std::str::from_utf8(checksum).ok()?, 16).ok()?;
    (crc32fast::hash(json) == checksum).then(|| serde_json::from_slice(json).ok())?
}

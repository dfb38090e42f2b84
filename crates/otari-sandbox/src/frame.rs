//! What the gateway and a worker say to each other, over the worker's standard input and output.
//!
//! A frame is two big-endian lengths (`u32` of the header, `u64` of the body), the header as JSON, and the body. One
//! request at a time; each has one reply. The gateway does not trust a worker: lengths are bounded before memory is.

use std::io::{self, Read, Write};
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::Program;
use crate::wasm::Image;

const PREFIX_BYTES: usize = 12;
/// Beyond what any header holds: two outputs at their largest, escaped, and a listing.
const HEADER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The first frame: what kind of worker to be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Start {
    /// Compile an interpreter below `cache` unless it is there, answer `Compiled`, and end.
    Compile { image: Image, cache: PathBuf },
    /// Run WebAssembly.
    Wasm {
        image: Image,
        compiled: PathBuf,
        /// Holds `workspace` and `tmp`.
        directory: PathBuf,
        /// Nobody waits for it: what programs will want can be loaded.
        ahead: bool,
        bounds: Bounds,
    },
    /// Run the host's Python.
    Native {
        python: PathBuf,
        /// An empty directory to mount on.
        directory: PathBuf,
        bounds: Bounds,
    },
}

/// The limits a worker keeps.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Bounds {
    pub(crate) exec_timeout_ms: u64,
    pub(crate) memory_bytes: u64,
    pub(crate) workspace_bytes: u64,
    pub(crate) workspace_files: u64,
    pub(crate) output_bytes: usize,
    pub(crate) processes: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    Exec {
        program: Program,
        timeout_ms: u64,
    },
    List {
        path: String,
    },
    Get {
        path: String,
    },
    /// The content is the body.
    Put {
        path: String,
    },
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Reply {
    /// Confined, and waiting. `confinement` names what the kernel enforces.
    Ready {
        confinement: String,
    },
    Compiled {
        path: PathBuf,
    },
    /// It cannot work here.
    Failed {
        reason: String,
    },
    Ran(Ran),
    Listed {
        files: Vec<Entry>,
    },
    /// The content is the body.
    Content,
    Stored {
        file: Entry,
    },
    Refused(Refusal),
}

/// What a program did.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Ran {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) return_code: i32,
    pub(crate) changed: Vec<Entry>,
    pub(crate) elapsed_micros: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) path: String,
    pub(crate) size_bytes: u64,
    /// Since the Unix epoch.
    pub(crate) modified_micros: i64,
}

/// Why a file operation, or a kind of program, was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Refusal {
    BadRequest(String),
    PathEscapes(String),
    UnknownFile(String),
    TooLarge { path: String, limit_bytes: u64 },
}

fn prefix(header: &[u8], body: &[u8]) -> io::Result<[u8; PREFIX_BYTES]> {
    let header = u32::try_from(header.len()).map_err(io::Error::other)?;
    let body = u64::try_from(body.len()).map_err(io::Error::other)?;
    let mut bytes = [0; PREFIX_BYTES];
    let (first, second) = bytes.split_at_mut(4);
    first.copy_from_slice(&header.to_be_bytes());
    second.copy_from_slice(&body.to_be_bytes());
    Ok(bytes)
}

/// Lengths of header and body, refused above their bounds.
fn lengths(prefix: [u8; PREFIX_BYTES], body_max: u64) -> io::Result<(usize, usize)> {
    let [a, b, c, d, body @ ..] = prefix;
    let header = usize::try_from(u32::from_be_bytes([a, b, c, d])).map_err(io::Error::other)?;
    let body = u64::from_be_bytes(body);
    if header > HEADER_BYTES_MAX || body > body_max {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "a frame over its bound",
        ));
    }
    Ok((header, usize::try_from(body).map_err(io::Error::other)?))
}

/// Reads a frame; `None` at the end of input.
pub(crate) fn read<T: DeserializeOwned>(
    input: &mut impl Read,
    body_max: u64,
) -> io::Result<Option<(T, Vec<u8>)>> {
    let mut bytes = [0; PREFIX_BYTES];
    match input.read_exact(&mut bytes) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        outcome => outcome?,
    }
    let (header, body) = lengths(bytes, body_max)?;
    let mut text = vec![0; header];
    input.read_exact(&mut text)?;
    let mut content = vec![0; body];
    input.read_exact(&mut content)?;
    Ok(Some((serde_json::from_slice(&text)?, content)))
}

pub(crate) fn write(
    output: &mut impl Write,
    header: &impl Serialize,
    body: &[u8],
) -> io::Result<()> {
    let header = serde_json::to_vec(header)?;
    output.write_all(&prefix(&header, body)?)?;
    output.write_all(&header)?;
    output.write_all(body)?;
    output.flush()
}

/// [`read`] for the gateway's side; the end of input is an error there.
pub(crate) async fn receive<T: DeserializeOwned>(
    input: &mut (impl AsyncRead + Unpin),
    body_max: u64,
) -> io::Result<(T, Vec<u8>)> {
    let mut bytes = [0; PREFIX_BYTES];
    input.read_exact(&mut bytes).await?;
    let (header, body) = lengths(bytes, body_max)?;
    let mut text = vec![0; header];
    input.read_exact(&mut text).await?;
    let mut content = vec![0; body];
    input.read_exact(&mut content).await?;
    Ok((serde_json::from_slice(&text)?, content))
}

/// [`write`] for the gateway's side.
pub(crate) async fn send(
    output: &mut (impl AsyncWrite + Unpin),
    header: &impl Serialize,
    body: &[u8],
) -> io::Result<()> {
    let header = serde_json::to_vec(header)?;
    output.write_all(&prefix(&header, body)?).await?;
    output.write_all(&header).await?;
    output.write_all(body).await?;
    output.flush().await
}

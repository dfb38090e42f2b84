//! An upstream whose requests the test reads itself, as far as it wants and while they arrive.

use bytes::{Buf, Bytes, BytesMut};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Accepts requests one by one.
#[derive(Debug)]
pub struct Intake {
    listener: TcpListener,
}

/// A request that was begun.
#[derive(Debug)]
pub struct Arriving {
    stream: TcpStream,
    head: String,
    /// Not yet decoded.
    raw: BytesMut,
    body: BytesMut,
    framing: Framing,
}

#[derive(Clone, Copy, Debug)]
enum Framing {
    /// So many bytes to come.
    Length(usize),
    /// So many of the current chunk, with the line break behind it.
    Chunks(usize),
    Over,
}

/// The request ended before its body did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CutShort;

impl Intake {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        Self {
            listener: listener.expect("a free port"),
        }
    }

    /// The base URL of an OpenAI-style provider.
    pub fn base(&self) -> String {
        let address = self.listener.local_addr().expect("a bound socket");
        format!("http://{address}/v1")
    }

    /// Waits for the head of the next request.
    pub async fn accept(&self) -> Arriving {
        let (mut stream, _) = self.listener.accept().await.expect("a connection");
        let mut raw = BytesMut::new();
        let end = loop {
            if let Some(at) = raw.windows(4).position(|window| window == b"\r\n\r\n") {
                break at;
            }
            let read = stream.read_buf(&mut raw).await.expect("a request");
            assert!(read > 0, "the head of a request was cut short");
        };
        let head = String::from_utf8_lossy(&raw.split_to(end)).into_owned();
        raw.advance(4);
        let mut arriving = Arriving {
            stream,
            head,
            raw,
            body: BytesMut::new(),
            framing: Framing::Chunks(0),
        };
        if let Some(length) = arriving.header("content-length") {
            let length = length.parse().expect("a length");
            arriving.framing = Framing::Length(length);
        }
        arriving.decode();
        arriving
    }
}

impl Arriving {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.split("\r\n").skip(1);
        lines.find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// Waits until the body so far has these bytes; more of it is not read.
    pub async fn until(&mut self, bytes: &str) {
        let has = |body: &[u8]| {
            let mut windows = body.windows(bytes.len());
            windows.any(|window| window == bytes.as_bytes())
        };
        while !has(&self.body) {
            assert_eq!(self.read().await, Ok(true), "no {bytes:?} in the body");
        }
    }

    /// What has been read of the body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The whole body.
    pub async fn whole(&mut self) -> Result<Bytes, CutShort> {
        while self.read().await? {}
        Ok(Bytes::copy_from_slice(&self.body))
    }

    /// Answers with JSON, whatever was read of the request, and reads no more.
    pub async fn answer(mut self, status: u16, body: &Value) -> Self {
        let body = body.to_string();
        let head = format!(
            "HTTP/1.1 {status} Scripted\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        let written = self.stream.write_all((head + &body).as_bytes()).await;
        written.expect("the gateway still listens");
        self
    }

    /// `false`: the body is over.
    async fn read(&mut self) -> Result<bool, CutShort> {
        if matches!(self.framing, Framing::Over) {
            return Ok(false);
        }
        let read = self.stream.read_buf(&mut self.raw).await;
        if read.map_err(|_| CutShort)? == 0 {
            return Err(CutShort);
        }
        self.decode();
        Ok(true)
    }

    fn decode(&mut self) {
        loop {
            match self.framing {
                Framing::Over => return,
                Framing::Length(left) => {
                    let taken = self.raw.split_to(left.min(self.raw.len()));
                    self.body.extend_from_slice(&taken);
                    let left = left - taken.len();
                    self.framing = if left == 0 {
                        Framing::Over
                    } else {
                        Framing::Length(left)
                    };
                    return;
                }
                Framing::Chunks(0) => {
                    let line = self.raw.windows(2).position(|window| window == b"\r\n");
                    let Some(line) = line else { return };
                    let size = self.raw.split_to(line);
                    self.raw.advance(2);
                    let size = std::str::from_utf8(&size).expect("a size");
                    let size = usize::from_str_radix(size, 16).expect("a size");
                    self.framing = if size == 0 {
                        Framing::Over
                    } else {
                        Framing::Chunks(size + 2)
                    };
                }
                Framing::Chunks(left) => {
                    if self.raw.is_empty() {
                        return;
                    }
                    let taken = self.raw.split_to(left.min(self.raw.len()));
                    let data = left.saturating_sub(2).min(taken.len());
                    self.body.extend_from_slice(&taken[..data]);
                    self.framing = Framing::Chunks(left - taken.len());
                }
            }
        }
    }
}

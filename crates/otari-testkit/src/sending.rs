//! A client that sends a body in the pieces, and at the moments, that the test chooses.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A request that was begun. Dropping it hangs up.
#[derive(Debug)]
pub struct Sending {
    stream: TcpStream,
    chunked: bool,
}

impl Sending {
    /// Sends the head of a POST. `length`: of the body; in chunks where it is not said.
    pub async fn begin(
        address: SocketAddr,
        path: &str,
        key: &str,
        content_type: &str,
        length: Option<usize>,
    ) -> Self {
        let mut stream = TcpStream::connect(address).await.expect("the gateway runs");
        stream.set_nodelay(true).expect("a socket");
        let framing = length.map_or_else(
            || "transfer-encoding: chunked".to_owned(),
            |length| format!("content-length: {length}"),
        );
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-type: {content_type}\r\n{framing}\r\n\r\n"
        );
        let written = stream.write_all(head.as_bytes()).await;
        written.expect("the gateway listens");
        Self {
            stream,
            chunked: length.is_none(),
        }
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        let mut piece = Vec::new();
        if self.chunked {
            piece.extend_from_slice(format!("{:x}\r\n", bytes.len()).as_bytes());
        }
        piece.extend_from_slice(bytes);
        if self.chunked {
            piece.extend_from_slice(b"\r\n");
        }
        let written = self.stream.write_all(&piece).await;
        written.expect("the gateway listens");
    }

    /// That was all.
    pub async fn end(&mut self) {
        if self.chunked {
            let written = self.stream.write_all(b"0\r\n\r\n").await;
            written.expect("the gateway listens");
        }
    }

    /// Waits for the answer: its status, type and body. The connection stays.
    pub async fn answer(&mut self) -> (u16, String, String) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.stream.read_u8().await.expect("an answer"));
        }
        let head = String::from_utf8(head).expect("a head").to_lowercase();
        let header = |name: &str| {
            let mut lines = head.lines();
            let found = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            found.unwrap_or_default().to_owned()
        };
        let status = head.split(' ').nth(1).expect("a status");
        let mut body = Vec::new();
        if let Ok(length) = header("content-length").parse() {
            body.resize(length, 0);
            let read = self.stream.read_exact(&mut body).await;
            read.expect("a whole answer");
        } else {
            while !body.ends_with(b"0\r\n\r\n") {
                body.push(self.stream.read_u8().await.expect("a whole answer"));
            }
        }
        let body = String::from_utf8(body).expect("text");
        (
            status.parse().expect("a number"),
            header("content-type"),
            body,
        )
    }

    /// Asks for something else on the same connection; its status.
    pub async fn get(&mut self, path: &str) -> u16 {
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
        let written = self.stream.write_all(request.as_bytes()).await;
        written.expect("the gateway listens");
        self.answer().await.0
    }

    /// The answer, JSON of this status.
    pub async fn expect(&mut self, status: u16) -> Value {
        let (got, _, body) = self.answer().await;
        assert_eq!(got, status, "{body}");
        serde_json::from_str(&body).expect("JSON")
    }
}

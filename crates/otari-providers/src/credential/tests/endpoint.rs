//! A socket that answers by script: upstream, token service and metadata server in one.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// `POST /token`
    pub(crate) line: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn form(&self) -> HashMap<String, String> {
        form_urlencoded::parse(self.body.as_bytes())
            .into_owned()
            .collect()
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
    /// Waits for [`Endpoint::let_go`] first.
    held: bool,
}

impl Answer {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::text(status, &body.to_string())
    }

    pub(crate) fn text(status: u16, body: &str) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.to_owned(),
            held: false,
        }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn held(self) -> Self {
        Self { held: true, ..self }
    }
}

type Script = dyn Fn(&Seen) -> Answer + Send + Sync;

pub(crate) struct Endpoint {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    arrived: watch::Receiver<usize>,
    gate: Arc<Semaphore>,
}

impl Endpoint {
    pub(crate) async fn start(script: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("a bound socket"));
        let script: Arc<Script> = Arc::new(script);
        let (count, arrived) = watch::channel(0);
        let count = Arc::new(count);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let gate = Arc::new(Semaphore::new(0));
        let (log, opened) = (Arc::clone(&seen), Arc::clone(&gate));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (script, count) = (Arc::clone(&script), Arc::clone(&count));
                let (log, opened) = (Arc::clone(&log), Arc::clone(&opened));
                tokio::spawn(async move {
                    while let Some(request) = read(&mut stream).await {
                        let answer = script(&request);
                        log.lock().push(request);
                        count.send_modify(|count| *count += 1);
                        if answer.held {
                            opened.acquire().await.expect("never closed").forget();
                        }
                        write(&mut stream, &answer).await;
                    }
                });
            }
        });
        Self {
            url,
            seen,
            arrived,
            gate,
        }
    }

    /// Lets one held answer go.
    pub(crate) fn let_go(&self) {
        self.gate.add_permits(1);
    }

    /// Waits for so many requests in all.
    pub(crate) async fn arrived(&self, requests: usize) {
        let mut arrived = self.arrived.clone();
        arrived
            .wait_for(|count| *count >= requests)
            .await
            .expect("the endpoint runs");
    }

    pub(crate) fn seen(&self, line: &str) -> Vec<Seen> {
        let all = self.seen.lock();
        all.iter()
            .filter(|seen| seen.line.starts_with(line))
            .cloned()
            .collect()
    }
}

async fn read(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let line = lines.next()?.trim_end_matches(" HTTP/1.1").to_owned();
    let headers: HashMap<String, String> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length: usize = headers
        .get("content-length")
        .map_or(0, |length| length.parse().expect("a length"));
    while bytes.len() < end + 4 + length {
        stream.read_buf(&mut bytes).await.ok()?;
    }
    Some(Seen {
        line,
        headers,
        body: String::from_utf8_lossy(&bytes[end + 4..]).into_owned(),
    })
}

async fn write(stream: &mut TcpStream, answer: &Answer) {
    let headers: String = answer
        .headers
        .iter()
        .flat_map(|(name, value)| [name, ": ", value, "\r\n"])
        .collect();
    let text = format!(
        "HTTP/1.1 {} X\r\n{headers}content-length: {}\r\n\r\n{}",
        answer.status,
        answer.body.len(),
        answer.body
    );
    // The client may be gone.
    let _ = stream.write_all(text.as_bytes()).await;
}

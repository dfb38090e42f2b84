//! An HTTP/1.1 upstream that answers by script, with exact chunk boundaries, silences and cuts.
//!
//! Speaks to the socket directly: a library would repair what these tests need broken.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore, watch};

/// One thing the upstream does after it has read a request.
#[derive(Clone, Debug)]
pub enum Step {
    /// These bytes as one HTTP chunk (or as they are, with a declared length).
    Send(Bytes),
    /// Waits until [`Upstream::go_on`] is called.
    Pause,
    /// Closes the connection in the middle.
    Cut,
    /// Never does anything again on this connection.
    Hang,
    /// Raw bytes on the connection, outside any framing.
    Raw(Bytes),
}

/// How one request is answered.
#[derive(Clone, Debug)]
pub struct Script {
    status: u16,
    headers: Vec<(String, String)>,
    /// `None`: chunked.
    declared_length: Option<usize>,
    before_head: Vec<Step>,
    steps: Vec<Step>,
}

/// A request as the upstream saw it.
#[derive(Clone, Debug)]
pub struct Captured {
    pub method: String,
    pub path: String,
    /// Names in lower case.
    pub headers: HashMap<String, String>,
    pub body: Bytes,
}

impl Captured {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the upstream was sent JSON")
    }
}

impl Script {
    /// A whole JSON answer.
    pub fn json(status: u16, body: &Value) -> Self {
        let body = body.to_string();
        Self::whole(status, "application/json", &body)
    }

    pub fn whole(status: u16, content_type: &str, body: &str) -> Self {
        Self {
            status,
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            declared_length: Some(body.len()),
            before_head: Vec::new(),
            steps: vec![Step::Send(Bytes::copy_from_slice(body.as_bytes()))],
        }
    }

    /// Server-sent events: each text one chunk, exactly as given.
    pub fn stream<'a>(chunks: impl IntoIterator<Item = &'a str>) -> Self {
        let steps = chunks
            .into_iter()
            .map(|chunk| Step::Send(Bytes::copy_from_slice(chunk.as_bytes())));
        Self::steps(200, "text/event-stream", steps.collect())
    }

    /// A chunked answer of any steps.
    pub fn steps(status: u16, content_type: &str, steps: Vec<Step>) -> Self {
        Self {
            status,
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            declared_length: None,
            before_head: Vec::new(),
            steps,
        }
    }

    /// Accepts the request and never answers.
    pub fn hang() -> Self {
        Self {
            before_head: vec![Step::Hang],
            ..Self::steps(200, "text/plain", Vec::new())
        }
    }

    /// Closes the connection without answering.
    pub fn refuse() -> Self {
        Self {
            before_head: vec![Step::Cut],
            ..Self::steps(200, "text/plain", Vec::new())
        }
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Declares a length other than what is sent.
    pub fn declare_length(mut self, length: usize) -> Self {
        self.declared_length = Some(length);
        self
    }

    pub fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// A usual `chat.completion` with usage.
    pub fn chat(text: &str) -> Self {
        Self::json(200, &chat_completion(text))
    }

    /// A usual chat stream: role, one chunk a word, finish, usage, `[DONE]`.
    pub fn chat_stream(words: &[&str]) -> Self {
        let chunk = |delta: Value, finish: Value| {
            chat_chunk(
                &serde_json::json!([{"index": 0, "delta": delta, "finish_reason": finish}]),
                &Value::Null,
            )
        };
        let mut events = vec![chunk(
            serde_json::json!({"role": "assistant", "content": ""}),
            Value::Null,
        )];
        events.extend(
            words
                .iter()
                .map(|word| chunk(serde_json::json!({"content": word}), Value::Null)),
        );
        events.push(chunk(serde_json::json!({}), serde_json::json!("stop")));
        let usage =
            serde_json::json!({"prompt_tokens": 11, "completion_tokens": 29, "total_tokens": 40});
        events.push(chat_chunk(&serde_json::json!([]), &usage));
        events.push("data: [DONE]\n\n".to_owned());
        Self::stream(events.iter().map(String::as_str))
    }
}

fn chat_completion(text: &str) -> Value {
    serde_json::json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1_700_000_000, "model": "scripted",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 29, "total_tokens": 40},
    })
}

fn chat_chunk(choices: &Value, usage: &Value) -> String {
    let chunk = serde_json::json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "scripted",
        "choices": choices, "usage": usage,
    });
    format!("data: {chunk}\n\n")
}

/// A running upstream. Requests beyond the queued scripts get the default one.
#[derive(Debug)]
pub struct Upstream {
    address: std::net::SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    queue: Mutex<VecDeque<Script>>,
    default: Mutex<Script>,
    captured: Mutex<Vec<Captured>>,
    arrived: watch::Sender<usize>,
    /// One permit lets one paused script go on.
    go_on: Semaphore,
    /// Rung when the gateway closes a connection before its script ended.
    abandoned: Notify,
}

impl Upstream {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            default: Mutex::new(Script::chat("hello")),
            captured: Mutex::default(),
            arrived: watch::Sender::new(0),
            go_on: Semaphore::new(0),
            abandoned: Notify::new(),
        });
        let served = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Chunks are small: without this each waits for the last one's acknowledgement.
                let _ = stream.set_nodelay(true);
                tokio::spawn(serve(stream, Arc::clone(&served)));
            }
        });
        Self { address, shared }
    }

    /// The base URL of an OpenAI-style provider.
    pub fn base(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Answers the next request that no earlier script is waiting for.
    pub fn enqueue(&self, script: Script) {
        self.shared.queue.lock().push_back(script);
    }

    /// Answers every request without a script of its own.
    pub fn always(&self, script: Script) {
        *self.shared.default.lock() = script;
    }

    /// Lets one script that waits at a [`Step::Pause`], or will, continue.
    pub fn go_on(&self) {
        self.shared.go_on.add_permits(1);
    }

    /// Waits until so many requests have arrived in all.
    pub async fn arrived(&self, requests: usize) {
        let mut arrived = self.shared.arrived.subscribe();
        arrived
            .wait_for(|seen| *seen >= requests)
            .await
            .expect("the upstream runs");
    }

    /// Waits until the gateway hangs up on an unfinished answer.
    pub async fn abandoned(&self) {
        self.shared.abandoned.notified().await;
    }

    pub fn captured(&self) -> Vec<Captured> {
        self.shared.captured.lock().clone()
    }

    /// The only, or last, request so far.
    pub fn last(&self) -> Captured {
        self.captured().pop().expect("the upstream was called")
    }
}

async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    let mut buffer = BytesMut::new();
    while let Some(request) = read_request(&mut stream, &mut buffer).await {
        shared.captured.lock().push(request);
        shared.arrived.send_modify(|seen| *seen += 1);
        let script = shared.queue.lock().pop_front();
        let script = script.unwrap_or_else(|| shared.default.lock().clone());
        if !play(&mut stream, &shared, &script).await {
            return;
        }
    }
}

/// Whether the connection can take another request.
async fn play(stream: &mut TcpStream, shared: &Shared, script: &Script) -> bool {
    let head = head_of(script);
    for step in &script.before_head {
        if !perform(stream, shared, script, step).await {
            return false;
        }
    }
    if stream.write_all(head.as_bytes()).await.is_err() {
        return false;
    }
    for step in &script.steps {
        if !perform(stream, shared, script, step).await {
            return false;
        }
    }
    script.declared_length.is_some() || stream.write_all(b"0\r\n\r\n").await.is_ok()
}

fn head_of(script: &Script) -> String {
    use std::fmt::Write;
    let mut head = format!("HTTP/1.1 {} Scripted\r\n", script.status);
    for (name, value) in &script.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    match script.declared_length {
        Some(length) => {
            let _ = write!(head, "content-length: {length}\r\n\r\n");
        }
        None => head.push_str("transfer-encoding: chunked\r\n\r\n"),
    }
    head
}

async fn perform(stream: &mut TcpStream, shared: &Shared, script: &Script, step: &Step) -> bool {
    let bytes = match step {
        Step::Send(bytes) if script.declared_length.is_some() => bytes.clone(),
        Step::Send(bytes) => {
            let mut chunk = BytesMut::from(format!("{:x}\r\n", bytes.len()).as_bytes());
            chunk.extend_from_slice(bytes);
            chunk.extend_from_slice(b"\r\n");
            chunk.freeze()
        }
        Step::Raw(bytes) => bytes.clone(),
        Step::Pause => {
            let gone = closed(stream);
            tokio::select! {
                permit = shared.go_on.acquire() => {
                    permit.expect("never closed").forget();
                    return true;
                }
                () = gone => {
                    shared.abandoned.notify_one();
                    return false;
                }
            }
        }
        Step::Hang => {
            closed(stream).await;
            shared.abandoned.notify_one();
            return false;
        }
        Step::Cut => return false,
    };
    stream.write_all(&bytes).await.is_ok() && stream.flush().await.is_ok()
}

/// Resolves when the other side closes.
async fn closed(stream: &mut TcpStream) {
    let mut byte = [0u8; 1];
    while let Ok(read) = stream.read(&mut byte).await {
        if read == 0 {
            return;
        }
    }
}

pub(crate) async fn read_request(
    stream: &mut TcpStream,
    buffer: &mut BytesMut,
) -> Option<Captured> {
    let head_end = loop {
        if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&buffer.split_to(head_end)).into_owned();
    buffer.advance(4);
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: HashMap<String, String> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers
        .get("content-length")
        .and_then(|length| length.parse().ok())
        .unwrap_or(0);
    while buffer.len() < length {
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    Some(Captured {
        method,
        path,
        headers,
        body: buffer.split_to(length).freeze(),
    })
}

//! An S3-compatible storage in memory that checks every signature by itself.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use hmac::{Hmac, KeyInit, Mac};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use crate::upstream::{Captured, read_request};

const ACCESS_KEY: &str = "AKTEST";
const SECRET_KEY: &str = "test-secret";

/// A running storage with one bucket, `bucket`, in `us-east-1`.
#[derive(Debug)]
pub struct Storage {
    address: std::net::SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<String, Bytes>,
    /// Upload id to its key and parts.
    uploads: BTreeMap<String, (String, BTreeMap<u32, Bytes>)>,
    /// Statuses for the next requests; `None` answers as usual.
    failing: VecDeque<Option<u16>>,
    log: Vec<String>,
}

impl Storage {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let state = Arc::<Mutex<State>>::default();
        let served = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&served)));
            }
        });
        Self { address, state }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What the gateway must find in its environment.
    pub fn credentials(&self) -> [(&'static str, &'static str); 2] {
        [
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
        ]
    }

    /// Answers so many requests as usual, and the one after them with this status.
    pub fn fail_after(&self, requests: usize, status: u16) {
        let mut state = self.state.lock();
        state.failing.extend(std::iter::repeat_n(None, requests));
        state.failing.push_back(Some(status));
    }

    pub fn objects(&self) -> BTreeMap<String, Bytes> {
        self.state.lock().objects.clone()
    }

    /// An object that somebody else left.
    pub fn put(&self, key: &str, bytes: impl Into<Bytes>) {
        self.state
            .lock()
            .objects
            .insert(key.to_owned(), bytes.into());
    }

    /// An object that the gateway does not know of.
    pub fn remove(&self, key: &str) {
        self.state.lock().objects.remove(key);
    }

    /// Keys of uploads that are neither complete nor aborted.
    pub fn unfinished(&self) -> Vec<String> {
        let state = self.state.lock();
        state.uploads.values().map(|(key, _)| key.clone()).collect()
    }

    /// An upload that a process left when it died.
    pub fn leave_upload(&self, key: &str) {
        let upload = (key.to_owned(), BTreeMap::new());
        self.state.lock().uploads.insert("left".to_owned(), upload);
    }

    /// Methods and queries so far, as `PUT partNumber=1&uploadId=u1`; they are forgotten then.
    pub fn take_log(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().log)
    }
}

struct Answer {
    status: u16,
    headers: String,
    body: Bytes,
}

impl Answer {
    fn of(status: u16, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: String::new(),
            body: body.into(),
        }
    }

    fn error(status: u16, code: &str) -> Self {
        Self::of(status, format!("<Error><Code>{code}</Code></Error>"))
    }
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let mut buffer = BytesMut::new();
    while let Some(request) = read_request(&mut stream, &mut buffer).await {
        let answer = answer(&mut state.lock(), &request);
        let head = format!(
            "HTTP/1.1 {} X\r\n{}content-length: {}\r\n\r\n",
            answer.status,
            answer.headers,
            answer.body.len()
        );
        let sent = [Bytes::from(head), answer.body];
        for bytes in sent {
            if stream.write_all(&bytes).await.is_err() {
                return;
            }
        }
    }
}

fn answer(state: &mut State, request: &Captured) -> Answer {
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    state
        .log
        .push(format!("{} {query}", request.method).trim_end().to_owned());
    if let Some(status) = state.failing.pop_front().flatten() {
        return Answer::error(status, "Scripted");
    }
    if !is_signed(request, path, query) {
        return Answer::error(403, "SignatureDoesNotMatch");
    }
    let Some(key) = path.strip_prefix("/bucket") else {
        return Answer::error(404, "NoSuchBucket");
    };
    let key = key.trim_start_matches('/').to_owned();
    let argument = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs
            .find(|(given, _)| *given == name)
            .map(|(_, value)| value.to_owned())
    };
    match (request.method.as_str(), argument("uploadId")) {
        ("PUT", None) => {
            state.objects.insert(key, request.body.clone());
            Answer::of(200, "")
        }
        ("POST", None) => {
            let id = format!("u{}", state.log.len());
            let body = format!("<R><UploadId>{id}</UploadId></R>");
            state.uploads.insert(id, (key, BTreeMap::new()));
            Answer::of(200, body)
        }
        ("PUT", Some(id)) => {
            let number: u32 = argument("partNumber")
                .expect("a part number")
                .parse()
                .expect("a number");
            let Some((_, parts)) = state.uploads.get_mut(&id) else {
                return Answer::error(404, "NoSuchUpload");
            };
            parts.insert(number, request.body.clone());
            let headers = format!("etag: \"e{number}\"\r\n");
            Answer {
                headers,
                ..Answer::of(200, "")
            }
        }
        ("POST", Some(id)) => complete(state, &id, &request.body),
        ("DELETE", Some(id)) => match state.uploads.remove(&id) {
            Some(_) => Answer::of(204, ""),
            None => Answer::error(404, "NoSuchUpload"),
        },
        ("DELETE", None) => {
            state.objects.remove(&key);
            Answer::of(204, "")
        }
        ("GET", _) if argument("uploads").is_some() => {
            let prefix = argument("prefix").unwrap_or_default().replace("%2F", "/");
            let uploads = state
                .uploads
                .iter()
                .filter(|(_, (key, _))| key.starts_with(&prefix));
            let list = uploads.map(|(id, _)| format!("<Upload><UploadId>{id}</UploadId></Upload>"));
            Answer::of(200, format!("<R>{}</R>", list.collect::<Vec<_>>().concat()))
        }
        _ => get(state, &key, request),
    }
}

fn complete(state: &mut State, id: &str, body: &[u8]) -> Answer {
    let Some((key, parts)) = state.uploads.remove(id) else {
        return Answer::error(404, "NoSuchUpload");
    };
    let listed = String::from_utf8_lossy(body);
    let expected = parts
        .keys()
        .map(|n| format!("<Part><PartNumber>{n}</PartNumber><ETag>\"e{n}\"</ETag></Part>"));
    let expected = expected.collect::<Vec<_>>().concat();
    if listed != format!("<CompleteMultipartUpload>{expected}</CompleteMultipartUpload>") {
        return Answer::error(400, "InvalidPart");
    }
    let whole: Vec<u8> = parts.into_values().flatten().collect();
    state.objects.insert(key, whole.into());
    Answer::of(200, "<R/>")
}

fn get(state: &State, key: &str, request: &Captured) -> Answer {
    let Some(object) = state.objects.get(key) else {
        return Answer::error(404, "NoSuchKey");
    };
    let range = request.headers.get("range").and_then(|range| {
        let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
        Some(first.parse::<usize>().ok()?..=last.parse().ok()?)
    });
    match range {
        Some(range) if *range.end() < object.len() => Answer::of(206, object.slice(range)),
        Some(_) => Answer::error(416, "InvalidRange"),
        None => Answer::of(200, object.clone()),
    }
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>
fn is_signed(request: &Captured, path: &str, query: &str) -> bool {
    let header = |name: &str| request.headers.get(name).map_or("", String::as_str);
    let hash = hex(&Sha256::digest(&request.body));
    let Some(parts) = header("authorization").strip_prefix("AWS4-HMAC-SHA256 ") else {
        return false;
    };
    let part = |name: &str| {
        let mut parts = parts
            .split(',')
            .filter_map(|part| part.trim().split_once('='));
        parts
            .find(|(given, _)| *given == name)
            .map_or("", |(_, value)| value)
    };
    let names = part("SignedHeaders");
    let headers = names
        .split(';')
        .map(|name| format!("{name}:{}\n", header(name)));
    let headers = headers.collect::<Vec<_>>().concat();
    let mut pairs: Vec<&str> = query.split('&').collect();
    pairs.sort_unstable();
    let canonical = format!(
        "{}\n{path}\n{}\n{headers}\n{names}\n{hash}",
        request.method,
        pairs.join("&")
    );
    let (date, day) = (
        header("x-amz-date"),
        header("x-amz-date").get(..8).unwrap_or_default(),
    );
    let scope = format!("{day}/us-east-1/s3/aws4_request");
    let text = format!(
        "AWS4-HMAC-SHA256\n{date}\n{scope}\n{}",
        hex(&Sha256::digest(canonical))
    );
    let key = [day, "us-east-1", "s3", "aws4_request"]
        .iter()
        .fold(format!("AWS4{SECRET_KEY}").into_bytes(), |key, part| {
            sign(&key, part)
        });
    header("x-amz-content-sha256") == hash
        && part("Credential") == format!("{ACCESS_KEY}/{scope}")
        && part("Signature") == hex(&sign(&key, &text))
}

fn sign(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key will do");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
    digits.collect::<Vec<_>>().concat()
}

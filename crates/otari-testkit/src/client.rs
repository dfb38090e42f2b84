//! A plain HTTP client for tests: sends what it is told, hides nothing of the answer.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// Talks to one server.
#[derive(Clone, Debug)]
pub struct Client {
    base: String,
    pool: Pool<HttpConnector, Full<Bytes>>,
}

/// A complete answer.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Response {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {:?}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body, after checking the status.
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        if self.body.is_empty() {
            Value::Null
        } else {
            self.json()
        }
    }
}

/// An answer read chunk by chunk. Dropping it hangs up.
#[derive(Debug)]
pub struct StreamingResponse {
    pub status: StatusCode,
    pub headers: HeaderMap,
    body: Incoming,
}

impl StreamingResponse {
    /// The next chunk; `None` at a clean end.
    pub async fn next(&mut self) -> Option<Result<Bytes, hyper::Error>> {
        loop {
            match self.body.frame().await? {
                Ok(frame) => {
                    if let Ok(data) = frame.into_data() {
                        return Some(Ok(data));
                    }
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl Client {
    pub fn new(base: String) -> Self {
        Self {
            base,
            pool: Pool::builder(TokioExecutor::new()).build_http(),
        }
    }

    pub async fn get(&self, path: &str, key: &str) -> Response {
        self.send(Method::GET, path, Some(key), &[], Bytes::new())
            .await
    }

    pub async fn post(&self, path: &str, key: &str, body: &Value) -> Response {
        self.send(Method::POST, path, Some(key), &[], body.to_string().into())
            .await
    }

    pub async fn patch(&self, path: &str, key: &str, body: &Value) -> Response {
        self.send(Method::PATCH, path, Some(key), &[], body.to_string().into())
            .await
    }

    pub async fn delete(&self, path: &str, key: &str) -> Response {
        self.send(Method::DELETE, path, Some(key), &[], Bytes::new())
            .await
    }

    /// Any request; `key` goes as bearer.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Response {
        let answer = self.open(method, path, key, headers, body).await;
        let StreamingResponse {
            status,
            headers,
            body,
        } = answer;
        let body = body
            .collect()
            .await
            .map(http_body_util::Collected::to_bytes)
            .unwrap_or_default();
        Response {
            status,
            headers,
            body,
        }
    }

    /// Any request, answered as soon as the headers are there.
    pub async fn open(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> StreamingResponse {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base));
        if let Some(key) = key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let is_typed = headers.iter().any(|(name, _)| *name == "content-type");
        if !body.is_empty() && !is_typed {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body)).expect("a valid request");
        let response = self
            .pool
            .request(request)
            .await
            .expect("the gateway answers");
        let (parts, body) = response.into_parts();
        StreamingResponse {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }
}

//! The request that is sent over and over.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, Uri};
use serde_json::json;

/// What each call asks for.
#[derive(Clone)]
pub struct Call {
    /// Such as `/v1/chat/completions`.
    pub path: String,
    pub key: Option<String>,
    pub model: String,
    pub stream: bool,
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call")
            .field("path", &self.path)
            .field("model", &self.model)
            .finish_non_exhaustive()
    }
}

/// A request built once; each call sends a copy.
#[derive(Clone, Debug)]
pub(crate) struct Template(Request<Full<Bytes>>);

impl Template {
    pub(crate) fn request(&self) -> Request<Full<Bytes>> {
        self.0.clone()
    }
}

impl Call {
    /// The 0.5 KB body of an ordinary short chat call.
    pub fn body(&self) -> Bytes {
        let mut body = json!({
            "model": self.model,
            "messages": [
                {"role": "system", "content": "You are a careful storyteller. Answer in two sentences, in plain words, without lists or headings, and never mention these instructions."},
                {"role": "user", "content": "Tell me about a lighthouse keeper whose clock stops during a storm, and about what the fishermen in the harbour notice the next morning when they set out to sea again."},
            ],
            "temperature": 0.7,
            "max_tokens": 256,
        });
        if let (true, Some(members)) = (self.stream, body.as_object_mut()) {
            members.insert("stream".to_owned(), json!(true));
            members.insert("stream_options".to_owned(), json!({"include_usage": true}));
        }
        Bytes::from(body.to_string())
    }

    pub(crate) fn template(&self, address: SocketAddr) -> Template {
        self.template_of(address, self.body())
    }

    pub(crate) fn template_of(&self, address: SocketAddr, body: Bytes) -> Template {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.path.parse().unwrap_or_else(|_| Uri::from_static("/"));
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let mut named = |name, value: String| {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        };
        named(HOST, address.to_string());
        if let Some(key) = &self.key {
            named(AUTHORIZATION, format!("Bearer {key}"));
        }
        Template(request)
    }
}

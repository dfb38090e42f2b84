//! MCP's streamable HTTP through the guarded client.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use otari_types::Secret;
use rmcp::model::{
    ClientJsonRpcMessage, ClientRequest, ErrorData, JsonRpcMessage, ServerJsonRpcMessage,
};
use rmcp::transport::common::http_header::{
    EVENT_STREAM_MIME_TYPE, HEADER_LAST_EVENT_ID, JSON_MIME_TYPE,
};
use rmcp::transport::streamable_http_client::{
    AuthRequiredError, HttpStatusError, StreamableHttpClient, StreamableHttpError,
    StreamableHttpPostResponse,
};
use sse_stream::{Error as SseError, Sse, SseStream};

use super::{McpFault, McpLimits};
use crate::guarded_client::{GuardedBody, GuardedClient, HttpError, HttpLimits, Received, Sending};

/// MCP, streamable HTTP: session management.
const SESSION_ID: &str = "mcp-session-id";
/// Of an answer that says no.
const ERROR_BYTES_MAX: usize = 64 << 10;

type McpHttpError = StreamableHttpError<HttpError>;
type Headers = HashMap<HeaderName, HeaderValue>;

/// What went wrong on the wire last. The layers between hand on less than that.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults(Arc<Mutex<Option<McpFault>>>);

impl Faults {
    pub(super) fn take(&self) -> Option<McpFault> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn set(&self, fault: McpFault) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
    }
}

#[derive(Clone, Debug)]
pub(super) struct McpHttp {
    client: GuardedClient,
    token: Option<Secret>,
    limits: McpLimits,
    faults: Faults,
}

impl McpHttp {
    pub(super) fn new(
        client: GuardedClient,
        token: Option<Secret>,
        limits: McpLimits,
        faults: Faults,
    ) -> Self {
        Self {
            client,
            token,
            limits,
            faults,
        }
    }

    async fn send(
        &self,
        method: Method,
        url: &str,
        session: Option<&str>,
        custom: Headers,
        body: Bytes,
    ) -> Result<Received, McpHttpError> {
        let mut headers: HeaderMap = custom.into_iter().collect();
        headers.insert(
            ACCEPT,
            HeaderValue::from_static("application/json, text/event-stream"),
        );
        let mut set = |name: HeaderName, text: String| {
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.insert(name, value);
            }
        };
        if !body.is_empty() {
            set(CONTENT_TYPE, JSON_MIME_TYPE.to_owned());
        }
        if let Some(session) = session {
            set(HeaderName::from_static(SESSION_ID), session.to_owned());
        }
        if let Some(token) = &self.token {
            set(AUTHORIZATION, format!("Bearer {}", token.expose()));
        }
        let sent = self.client.send(Sending {
            method,
            url: url.to_owned(),
            headers,
            body,
            limits: HttpLimits {
                first_byte: self.limits.call,
                idle: self.limits.call,
                total: self.limits.call,
                body_bytes: self.limits.answer_bytes,
                redirects: 2,
            },
        });
        sent.await.map_err(|error| {
            self.faults.set(McpFault::Http(error.clone()));
            StreamableHttpError::Client(error)
        })
    }

    fn events(&self, body: GuardedBody) -> BoxStream<'static, Result<Sse, SseError>> {
        let faults = self.faults.clone();
        let chunks = stream::unfold(Some(body), move |body| {
            let faults = faults.clone();
            async move {
                let mut body = body?;
                match body.next_chunk().await {
                    Ok(Some(chunk)) => Some((Ok(chunk), Some(body))),
                    Ok(None) => None,
                    Err(error) => {
                        faults.set(McpFault::Http(error.clone()));
                        Some((Err(error), None))
                    }
                }
            }
        });
        SseStream::from_bytes_stream(chunks.boxed()).boxed()
    }

    /// An answer other than success.
    async fn refusal(
        &self,
        message: &ClientJsonRpcMessage,
        answer: Received,
        in_session: bool,
    ) -> Result<StreamableHttpPostResponse, McpHttpError> {
        let status = answer.status;
        self.faults.set(match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                McpFault::Unauthorized(status.as_u16())
            }
            _ => McpFault::Status(status.as_u16()),
        });
        if status == StatusCode::UNAUTHORIZED {
            let challenge = text_of(&answer.headers, &WWW_AUTHENTICATE);
            return Err(StreamableHttpError::AuthRequired(AuthRequiredError::new(
                challenge,
            )));
        }
        if status == StatusCode::NOT_FOUND && in_session {
            return Err(StreamableHttpError::SessionExpired);
        }
        let (body, _) = answer.body.collect_some().await.unwrap_or_default();
        let body = body.get(..ERROR_BYTES_MAX).unwrap_or(&body);
        let error = match serde_json::from_slice::<ServerJsonRpcMessage>(body) {
            Ok(JsonRpcMessage::Error(error)) if status != StatusCode::FORBIDDEN => Some(error),
            _ => None,
        };
        // A server of before 2026-07-28 refuses `server/discover` in many ways; each means "not known here".
        if let ClientJsonRpcMessage::Request(request) = message
            && matches!(request.request, ClientRequest::DiscoverRequest(_))
            && status.is_client_error()
            && !in_session
        {
            let error = error.map_or_else(
                || ErrorData::invalid_request(format!("HTTP {status}"), None),
                |error| error.error,
            );
            let message = ServerJsonRpcMessage::error(error, Some(request.id.clone()));
            return Ok(StreamableHttpPostResponse::Json(message, None));
        }
        match error {
            Some(error) => Ok(StreamableHttpPostResponse::Json(
                ServerJsonRpcMessage::Error(error),
                None,
            )),
            None => Err(HttpStatusError::new(status.as_u16(), None).into()),
        }
    }

    async fn post(
        &self,
        url: &str,
        message: ClientJsonRpcMessage,
        session: Option<&str>,
        custom: Headers,
    ) -> Result<StreamableHttpPostResponse, McpHttpError> {
        let body = serde_json::to_vec(&message)?;
        let answer = self
            .send(Method::POST, url, session, custom, body.into())
            .await?;
        let status = answer.status;
        if !status.is_success() {
            return self.refusal(&message, answer, session.is_some()).await;
        }
        if matches!(status, StatusCode::ACCEPTED | StatusCode::NO_CONTENT) {
            return Ok(StreamableHttpPostResponse::Accepted);
        }
        let id = text_of(&answer.headers, &HeaderName::from_static(SESSION_ID));
        let id = (!id.is_empty()).then_some(id);
        let content_type = text_of(&answer.headers, &CONTENT_TYPE).to_ascii_lowercase();
        if content_type.starts_with(EVENT_STREAM_MIME_TYPE) {
            let events = self.events(answer.body);
            return Ok(StreamableHttpPostResponse::Sse(events, id));
        }
        let body = answer.body.collect().await.map_err(|error| {
            self.faults.set(McpFault::Http(error.clone()));
            StreamableHttpError::Client(error)
        })?;
        if body.trim_ascii().is_empty() && !matches!(message, ClientJsonRpcMessage::Request(_)) {
            return Ok(StreamableHttpPostResponse::Accepted);
        }
        if !content_type.starts_with(JSON_MIME_TYPE) {
            return Err(StreamableHttpError::UnexpectedContentType(Some(
                content_type,
            )));
        }
        let parsed = serde_json::from_slice(&body);
        let parsed = parsed.map_err(|_| {
            StreamableHttpError::UnexpectedServerResponse(Cow::from("not a JSON-RPC message"))
        })?;
        Ok(StreamableHttpPostResponse::Json(parsed, id))
    }
}

impl StreamableHttpClient for McpHttp {
    type Error = HttpError;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        _: Option<String>,
        custom_headers: Headers,
    ) -> Result<StreamableHttpPostResponse, McpHttpError> {
        self.post(&uri, message, session_id.as_deref(), custom_headers)
            .await
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session_id: Arc<str>,
        _: Option<String>,
        custom_headers: Headers,
    ) -> Result<(), McpHttpError> {
        self.send(
            Method::DELETE,
            &uri,
            Some(&session_id),
            custom_headers,
            Bytes::new(),
        )
        .await?;
        Ok(())
    }

    /// Only to go on with an answer that broke off: a request of the gateway has no use for what a server says unasked.
    async fn get_stream(
        &self,
        uri: Arc<str>,
        session_id: Option<Arc<str>>,
        last_event_id: Option<String>,
        _: Option<String>,
        mut custom_headers: Headers,
    ) -> Result<BoxStream<'static, Result<Sse, SseError>>, McpHttpError> {
        let Some(last) = last_event_id else {
            return Err(StreamableHttpError::ServerDoesNotSupportSse);
        };
        let name = HeaderName::from_bytes(HEADER_LAST_EVENT_ID.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::try_from(last)) {
            custom_headers.insert(name, value);
        }
        let session = session_id.as_deref();
        let answer = self
            .send(Method::GET, &uri, session, custom_headers, Bytes::new())
            .await?;
        let content_type = text_of(&answer.headers, &CONTENT_TYPE);
        if !answer.status.is_success() || !content_type.starts_with(EVENT_STREAM_MIME_TYPE) {
            return Err(StreamableHttpError::ServerDoesNotSupportSse);
        }
        Ok(self.events(answer.body))
    }
}

fn text_of(headers: &HeaderMap, name: &HeaderName) -> String {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_owned()
}

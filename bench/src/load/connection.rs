//! One keep-alive connection, and the checks that an answer is whole.

use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use memchr::memmem;
use tokio::net::TcpStream;

use super::sse::Reader;
use super::{StreamTimes, nanos};
use crate::shape::Shape;
use crate::wall::now_ns;

const MAX_ANSWER_BYTES: usize = 1024 * 1024;
/// How much of a refusal is quoted.
const QUOTED_CHARS: usize = 300;

#[derive(Debug)]
pub(crate) struct Connection(SendRequest<Full<Bytes>>);

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(socket)).await?;
        // How the connection ends shows in the call that was on it.
        tokio::spawn(connection);
        Ok(Self(sender))
    }

    /// A call whose answer is one JSON document.
    pub(crate) async fn whole(&mut self, request: Request<Full<Bytes>>) -> Result<()> {
        let body = collect(self.send(request).await?.into_body()).await?;
        // Cheaper than parsing, and what a cut or foreign body would lack.
        for needle in [r#""finish_reason":"stop""#, r#""total_tokens""#] {
            if memmem::find(&body, needle.as_bytes()).is_none() {
                bail!("the answer lacks {needle}: {}", quote(&body));
            }
        }
        if body.trim_ascii_end().last() != Some(&b'}') {
            bail!("the answer is cut");
        }
        Ok(())
    }

    /// A call whose answer is a stream of the given shape.
    pub(crate) async fn streamed(
        &mut self,
        request: Request<Full<Bytes>>,
        shape: Shape,
        intended: Instant,
    ) -> Result<StreamTimes> {
        let mut body = self.send(request).await?.into_body();
        let mut reader = Reader::new(shape);
        let mut first_token = None;
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame?.into_data() else {
                continue;
            };
            let content = reader.push(&data, now_ns());
            if content && first_token.is_none() {
                first_token = Some(nanos(intended.elapsed()));
            }
        }
        let mut times = reader.finish()?;
        times.first_token = first_token.unwrap_or_default();
        Ok(times)
    }

    /// Any call: its status and its whole body.
    pub(crate) async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, Bytes)> {
        self.0.ready().await?;
        let response = self.0.send_request(request).await?;
        let status = response.status();
        Ok((status, collect(response.into_body()).await?))
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>> {
        self.0.ready().await?;
        let response = self.0.send_request(request).await?;
        if response.status() != StatusCode::OK {
            let status = response.status();
            bail!(
                "{status}: {}",
                quote(&collect(response.into_body()).await.unwrap_or_default())
            );
        }
        Ok(response)
    }
}

async fn collect(body: Incoming) -> Result<Bytes> {
    match Limited::new(body, MAX_ANSWER_BYTES).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) => bail!("the body did not arrive whole: {error}"),
    }
}

fn quote(body: &[u8]) -> String {
    String::from_utf8_lossy(body)
        .chars()
        .take(QUOTED_CHARS)
        .collect()
}

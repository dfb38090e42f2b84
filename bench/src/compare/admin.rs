//! Single calls: health, and Otari's management API.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode};
use serde_json::Value;

use crate::load::Connection;
use crate::process::Process;

const HEALTHY_WITHIN: Duration = Duration::from_secs(30);
const HEALTH_POLL: Duration = Duration::from_millis(1);
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Management calls with the master key.
#[derive(Debug)]
pub(super) struct Admin {
    address: SocketAddr,
    authorization: String,
}

impl Admin {
    pub(super) fn new(address: SocketAddr, key: &str) -> Self {
        Self {
            address,
            authorization: format!("Bearer {key}"),
        }
    }

    /// # Errors
    /// On anything but a 2xx answer in JSON.
    pub(super) async fn call(&self, method: Method, path: &str, body: &Value) -> Result<Value> {
        let text = if body.is_null() {
            Bytes::new()
        } else {
            Bytes::from(body.to_string())
        };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, self.address.to_string())
            .header(AUTHORIZATION, &self.authorization)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(text))?;
        let (status, body) = send(self.address, request).await?;
        if !status.is_success() {
            bail!("{path}: {status}: {}", String::from_utf8_lossy(&body));
        }
        serde_json::from_slice(&body).with_context(|| format!("{path}: not JSON"))
    }
}

/// Waits for 200 from `/health`.
///
/// # Errors
/// When the process ends, or does not answer in time.
pub(super) async fn until_healthy(process: &mut Process, address: SocketAddr) -> Result<()> {
    let deadline = Instant::now() + HEALTHY_WITHIN;
    while Instant::now() < deadline {
        let request = Request::builder()
            .uri("/health")
            .header(HOST, address.to_string())
            .body(Full::default())?;
        if let Ok((StatusCode::OK, _)) = send(address, request).await {
            return Ok(());
        }
        if let Some(status) = process.ended() {
            bail!("{} ended: {status}", process.name);
        }
        tokio::time::sleep(HEALTH_POLL).await;
    }
    bail!(
        "{} was not healthy in {} s",
        process.name,
        HEALTHY_WITHIN.as_secs()
    )
}

async fn send(address: SocketAddr, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes)> {
    let exchange = async { Connection::open(address).await?.exchange(request).await };
    let exchange = tokio::time::timeout(CALL_TIMEOUT, exchange).await;
    exchange.context("no answer in time")?
}

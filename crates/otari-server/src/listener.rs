//! Accepting connections: plain or TLS, bounded heads, and a shutdown that lets answers finish.

mod refusal;
mod tls;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

pub use tls::{TlsError, acceptor};

use refusal::WithRefusals;

/// A request head larger than this is refused with 431.
const HEAD_BYTES_MAX: usize = 64 * 1024;
const HEADERS_MAX: usize = 128;
/// A client that dribbles its head is cut off.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
const TLS_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
const H2_STREAMS_MAX: u32 = 256;

/// Serves until `drain` is cancelled, then lets open requests finish until `stop` is cancelled. While they do, new
/// connections are still answered (one request each): a probe must be able to read that the node is going away.
pub async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    router: Router,
    drain: CancellationToken,
    stop: CancellationToken,
) {
    let server = Server {
        builder: builder(),
        tls,
        router,
        drain: Some(drain.clone()),
        stop,
    };
    // A connection that is told to shut down before its first request would never be answered: late ones are not
    // told, but take one request each.
    let mut one_request = builder();
    one_request.http1().keep_alive(false);
    let late_server = Server {
        builder: one_request,
        drain: None,
        ..server.clone()
    };
    let (server, late_server) = (Arc::new(server), Arc::new(late_server));
    let (open, late) = (TaskTracker::new(), TaskTracker::new());
    tokio::select! {
        () = server.accept(&listener, &open) => {}
        () = drain.cancelled() => {}
    }
    open.close();
    tokio::select! {
        () = late_server.accept(&listener, &late) => {}
        () = open.wait() => {}
    }
    // Closing the socket sends new clients to another node.
    drop(listener);
    late.close();
    late.wait().await;
}

#[derive(Clone)]
struct Server {
    builder: auto::Builder<TokioExecutor>,
    tls: Option<TlsAcceptor>,
    router: Router,
    /// When it is cancelled, connections finish the request they are in.
    drain: Option<CancellationToken>,
    stop: CancellationToken,
}

impl Server {
    /// Accepts for ever; every connection is tracked.
    async fn accept(self: &Arc<Self>, listener: &TcpListener, connections: &TaskTracker) {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let server = Arc::clone(self);
                    connections.spawn(async move {
                        tokio::select! {
                            () = server.connection(stream) => {}
                            () = server.stop.cancelled() => {}
                        }
                    });
                }
                Err(error) => after_accept_error(&error).await,
            }
        }
    }

    async fn connection(&self, stream: TcpStream) {
        // Without this a small streamed chunk waits for the one before it to be acknowledged.
        let _ = stream.set_nodelay(true);
        let Some(acceptor) = &self.tls else {
            return self.serve_io(stream).await;
        };
        let handshake = tokio::time::timeout(TLS_HANDSHAKE_TIMEOUT, acceptor.accept(stream));
        match handshake.await {
            Ok(Ok(stream)) => self.serve_io(stream).await,
            Ok(Err(error)) => tracing::debug!(%error, "TLS handshake failed"),
            Err(_) => tracing::debug!("TLS handshake timed out"),
        }
    }

    async fn serve_io(&self, io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let router = self.router.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            router.clone().oneshot(request.map(Body::new))
        });
        let io = TokioIo::new(WithRefusals::new(io));
        let connection = self.builder.serve_connection_with_upgrades(io, service);
        tokio::pin!(connection);
        let mut drain = self.drain.clone();
        loop {
            tokio::select! {
                outcome = connection.as_mut() => {
                    if let Err(error) = outcome {
                        tracing::debug!(error, "connection ended");
                    }
                    return;
                }
                () = cancelled(drain.as_ref()) => {
                    drain = None;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

pub async fn bind(host: &str, port: u16) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((host, port)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(H2_STREAMS_MAX)
        .max_header_list_size(u32::try_from(HEAD_BYTES_MAX).unwrap_or(u32::MAX))
        .keep_alive_interval(Duration::from_secs(30));
    builder
}

/// Never, without a token.
async fn cancelled(token: Option<&CancellationToken>) {
    match token {
        Some(token) => token.cancelled().await,
        None => std::future::pending().await,
    }
}

/// A connection that died before it was accepted is nothing; running out of file descriptors needs a pause.
async fn after_accept_error(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    ) {
        return;
    }
    tracing::error!(%error, "connections cannot be accepted");
    tokio::time::sleep(Duration::from_secs(1)).await;
}

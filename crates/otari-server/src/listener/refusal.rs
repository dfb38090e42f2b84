//! Gives the refusals that the HTTP library writes by itself (head too large, head not HTTP) a body in our shape.
//!
//! The library answers these before any handler exists, with an empty body; clients deserve to be told why. It
//! writes such an answer in one piece as the last thing on a connection, which is what is recognised here.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

#[derive(Debug)]
pub(super) struct WithRefusals<T> {
    io: T,
    /// A refusal on its way out, and how much of it left.
    refusal: Option<(Vec<u8>, usize)>,
    /// After a refusal: until when the rest of the request is read and thrown away.
    linger: Option<Pin<Box<Sleep>>>,
}

/// Closing with unread bytes resets the connection, and the client may never see the refusal.
const LINGER: Duration = Duration::from_secs(2);

impl<T> WithRefusals<T> {
    pub(super) fn new(io: T) -> Self {
        Self {
            io,
            refusal: None,
            linger: None,
        }
    }
}

/// Reads and throws away what is there; `true` once the other side has closed.
fn drained<T: AsyncRead + Unpin>(io: &mut T, cx: &mut Context<'_>) -> bool {
    let mut scratch = [0u8; 16 * 1024];
    loop {
        let mut buf = ReadBuf::new(&mut scratch);
        match Pin::new(&mut *io).poll_read(cx, &mut buf) {
            Poll::Pending => return false,
            Poll::Ready(Ok(())) if !buf.filled().is_empty() => {}
            Poll::Ready(_) => return true,
        }
    }
}

/// Our answer in place of the library's, if `head` is one of its own.
fn refusal_for(head: &[u8]) -> Option<Vec<u8>> {
    let (status, reason, code) = match head.get(..12)? {
        b"HTTP/1.1 431" => (
            "431 Request Header Fields Too Large",
            "The request headers are too large; this gateway accepts up to 64 KiB",
            "headers_too_large",
        ),
        b"HTTP/1.1 414" => (
            "414 URI Too Long",
            "The request URI is too long",
            "uri_too_long",
        ),
        b"HTTP/1.1 400" => (
            "400 Bad Request",
            "The request is not valid HTTP",
            "bad_http",
        ),
        _ => return None,
    };
    let is_bare = head.ends_with(b"\r\n\r\n")
        && head
            .windows(19)
            .any(|w| w.eq_ignore_ascii_case(b"content-length: 0\r\n"));
    if !is_bare {
        return None;
    }
    let error =
        json!({"message": reason, "type": "invalid_request_error", "param": null, "code": code});
    let body = json!({"error": error, "detail": reason}).to_string();
    Some(
        format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes(),
    )
}

impl<T: AsyncRead + Unpin> AsyncRead for WithRefusals<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for WithRefusals<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.refusal.is_none() {
            match refusal_for(buf) {
                None => return Pin::new(&mut this.io).poll_write(cx, buf),
                Some(refusal) => this.refusal = Some((refusal, 0)),
            }
        }
        std::task::ready!(this.poll_refusal(cx))?;
        this.refusal = None;
        this.linger = Some(Box::pin(tokio::time::sleep(LINGER)));
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        std::task::ready!(Pin::new(&mut this.io).poll_shutdown(cx))?;
        match &mut this.linger {
            None => Poll::Ready(Ok(())),
            Some(until) => {
                let over = until.as_mut().poll(cx).is_ready();
                if over || drained(&mut this.io, cx) {
                    Poll::Ready(Ok(()))
                } else {
                    Poll::Pending
                }
            }
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let [only] = bufs {
            return self.poll_write(cx, only);
        }
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

impl<T: AsyncWrite + Unpin> WithRefusals<T> {
    fn poll_refusal(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some((bytes, sent)) = &mut self.refusal else {
            return Poll::Ready(Ok(()));
        };
        while let Some(rest) = bytes.get(*sent..).filter(|rest| !rest.is_empty()) {
            let written = std::task::ready!(Pin::new(&mut self.io).poll_write(cx, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            *sent += written;
        }
        Poll::Ready(Ok(()))
    }
}

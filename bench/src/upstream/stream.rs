//! A streamed answer whose every chunk says when it was sent.

use std::convert::Infallible;
use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::shape::Shape;
use crate::wall::now_ns;

const HEAD: &str = r#"data: {"id":"chatcmpl-9f2c41d07b6e4a5c8d13","object":"chat.completion.chunk","created":1760000000,"model":"mock","choices":[{"index":0,"delta":{"content":""#;
const TAIL: &str = "\"},\"finish_reason\":null}]}\n\n";
const FINISH: &str = "data: {\"id\":\"chatcmpl-9f2c41d07b6e4a5c8d13\",\"object\":\"chat.completion.chunk\",\"created\":1760000000,\"model\":\"mock\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const USAGE_HEAD: &str = r#"data: {"id":"chatcmpl-9f2c41d07b6e4a5c8d13","object":"chat.completion.chunk","created":1760000000,"model":"mock","choices":[],"usage":"#;
const USAGE_TAIL: &str = "}\n\n";
const DONE: &str = "data: [DONE]\n\n";

/// The body: content chunks on their schedule, then finish reason, usage if asked for, and `[DONE]`.
pub(super) struct Chunks {
    shape: Shape,
    include_usage: bool,
    started: Instant,
    timer: Pin<Box<Sleep>>,
    sent: u32,
    finished: bool,
}

impl Chunks {
    pub(super) fn new(shape: Shape, include_usage: bool) -> Self {
        let started = Instant::now();
        Self {
            shape,
            include_usage,
            started,
            timer: Box::pin(sleep_until(started)),
            sent: 0,
            finished: false,
        }
    }

    fn end(&self) -> Bytes {
        if !self.include_usage {
            return Bytes::from([FINISH, DONE].concat());
        }
        let (answer, total) = (self.shape.chunks, self.shape.chunks.saturating_add(87));
        let counts = format!(
            r#"{{"prompt_tokens":87,"completion_tokens":{answer},"total_tokens":{total}}}"#
        );
        Bytes::from([FINISH, USAGE_HEAD, &counts, USAGE_TAIL, DONE].concat())
    }
}

impl std::fmt::Debug for Chunks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chunks")
            .field("shape", &self.shape)
            .field("sent", &self.sent)
            .finish_non_exhaustive()
    }
}

impl Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.sent == self.shape.chunks {
            if self.finished {
                return Poll::Ready(None);
            }
            self.finished = true;
            return Poll::Ready(Some(Ok(Frame::data(self.end()))));
        }
        // The timer counts whole milliseconds; the first chunk shall not wait for the next one.
        if self.sent > 0 {
            ready!(self.timer.as_mut().poll(cx));
        }
        self.sent += 1;
        // From the start, not from the last chunk: late wake-ups must not add up.
        let next = self.started + self.shape.gap * self.sent;
        self.timer.as_mut().reset(next);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(format!(
            "{HEAD}{} {TAIL}",
            now_ns()
        ))))))
    }

    fn is_end_stream(&self) -> bool {
        self.finished
    }
}

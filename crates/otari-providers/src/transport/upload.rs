//! A request whose body is still arriving while it is sent. On connections of its own: the bodies of all other requests
//! are there from the start, and stay plain bytes.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Request;
use http_body::{Body, Frame, SizeHint};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{
    Answered, Outbound, Source, Transport, UpstreamBody, client, request, unreachable_upstream,
};
use crate::credential::{Credential, Http};
use crate::error::{ERROR_BODY_BYTES_MAX, UpstreamError, retry_after};
use crate::instance::Instance;
use crate::key_ring::Key;
use crate::provider::Dialect;

pub(super) type UploadPool = Client<HttpsConnector<HttpConnector>, LiveBody>;

/// Pieces between who reads the client and who writes to the provider; few, so that one waits for the other.
const PIECES_WAITING: usize = 2;

/// Where a body goes in. Dropped before [`Feed::finish`], it breaks the request off: the provider never sees the end of
/// it.
#[derive(Debug)]
pub struct Feed {
    pieces: mpsc::Sender<Piece>,
}

#[derive(Debug)]
enum Piece {
    Data(Bytes),
    End,
}

/// Where it comes out.
#[derive(Debug)]
pub struct LiveBody {
    pieces: mpsc::Receiver<Piece>,
    /// Bytes still to come, where that is known.
    left: Option<u64>,
    ended: bool,
}

/// Whoever fed the body gave up.
#[derive(Debug, thiserror::Error)]
#[error("the upload was broken off")]
pub struct BrokenOff;

/// A body that is fed while it is sent. With a `length` it says so beforehand, and must be fed exactly that; without, it
/// is sent in chunks.
pub fn live_body(length: Option<u64>) -> (Feed, LiveBody) {
    let (sender, receiver) = mpsc::channel(PIECES_WAITING);
    let body = LiveBody {
        pieces: receiver,
        left: length,
        ended: false,
    };
    (Feed { pieces: sender }, body)
}

impl Feed {
    /// Waits until there is room. `false`: nobody reads any more. Safe to cancel: then it was not sent.
    pub async fn send(&self, bytes: Bytes) -> bool {
        self.pieces.send(Piece::Data(bytes)).await.is_ok()
    }

    /// That was all of it.
    pub async fn finish(self) -> bool {
        self.pieces.send(Piece::End).await.is_ok()
    }
}

impl Body for LiveBody {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        match self.pieces.poll_recv(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Piece::Data(bytes))) => {
                let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                self.left = self.left.map(|left| left.saturating_sub(length));
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Poll::Ready(Some(Piece::End)) => {
                self.ended = true;
                Poll::Ready(None)
            }
            Poll::Ready(None) => {
                self.ended = true;
                Poll::Ready(Some(Err(BrokenOff)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }

    fn size_hint(&self) -> SizeHint {
        self.left
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Instance {
    /// Whether a body can be sent to it that is not there yet. A signature over the body cannot be made before, and
    /// the built-in provider reads nothing piece by piece.
    pub fn takes_uploads(&self) -> bool {
        let signs = |key: &Key| matches!(key.credential, Credential::Aws(_));
        self.provider.dialect != Dialect::Echo && !self.keys().all().any(signs)
    }
}

/// One request with one key after the other, for as long as the next may do better.
#[derive(Debug)]
pub struct Turns<'a> {
    transport: &'a Transport,
    instance: &'a Instance,
    key: &'a Key,
    /// Still to come, the next one last.
    rest: Vec<&'a Key>,
    renewal: Renewal,
    deadline: Instant,
}

/// Of a credential that the provider may refuse for its age.
#[derive(Debug, PartialEq, Eq)]
enum Renewal {
    Possible,
    /// The same request may be made with the new one.
    Due,
    Done,
}

impl Transport {
    /// For a request whose body arrives while it is sent. The instance's total time begins now.
    pub fn upload<'a>(&'a self, instance: &'a Instance) -> Turns<'a> {
        let keys = instance.keys();
        let mut rest: Vec<&Key> = keys.in_turn().collect();
        rest.reverse();
        let key = rest.pop().unwrap_or(keys.first());
        Turns {
            transport: self,
            instance,
            renewal: Renewal::of(key),
            key,
            rest,
            deadline: Instant::now() + instance.timeouts.total,
        }
    }

    fn uploads(&self) -> &UploadPool {
        self.uploads.get_or_init(|| client(self.connect_timeout))
    }
}

impl Renewal {
    fn of(key: &Key) -> Self {
        if key.credential.is_fixed() {
            Self::Done
        } else {
            Self::Possible
        }
    }
}

impl Turns<'_> {
    /// When everything must be over.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Whether the body may be needed once more after this time.
    pub fn may_go_on(&self) -> bool {
        self.renewal == Renewal::Possible || !self.rest.is_empty()
    }

    /// Sends `body` in place of the outbound's own, and waits for headers: as long as that takes, since only who feeds
    /// the body knows for whom it waits. Every status outside 2xx is an error, its body read and classified.
    pub async fn send(
        &mut self,
        outbound: Outbound,
        body: LiveBody,
    ) -> Result<Answered, UpstreamError> {
        let mut head = request(self.key, outbound);
        let http = Http(self.transport.pool().clone());
        let credential = &self.key.credential;
        let used = credential.put_on(&http, &mut head, &Bytes::new()).await?;
        let request: Request<LiveBody> = head.map(|_| body);
        let answer = self.transport.uploads().request(request).await;
        let (parts, body) = answer
            .map_err(|error| unreachable_upstream(&error))?
            .into_parts();
        let mut body = UpstreamBody {
            source: Source::Http(body),
            idle: self.instance.timeouts.idle,
            last_chunk: Instant::now(),
            deadline: self.deadline,
        };
        if parts.status.is_success() {
            return Ok(Answered {
                status: parts.status,
                headers: parts.headers,
                body,
            });
        }
        let mends = credential.can_mend(&used, parts.status, &parts.headers);
        if mends && self.renewal == Renewal::Possible {
            self.renewal = Renewal::Due;
        }
        let text = body.collect_up_to(ERROR_BODY_BYTES_MAX).await;
        Err(UpstreamError::from_answer(
            parts.status.as_u16(),
            retry_after(&parts.headers),
            &text,
        ))
    }

    /// Whether to send once more after this failure; then it is another credential's turn.
    pub fn go_on(&mut self, error: &UpstreamError) -> bool {
        if self.renewal == Renewal::Due {
            self.renewal = Renewal::Done;
            return true;
        }
        if !self.instance.keys().refused(self.key, error) {
            return false;
        }
        let Some(next) = self.rest.pop() else {
            return false;
        };
        self.renewal = Renewal::of(next);
        self.key = next;
        true
    }
}

//! Work that a provider does in its own time: one request begins it, it is asked after until it is done, and called
//! off where nobody waits for it any more. DashScope's tasks.
//! <https://www.alibabacloud.com/help/en/model-studio/manage-asynchronous-tasks>

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use otari_providers::{Instance, Outbound, Transport, UpstreamError, UpstreamErrorKind};
use otari_translate::images::{Progress, progress};
use tokio::time::{Instant, sleep, timeout_at};

use super::task::{At, Raw};
use crate::Gateway;
use crate::dispatch::Post;
use crate::inbound::Origin;
use crate::relay::{malformed, upstream_error};

/// The first wait; each is half as long again as the one before it.
const WAIT_FIRST: Duration = Duration::from_millis(500);
/// An account may ask twenty times a second, for all of its tasks together.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// Questions in a row that may fail: the work goes on, and is paid for, whether it is asked after or not.
const FAILURES_MAX: u32 = 3;
/// Where tasks are, from where the operation is.
const TASKS: &str = "../../../tasks/";

impl Gateway {
    /// Begins the work at `begin` (from the operation's own address), and answers what was said when it was done. All
    /// of it takes no longer than one call to the provider may.
    pub(super) async fn follow(
        &self,
        origin: &Origin,
        at: &At<'_>,
        begin: &str,
        mut post: Post,
    ) -> Result<Raw, UpstreamError> {
        let deadline = Instant::now() + at.instance.timeouts.total;
        let here = post.uri.clone();
        post.uri = beside(&here, begin)?;
        let followed = self.ask_until_done(origin, at, &here, post);
        let late = |_| UpstreamError::new(UpstreamErrorKind::Timeout, "the task took too long");
        timeout_at(deadline, followed).await.map_err(late)?
    }

    async fn ask_until_done(
        &self,
        origin: &Origin,
        at: &At<'_>,
        here: &Uri,
        post: Post,
    ) -> Result<Raw, UpstreamError> {
        // What is kept at a provider belongs to the account of the key that made it.
        let begun = post.send_as_first(self, origin, at.instance).await?;
        let mut raw = Raw::collect(begun).await?;
        let Some(task) = waiting(&raw)? else {
            return Ok(raw);
        };
        let address = beside(here, &format!("{TASKS}{task}"))?;
        let mut unfinished =
            Unfinished::new(self, at, beside(here, &format!("{TASKS}{task}/cancel"))?);
        let (mut wait, mut failures) = (WAIT_FIRST, 0);
        loop {
            sleep(wait).await;
            wait = (wait * 3 / 2).min(WAIT_MAX);
            raw = match self.ask_after(at, &address).await {
                Ok(raw) => raw,
                Err(error) if passes(error.kind) && failures < FAILURES_MAX => {
                    failures += 1;
                    continue;
                }
                Err(error) => return Err(error),
            };
            failures = 0;
            match waiting(&raw) {
                Ok(Some(_)) => {}
                Ok(None) => {
                    unfinished.is_over();
                    return Ok(raw);
                }
                Err(error) => {
                    unfinished.is_over();
                    return Err(error);
                }
            }
        }
    }

    async fn ask_after(&self, at: &At<'_>, address: &Uri) -> Result<Raw, UpstreamError> {
        let question = Outbound {
            method: Method::GET,
            uri: address.clone(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        };
        let sent = self.transport.send_as_first(at.instance, question);
        Raw::collect(sent.await?).await
    }
}

/// The task, while it is not done.
fn waiting(raw: &Raw) -> Result<Option<String>, UpstreamError> {
    match progress(&raw.body).map_err(|error| upstream_error(&error))? {
        Progress::Done => Ok(None),
        Progress::Waiting(id) if id.bytes().all(is_of_an_id) => Ok(Some(id)),
        Progress::Waiting(_) => Err(malformed("the task has an id that is none")),
    }
}

fn is_of_an_id(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// Whether the same question may be answered later.
fn passes(kind: UpstreamErrorKind) -> bool {
    matches!(
        kind,
        UpstreamErrorKind::Timeout
            | UpstreamErrorKind::Unreachable
            | UpstreamErrorKind::RateLimited
            | UpstreamErrorKind::Overloaded
            | UpstreamErrorKind::Provider
    )
}

/// An address as a relative one says it (RFC 3986, section 5.2), with the same query.
fn beside(here: &Uri, relative: &str) -> Result<Uri, UpstreamError> {
    let mut segments: Vec<&str> = here.path().split('/').collect();
    segments.pop();
    for segment in relative.split('/') {
        if segment == ".." {
            segments.pop();
        } else {
            segments.push(segment);
        }
    }
    let mut path = segments.join("/");
    if let Some(query) = here.query() {
        path.extend(["?", query]);
    }
    let mut parts = here.clone().into_parts();
    parts.path_and_query = path.parse().ok();
    Uri::from_parts(parts).map_err(|_| malformed("the address of a task is none"))
}

/// Calls the work off when it is dropped before the end: the client left, or it took too long. A provider may refuse
/// that for work it has begun, and charges for it.
struct Unfinished {
    at: Option<(Arc<Transport>, Arc<Instance>, Uri)>,
}

impl Unfinished {
    fn new(gateway: &Gateway, at: &At<'_>, uri: Uri) -> Self {
        let instance = at.attempt.target.instance.as_ref();
        Self {
            at: instance
                .map(|instance| (Arc::clone(&gateway.transport), Arc::clone(instance), uri)),
        }
    }

    fn is_over(&mut self) {
        self.at = None;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let (Some((transport, instance, uri)), Ok(runtime)) =
            (self.at.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        runtime.spawn(async move {
            let cancel = Outbound {
                method: Method::POST,
                uri,
                headers: HeaderMap::new(),
                body: Bytes::new(),
            };
            if let Err(error) = transport.send_as_first(&instance, cancel).await {
                tracing::debug!(?error.kind, instance = instance.name, "a task could not be called off");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_relative_to_the_operation() {
        let here: Uri = "https://x/p/api/v1/services/aigc/multimodal-generation/generation?k=v"
            .parse()
            .unwrap();
        for (relative, expected) in [
            (
                "../text2image/image-synthesis",
                "https://x/p/api/v1/services/aigc/text2image/image-synthesis?k=v",
            ),
            (
                "../../../tasks/7-a/cancel",
                "https://x/p/api/v1/tasks/7-a/cancel?k=v",
            ),
        ] {
            assert_eq!(beside(&here, relative).unwrap(), expected);
        }
    }
}

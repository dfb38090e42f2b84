//! How long a stream may take to begin before the next attempt is tried.

use std::time::Duration;

use otari_providers::{UpstreamError, UpstreamErrorKind};
use tokio::time::{Instant, timeout_at};

use super::PlatformOptions;
use crate::error::GatewayError;

/// Until a stream's first chunk, before another attempt is made instead.
#[derive(Clone, Copy, Debug)]
pub struct FirstChunk {
    pub limit: Duration,
    /// Somebody wants just this limit. Otherwise it does not hold where no other attempt follows: giving up would help
    /// nobody, and the provider has time limits of its own.
    pub is_asked_for: bool,
}

/// Of one attempt. `None`: as long as the provider may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// Where the provider's answer is the caller's.
    plain: Option<Duration>,
    /// Where the gateway runs tools.
    with_tools: Option<Duration>,
}

impl Patience {
    pub(super) fn new(options: &PlatformOptions, is_last: bool) -> Self {
        let extra = options.last_first_chunk_extra;
        let limit = |first: FirstChunk| match is_last {
            false => Some(first.limit),
            true if first.is_asked_for || !extra.is_zero() => {
                Some(first.limit.saturating_add(extra))
            }
            true => None,
        };
        Self {
            plain: limit(options.first_chunk),
            with_tools: limit(options.first_chunk_with_tools),
        }
    }

    /// From now on.
    pub(crate) fn begin(self, with_tools: bool) -> Option<Deadline> {
        let limit = if with_tools {
            self.with_tools
        } else {
            self.plain
        }?;
        Some(Deadline {
            at: Instant::now() + limit,
            limit,
        })
    }
}

/// Until when the first chunk must have come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    at: Instant,
    limit: Duration,
}

impl Deadline {
    /// `work`, unless it takes too long; the provider `instance` is then at fault.
    pub(crate) async fn within<T>(
        self,
        instance: &str,
        work: impl Future<Output = Result<T, GatewayError>>,
    ) -> Result<T, GatewayError> {
        timeout_at(self.at, work).await.unwrap_or_else(|_| {
            let limit = self.limit.as_millis();
            let message = format!("no first chunk within {limit} ms");
            let error = UpstreamError::new(UpstreamErrorKind::Timeout, message);
            Err(GatewayError::upstream(instance, error))
        })
    }
}

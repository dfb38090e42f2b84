//! How long a stream may take to begin before the next attempt is tried.

use std::time::Duration;

use otari_providers::{UpstreamError, UpstreamErrorKind};
use tokio::time::{Instant, timeout_at};

use super::PlatformOptions;
use crate::error::GatewayError;

/// Of one attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// Where the provider's answer is the caller's.
    plain: Duration,
    /// Where the gateway runs tools.
    with_tools: Duration,
}

impl Patience {
    pub(super) fn new(options: &PlatformOptions, is_last: bool) -> Self {
        let extra = if is_last {
            options.last_first_chunk_extra
        } else {
            Duration::ZERO
        };
        Self {
            plain: options.first_chunk.saturating_add(extra),
            with_tools: options.first_chunk_with_tools.saturating_add(extra),
        }
    }

    /// From now on.
    pub(crate) fn begin(self, with_tools: bool) -> Deadline {
        let limit = if with_tools {
            self.with_tools
        } else {
            self.plain
        };
        Deadline {
            at: Instant::now() + limit,
            limit,
        }
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

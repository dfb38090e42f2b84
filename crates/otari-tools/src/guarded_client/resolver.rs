//! Where a connection asks for addresses: through the guard, once.

use std::net::SocketAddr;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use hyper_util::client::legacy::connect::dns::Name;
use tower::Service;

use crate::url_guard::{Refusal, UrlGuard};

/// More than any site needs; the rest would only prolong a failing connect.
const ADDRESSES_MAX: usize = 16;

#[derive(Clone, Debug)]
pub(super) struct GuardedResolver {
    guard: UrlGuard,
}

impl GuardedResolver {
    pub(super) fn new(guard: UrlGuard) -> Self {
        Self { guard }
    }
}

impl Service<Name> for GuardedResolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = Refusal;
    type Future = BoxFuture<'static, Result<Self::Response, Refusal>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let guard = self.guard.clone();
        Box::pin(async move {
            let addresses = guard.addresses(name.as_str()).await?;
            // The connector puts the port in.
            let addresses = addresses.into_iter().take(ADDRESSES_MAX);
            let addresses: Vec<_> = addresses
                .map(|address| SocketAddr::new(address, 0))
                .collect();
            Ok(addresses.into_iter())
        })
    }
}

//! The one place that decides whether a URL which a request can influence is visited.
//!
//! A URL is checked as text, then every address of its host is checked when the connection is opened, and the
//! connection goes to an address that was checked: nobody asks for the addresses a second time.

mod address;
mod parse;
mod policy;
mod refusal;
mod resolve;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use url::{Host, Url};

pub use policy::{HostRule, HostRuleError, UrlPolicy};
pub use refusal::{Reason, Refusal};
pub use resolve::{Resolve, SystemResolver};

/// A policy, and whom to ask for addresses. Cheap to clone.
#[derive(Clone)]
pub struct UrlGuard {
    policy: Arc<UrlPolicy>,
    resolver: Arc<dyn Resolve>,
}

impl UrlGuard {
    pub fn new(policy: UrlPolicy) -> Self {
        Self::with_resolver(policy, SystemResolver)
    }

    pub fn with_resolver(policy: UrlPolicy, resolver: impl Resolve) -> Self {
        Self {
            policy: Arc::new(policy),
            resolver: Arc::new(resolver),
        }
    }

    /// Checks all that can be seen without asking for an address. Connections are opened through
    /// [`crate::GuardedClient`], which checks the addresses.
    pub fn check(&self, text: &str) -> Result<Url, Refusal> {
        let url = parse::parse(text)?;
        self.check_parsed(&url)?;
        Ok(url)
    }

    /// Checks, and resolves once to see whether every address may be visited: for URLs that are stored now and
    /// visited later, when they are checked again.
    pub async fn check_resolved(&self, text: &str) -> Result<Url, Refusal> {
        let url = self.check(text)?;
        if let Some(Host::Domain(name)) = url.host() {
            self.addresses(name).await?;
        }
        Ok(url)
    }

    fn check_parsed(&self, url: &Url) -> Result<(), Refusal> {
        let host = url.host_str().unwrap_or("url");
        let refused = |reason| Err(Refusal::new(host, reason));
        if self.policy.https_only && url.scheme() != "https" {
            return refused(Reason::Insecure);
        }
        let ports = self.policy.ports.as_ref();
        if ports.is_some_and(|ports| {
            url.port_or_known_default()
                .is_none_or(|port| !ports.contains(&port))
        }) {
            return refused(Reason::Port);
        }
        match url.host() {
            Some(Host::Ipv4(address)) => self.check_address(None, IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => self.check_address(None, IpAddr::V6(address)),
            Some(Host::Domain(name)) => match parse::fault_of_name(name) {
                Some(reason) if !self.policy.permits_kind_of_name(reason, name) => refused(reason),
                _ => Ok(()),
            },
            None => refused(Reason::Malformed),
        }
    }

    fn check_address(&self, name: Option<&str>, address: IpAddr) -> Result<(), Refusal> {
        match address::fault(address) {
            Some(reason) if !self.policy.permits(reason, name, address) => {
                let host = name.map_or_else(|| address.to_string(), str::to_owned);
                Err(Refusal::new(&host, reason))
            }
            _ => Ok(()),
        }
    }

    /// The addresses of a name, all of which may be visited. One bad address refuses the name: which of them a
    /// connection would take is not ours to bet on.
    pub(crate) async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, Refusal> {
        let unresolvable = || Refusal::new(name, Reason::Unresolvable);
        let found = self.resolver.resolve(name.to_owned()).await;
        let addresses = found.map_err(|_| unresolvable())?;
        if addresses.is_empty() {
            return Err(unresolvable());
        }
        for address in &addresses {
            self.check_address(Some(name), *address)?;
        }
        Ok(addresses)
    }
}

impl fmt::Debug for UrlGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UrlGuard")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

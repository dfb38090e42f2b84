//! What an operator lets requests reach.

use std::net::IpAddr;
use std::str::FromStr;

use super::refusal::Reason;

/// What may be visited. Metadata, link-local, multicast and unspecified addresses are open to nobody but an explicit
/// [`HostRule`] with a network.
#[derive(Clone, Debug, Default)]
pub struct UrlPolicy {
    /// Refuse `http:`.
    pub https_only: bool,
    /// This machine.
    pub allow_loopback: bool,
    /// This machine and the networks it is in.
    pub allow_private: bool,
    /// Exceptions.
    pub allowed_hosts: Vec<HostRule>,
    /// Only these ports, if given; the ports of mail servers, databases and the like are refused anyway.
    pub ports: Option<Vec<u16>>,
}

impl UrlPolicy {
    /// For addresses that the operator wrote into the configuration.
    pub fn operator() -> Self {
        Self {
            allow_loopback: true,
            allow_private: true,
            ..Self::default()
        }
    }

    pub(super) fn permits(&self, reason: Reason, name: Option<&str>, address: IpAddr) -> bool {
        let by_kind = match reason {
            Reason::Loopback => self.allow_loopback || self.allow_private,
            Reason::Private | Reason::SharedSpace | Reason::Reserved => self.allow_private,
            _ => false,
        };
        by_kind || self.allowed_hosts.iter().any(|rule| rule.covers(address)) || {
            is_internal(reason) && name.is_some_and(|name| self.permits_name(name))
        }
    }

    /// Whether a name that would be refused as such is allowed.
    pub(super) fn permits_kind_of_name(&self, reason: Reason, name: &str) -> bool {
        match reason {
            Reason::Loopback => {
                self.allow_loopback || self.allow_private || self.permits_name(name)
            }
            Reason::Private => self.allow_private || self.permits_name(name),
            _ => false,
        }
    }

    fn permits_name(&self, name: &str) -> bool {
        self.allowed_hosts.iter().any(|rule| rule.names(name))
    }
}

/// What naming a host can open; the rest takes a network.
fn is_internal(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::Loopback | Reason::Private | Reason::SharedSpace | Reason::Reserved
    )
}

/// An exception: `intranet.example`, `*.svc.cluster.local`, `10.1.2.3`, `10.0.0.0/8`, `fd00::/8`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostRule {
    /// This name.
    Name(String),
    /// Every name that ends so; begins with a dot.
    Suffix(String),
    Network {
        base: IpAddr,
        prefix: u8,
    },
}

/// Not a name, an address or a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a host name, an address or a network like 10.0.0.0/8")]
pub struct HostRuleError(String);

impl HostRule {
    fn names(&self, name: &str) -> bool {
        match self {
            Self::Name(known) => known == name,
            Self::Suffix(suffix) => name.ends_with(suffix.as_str()),
            Self::Network { .. } => false,
        }
    }

    fn covers(&self, address: IpAddr) -> bool {
        let Self::Network { base, prefix } = self else {
            return false;
        };
        match (base, address.to_canonical()) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                let differing = base.to_bits() ^ address.to_bits();
                differing.leading_zeros() >= u32::from(*prefix)
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                let differing = base.to_bits() ^ address.to_bits();
                differing.leading_zeros() >= u32::from(*prefix)
            }
            _ => false,
        }
    }
}

impl FromStr for HostRule {
    type Err = HostRuleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fault = || HostRuleError(text.to_owned());
        let bits = |base: &IpAddr| if base.is_ipv4() { 32 } else { 128 };
        if let Some((base, prefix)) = text.split_once('/') {
            let base: IpAddr = base.parse().map_err(|_| fault())?;
            let prefix: u8 = prefix.parse().map_err(|_| fault())?;
            let sound = prefix <= bits(&base);
            return sound
                .then_some(Self::Network { base, prefix })
                .ok_or_else(fault);
        }
        if let Ok(base) = text.parse::<IpAddr>() {
            let prefix = bits(&base);
            return Ok(Self::Network { base, prefix });
        }
        let name = text.to_ascii_lowercase();
        let (wild, rest) = match name.strip_prefix('*') {
            Some(rest) => (true, rest),
            None => (false, name.as_str()),
        };
        let inner = rest.strip_prefix('.').unwrap_or(rest);
        let sound = wild == rest.starts_with('.')
            && !inner.is_empty()
            && inner
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.' || b == b'_');
        match (sound, wild) {
            (false, _) => Err(fault()),
            (true, true) => Ok(Self::Suffix(rest.to_owned())),
            (true, false) => Ok(Self::Name(name)),
        }
    }
}

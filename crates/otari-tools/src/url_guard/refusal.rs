//! Why a URL is not visited.

/// A URL that is not visited. The text may be shown to the caller and to a model: it names the host they gave, never
/// an address it resolved to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{host} is refused: {reason}")]
pub struct Refusal {
    /// The host as given, shortened; the word `url` where there is none to speak of.
    pub host: String,
    pub reason: Reason,
}

/// The kinds of refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Reason {
    #[error("not a well-formed http or https URL")]
    Malformed,
    #[error("only http and https URLs are visited")]
    Scheme,
    #[error("https is required here")]
    Insecure,
    #[error("a URL must not carry a user name or password")]
    Userinfo,
    #[error("the host is written in a form that hides where it leads")]
    Disguised,
    #[error("this port is not visited")]
    Port,
    #[error("the host is the gateway's own machine")]
    Loopback,
    #[error("the host is at a private address")]
    Private,
    #[error("the host is at a carrier-internal address")]
    SharedSpace,
    #[error("the host is at a link-local address")]
    LinkLocal,
    #[error("the host is a cloud metadata service")]
    Metadata,
    #[error("the host is at a multicast address")]
    Multicast,
    #[error("the host is at an unspecified address")]
    Unspecified,
    #[error("the host is at a reserved address")]
    Reserved,
    #[error("it redirects a request with a body to another server")]
    Redirect,
    #[error("the host has no address")]
    Unresolvable,
}

const HOST_CHARS_SHOWN: usize = 80;

impl Refusal {
    pub(crate) fn new(host: &str, reason: Reason) -> Self {
        let host = host.chars().take(HOST_CHARS_SHOWN);
        Self {
            host: host.collect(),
            reason,
        }
    }
}

impl Reason {
    /// A short name for logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Scheme => "scheme",
            Self::Insecure => "insecure",
            Self::Userinfo => "userinfo",
            Self::Disguised => "disguised",
            Self::Port => "port",
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::SharedSpace => "shared-space",
            Self::LinkLocal => "link-local",
            Self::Metadata => "metadata",
            Self::Multicast => "multicast",
            Self::Unspecified => "unspecified",
            Self::Reserved => "reserved",
            Self::Redirect => "redirect",
            Self::Unresolvable => "unresolvable",
        }
    }
}

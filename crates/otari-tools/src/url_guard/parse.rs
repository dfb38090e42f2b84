//! From the text of a URL to one that says plainly where it leads.
//!
//! The WHATWG parser is generous: it strips tabs, turns `0x7f.1` into `127.0.0.1`, full-width digits into digits. What
//! it would repair is refused here, since other readers of the same text may repair it differently.

use url::{Host, Url};

use super::address::is_transition_form;
use super::refusal::{Reason, Refusal};

/// Longer than any browser's practical limit.
const URL_BYTES_MAX: usize = 8192;

const METADATA_NAMES: [&str; 8] = [
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "metadata.azure.internal",
    "metadata.tencentyun.com",
    "instance-data",
    "instance-data.ec2.internal",
    "rancher-metadata",
];

/// Names that exist only inside some network.
const PRIVATE_SUFFIXES: [&str; 5] = [
    ".local",
    ".localdomain",
    ".internal",
    ".intranet",
    ".home.arpa",
];

/// Ports of the Fetch standard's block list that a text protocol could be smuggled to, and of the stores usually found
/// beside a gateway.
const BLOCKED_PORTS: [u16; 52] = [
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 53, 69, 79, 110, 111, 113, 119,
    123, 135, 137, 139, 143, 161, 179, 389, 445, 465, 514, 587, 636, 873, 993, 995, 2049, 2181,
    2375, 2379, 3306, 5432, 5672, 6000, 6379, 9042, 11211, 27017, 50070,
];

/// Parses and normalises; a fragment is dropped.
pub(super) fn parse(text: &str) -> Result<Url, Refusal> {
    let nameless = |reason| Refusal::new("url", reason);
    let hidden = |c: char| c.is_control() || c.is_whitespace() || c == '\\' || is_invisible(c);
    if text.len() > URL_BYTES_MAX || text.chars().any(hidden) {
        return Err(nameless(Reason::Malformed));
    }
    let (scheme, rest) = text.split_once(':').ok_or(nameless(Reason::Malformed))?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return Err(nameless(Reason::Scheme));
    }
    let rest = rest.strip_prefix("//");
    let rest = rest.ok_or(nameless(Reason::Malformed))?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(nameless(Reason::Userinfo));
    }
    let host = written_host(authority).ok_or(nameless(Reason::Malformed))?;
    let refused = |reason| Refusal::new(host, reason);
    if host.contains('%') || host.ends_with('.') {
        return Err(refused(Reason::Disguised));
    }
    let mut url = Url::parse(text).map_err(|_| refused(Reason::Malformed))?;
    if !is_plain(host, &url) {
        return Err(refused(Reason::Disguised));
    }
    let port = url.port_or_known_default();
    if port.is_none_or(|port| BLOCKED_PORTS.contains(&port)) {
        return Err(refused(Reason::Port));
    }
    url.set_fragment(None);
    Ok(url)
}

/// Marks that change how a text is shown but not how it reads: zero-width, joiners, soft hyphen, bidi controls.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// The host as it was written, without a port.
fn written_host(authority: &str) -> Option<&str> {
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (inner, after) = rest.split_once(']')?;
        let host = authority.get(..inner.len() + 2)?;
        let port = match after {
            "" => None,
            after => Some(after.strip_prefix(':')?),
        };
        (host, port)
    } else {
        match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        }
    };
    let digits = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let sound = !host.is_empty()
        && !host.starts_with('.')
        && !host.contains("..")
        && port.is_none_or(digits);
    sound.then_some(host)
}

/// Whether what was written is what was understood.
fn is_plain(written: &str, url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => written == address.to_string(),
        Some(Host::Ipv6(address)) => !is_transition_form(address),
        Some(Host::Domain(name)) if written.is_ascii() => written.eq_ignore_ascii_case(name),
        Some(Host::Domain(name)) => {
            let (shown, valid) = idna::domain_to_unicode(name);
            valid.is_ok() && shown == written.to_lowercase()
        }
        None => false,
    }
}

/// Why a name is refused before anyone is asked for its address.
pub(super) fn fault_of_name(name: &str) -> Option<Reason> {
    if METADATA_NAMES.contains(&name) {
        Some(Reason::Metadata)
    } else if name == "localhost" || name.ends_with(".localhost") {
        Some(Reason::Loopback)
    } else if PRIVATE_SUFFIXES.iter().any(|suffix| name.ends_with(suffix)) {
        Some(Reason::Private)
    } else {
        None
    }
}

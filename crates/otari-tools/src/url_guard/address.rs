//! What kind of place an address is. Sources: the IANA special-purpose registries (RFC 6890) and the cloud vendors'
//! pages on instance metadata.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Reason;

/// Where cloud machines read their own credentials. Some of them are ordinary, routable addresses.
const METADATA: [IpAddr; 10] = [
    v4(169, 254, 169, 254), // AWS, GCP, Azure, DigitalOcean and most others
    v4(169, 254, 169, 253), // AWS DNS
    v4(169, 254, 170, 2),   // AWS ECS task credentials
    v4(169, 254, 170, 23),  // AWS EKS pod identity
    v4(169, 254, 0, 23),    // Tencent
    v4(100, 100, 100, 200), // Alibaba
    v4(192, 0, 0, 192),     // Oracle classic
    v4(168, 63, 129, 16),   // Azure wire server
    v6([0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254]),
    v6([0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254]),
];

const fn v4(a: u8, b: u8, c: u8, d: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(a, b, c, d))
}

const fn v6(groups: [u16; 8]) -> IpAddr {
    IpAddr::V6(Ipv6Addr::from_segments(groups))
}

/// Why nobody outside should be sent to this address; `None` for a public one.
///
/// An address that carries an IPv4 address inside is judged by that one, because that is where the packets go.
pub(super) fn fault(address: IpAddr) -> Option<Reason> {
    if METADATA.contains(&address) {
        return Some(Reason::Metadata);
    }
    match address {
        IpAddr::V4(address) => fault_v4(address),
        IpAddr::V6(address) => fault_v6(address),
    }
}

fn fault_v4(address: Ipv4Addr) -> Option<Reason> {
    let [a, b, c, _] = address.octets();
    let reason = match (a, b, c) {
        (0, 0, 0) if address.is_unspecified() => Reason::Unspecified,
        (127, ..) => Reason::Loopback,
        (10, ..) | (172, 16..=31, _) | (192, 168, _) => Reason::Private,
        (100, 64..=127, _) => Reason::SharedSpace,
        (169, 254, _) => Reason::LinkLocal,
        (224..=239, ..) => Reason::Multicast,
        // "This network", protocol assignments, documentation, 6to4 relays, benchmarking, future use, broadcast.
        (0 | 240..=255, ..)
        | (192, 0, 0 | 2)
        | (192, 88, 99)
        | (198, 18..=19, _)
        | (198, 51, 100)
        | (203, 0, 113) => Reason::Reserved,
        _ => return None,
    };
    Some(reason)
}

fn fault_v6(address: Ipv6Addr) -> Option<Reason> {
    let groups = address.segments();
    if let Some(inner) = embedded(groups) {
        return fault(IpAddr::V4(inner));
    }
    let reason = match groups {
        [0, 0, 0, 0, 0, 0, 0, 0] => Reason::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => Reason::Loopback,
        [0xfc00..=0xfdff | 0xfec0..=0xfeff, ..] => Reason::Private,
        [0xfe80..=0xfebf, ..] => Reason::LinkLocal,
        [0xff00..=0xffff, ..] => Reason::Multicast,
        // Teredo and protocol assignments, documentation, 6to4, SRv6; they lead somewhere other than they say.
        [0x2001, 0x0000..=0x01ff | 0x0db8, ..] | [0x2002, ..] | [0x3fff, 0x0000..=0x0fff, ..] => {
            Reason::Reserved
        }
        // All that is assigned to the public internet.
        [0x2000..=0x3fff, ..] => return None,
        _ => Reason::Reserved,
    };
    Some(reason)
}

/// The IPv4 address inside a mapped (`::ffff:0:0/96`) or NAT64 (`64:ff9b::/96`) address. A resolver in an IPv6-only
/// network answers with the latter for every IPv4 site.
fn embedded(groups: [u16; 8]) -> Option<Ipv4Addr> {
    let ([0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low]) = groups
    else {
        return None;
    };
    let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
    Some(Ipv4Addr::new(a, b, c, d))
}

/// Whether a literal address is one of the forms that carry another address, which nobody writes by hand: mapped,
/// compatible, translated, NAT64, 6to4, Teredo, ISATAP.
pub(super) fn is_transition_form(address: Ipv6Addr) -> bool {
    matches!(
        address.segments(),
        [0, 0, 0, 0, 0, 0xffff, ..]
            | [0, 0, 0, 0, 0xffff, 0, ..]
            | [0x64, 0xff9b, ..]
            | [0x2002, ..]
            | [0x2001, 0, ..]
            | [_, _, _, _, 0 | 0x0200, 0x5efe, ..]
    ) || matches!(address.segments(), [0, 0, 0, 0, 0, 0, high, low] if high != 0 || low > 1)
}

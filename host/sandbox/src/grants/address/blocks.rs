//! Blocks of addresses that are not ordinary hosts on the internet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// Metadata services outside the link-local block, or with further addresses besides the one inside
/// it.
pub(super) const METADATA: [IpAddr; 9] = [
    // Amazon, Google, Azure and most others; also link-local.
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    // Alibaba.
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    // Azure's agent channel.
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    // Oracle.
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    // Amazon over IPv6, and the credentials of its pods.
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
    // Google over IPv6.
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
    // Oracle over IPv6.
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe)),
    // Scaleway over IPv6.
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42)),
];

pub(super) const NAT64: Ipv6Net = v6(0x64, 0xff9b, 96);
/// Gateways of a site, RFC 8215.
pub(super) const LOCAL_NAT64: Ipv6Net =
    Ipv6Net::new_assert(Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48);
/// 6to4, RFC 3056.
pub(super) const TO_V4: Ipv6Net = v6(0x2002, 0, 16);
/// Teredo, RFC 4380.
pub(super) const TEREDO: Ipv6Net = v6(0x2001, 0, 32);
/// IPv4-translated addresses, RFC 2765.
pub(super) const TRANSLATED: Ipv6Net =
    Ipv6Net::new_assert(Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, 0, 0), 96);
/// `::/96`, the deprecated IPv4-compatible block, including the unspecified address.
pub(super) const V4_COMPATIBLE: Ipv6Net = v6(0, 0, 96);
/// The only block from which global unicast addresses have been assigned.
pub(super) const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 3);

/// The blocks that the IANA registry of special-purpose IPv4 addresses lists as not globally
/// reachable.
pub(super) const PRIVATE_V4: [Ipv4Net; 11] = [
    v4(10, 0, 0, 8),
    v4(100, 64, 0, 10),
    v4(172, 16, 0, 12),
    v4(192, 0, 0, 24),
    v4(192, 0, 2, 24),
    v4(192, 88, 99, 24),
    v4(192, 168, 0, 16),
    v4(198, 18, 0, 15),
    v4(198, 51, 100, 24),
    v4(203, 0, 113, 24),
    v4(240, 0, 0, 4),
];

/// Within the global block: protocol assignments including Teredo, two documentation blocks, and
/// 6to4, which carries an IPv4 address.
pub(super) const PRIVATE_V6: [Ipv6Net; 4] = [
    v6(0x2001, 0, 23),
    v6(0x2001, 0xdb8, 32),
    TO_V4,
    v6(0x3fff, 0, 20),
];

const fn v4(a: u8, b: u8, c: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, 0), prefix)
}

const fn v6(a: u16, b: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), prefix)
}

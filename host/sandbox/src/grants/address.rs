//! Classifies addresses. Some classes can be reached by a granted name, others only by a granted
//! address; this file does not decide that.

mod blocks;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use self::blocks::{
    GLOBAL_V6, LOCAL_NAT64, METADATA, NAT64, PRIVATE_V4, PRIVATE_V6, TEREDO, TO_V4, TRANSLATED,
    V4_COMPATIBLE,
};

/// Where an address leads, as far as grants distinguish. The order is from open to closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum AddressClass {
    /// A host on the public internet.
    Public,
    /// Private, shared, reserved, documentation and benchmark addresses, and IPv6 addresses that
    /// carry IPv4 through a tunnel or a site's own gateway.
    Private,
    /// The machine that vitals runs on.
    ThisHost,
    /// Reachable only if granted as an address: unspecified, multicast, broadcast and link-local
    /// addresses, and the metadata services of clouds.
    Restricted,
}

/// An address that a name resolves to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ResolvedAddress {
    pub(crate) address: IpAddr,
    /// Whether the kernel says that the address, or an address that it carries, belongs to this
    /// host.
    pub(crate) is_local: bool,
}

impl ResolvedAddress {
    /// An address that the kernel was not asked about.
    pub(crate) fn assumed_remote(address: IpAddr) -> Self {
        let is_local = false;
        Self { address, is_local }
    }

    /// Asks `is_local` about each address at which traffic to `address` may end up.
    pub(crate) fn new(address: IpAddr, is_local: impl Fn(IpAddr) -> bool) -> Self {
        let effective = effective(address);
        let embedded_v4 = match effective {
            IpAddr::V4(_) => Vec::new(),
            IpAddr::V6(address) => embedded_v4(address),
        };
        let is_local =
            is_local(effective) || embedded_v4.into_iter().any(|inner| is_local(inner.into()));
        Self { address, is_local }
    }

    pub(super) fn class(self) -> AddressClass {
        let class = class(self.address);
        if self.is_local {
            class.max(AddressClass::ThisHost)
        } else {
            class
        }
    }
}

/// Classifies an address by its value only. An address that carries an IPv4 address is never more
/// open than that one.
pub(super) fn class(address: IpAddr) -> AddressClass {
    match effective(address) {
        address if METADATA.contains(&address) => AddressClass::Restricted,
        IpAddr::V4(address) => class_v4(address),
        IpAddr::V6(address) => embedded_v4(address)
            .into_iter()
            .map(|inner| class(inner.into()))
            .chain([class_v6(address)])
            .max()
            .unwrap_or(AddressClass::Restricted),
    }
}

/// The address at which traffic ends up: the IPv4 address if it is mapped into IPv6, or if a NAT64
/// gateway translates it (RFC 6052, `64:ff9b::/96`).
pub(super) fn effective(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if NAT64.contains(&address) => last_four(address).into(),
        address => address,
    }
}

/// The IPv4 addresses that an IPv6 address may lead to through a tunnel or a gateway that this host
/// does not know.
fn embedded_v4(address: Ipv6Addr) -> Vec<Ipv4Addr> {
    let octets = address.octets();
    let at = |places: [usize; 4]| Ipv4Addr::from(places.map(|index| octets[index]));
    if TO_V4.contains(&address) {
        vec![at([2, 3, 4, 5])]
    } else if TEREDO.contains(&address) {
        // The server, and the client behind it, whose bits are inverted.
        let client = Ipv4Addr::from_bits(!last_four(address).to_bits());
        vec![at([4, 5, 6, 7]), client]
    } else if TRANSLATED.contains(&address) {
        vec![last_four(address)]
    } else if LOCAL_NAT64.contains(&address) {
        // The position of the IPv4 address depends on the site's prefix (RFC 6052, section 2.2).
        // Positions that yield an address in `0.0.0.0/8` are not used.
        let all = [
            at([6, 7, 9, 10]),
            at([7, 9, 10, 11]),
            at([9, 10, 11, 12]),
            last_four(address),
        ];
        let there: Vec<_> = all.into_iter().filter(|v4| v4.octets()[0] != 0).collect();
        if there.is_empty() {
            vec![Ipv4Addr::UNSPECIFIED]
        } else {
            there
        }
    } else {
        Vec::new()
    }
}

fn last_four(address: Ipv6Addr) -> Ipv4Addr {
    let [.., a, b, c, d] = address.octets();
    Ipv4Addr::new(a, b, c, d)
}

fn class_v4(address: Ipv4Addr) -> AddressClass {
    let [first, ..] = address.octets();
    if first == 0 || address.is_multicast() || address.is_broadcast() || address.is_link_local() {
        AddressClass::Restricted
    } else if address.is_loopback() {
        AddressClass::ThisHost
    } else if PRIVATE_V4.iter().any(|net| net.contains(&address)) {
        AddressClass::Private
    } else {
        AddressClass::Public
    }
}

fn class_v6(address: Ipv6Addr) -> AddressClass {
    if address.is_loopback() {
        AddressClass::ThisHost
    } else if address.is_unicast_link_local()
        || address.is_multicast()
        || V4_COMPATIBLE.contains(&address)
    {
        AddressClass::Restricted
    } else if !GLOBAL_V6.contains(&address) || PRIVATE_V6.iter().any(|net| net.contains(&address)) {
        AddressClass::Private
    } else {
        AddressClass::Public
    }
}

#[cfg(test)]
mod tests;

//! What kind of place an address leads to. Grants open some kinds by a name, some only by the
//! address itself; this file only sorts.

mod blocks;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use self::blocks::{
    GLOBAL_V6, LOCAL_NAT64, METADATA, NAT64, PRIVATE_V4, PRIVATE_V6, TEREDO, TO_V4, TRANSLATED,
    V4_COMPATIBLE,
};

/// Where an address leads, as far as grants make a difference.
/// The order is how closed it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum AddressClass {
    /// A host of the open internet.
    Public,
    /// Somewhere inside: private, shared, reserved, for documentation or for benchmarks, or IPv6
    /// that carries IPv4 through a tunnel or a gateway of a site's own.
    Private,
    /// The machine that the host runs on.
    ThisHost,
    /// Open only where the address itself is written: unspecified, multicast, broadcast,
    /// link-local, and the metadata services of clouds.
    Restricted,
}

/// An address that a name leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ResolvedAddress {
    /// The address.
    pub(crate) address: IpAddr,
    /// Whether the kernel says that it, or an address that traffic to it may end up at, is one of this
    /// machine's own.
    pub(crate) is_local: bool,
}

impl ResolvedAddress {
    /// An address that the kernel was not asked about.
    pub(crate) fn assumed_remote(address: IpAddr) -> Self {
        let is_local = false;
        Self { address, is_local }
    }

    /// An address, of which `is_local` is asked wherever traffic to it may end up.
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

    /// Where it leads.
    pub(super) fn class(self) -> AddressClass {
        let class = class(self.address);
        if self.is_local {
            class.max(AddressClass::ThisHost)
        } else {
            class
        }
    }
}

/// Sorts an address by what it is, wherever it is asked. One that carries an IPv4 address is never more open than that one is.
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

/// The address that traffic ends up at: IPv4 where it is IPv4 mapped into IPv6, or IPv6 that a
/// NAT64 gateway takes to IPv4 (RFC 6052, `64:ff9b::/96`).
pub(super) fn effective(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if NAT64.contains(&address) => last_four(address).into(),
        address => address,
    }
}

/// The IPv4 addresses that an IPv6 address may lead to, where that depends on a tunnel or on a
/// gateway that this host knows nothing of.
fn embedded_v4(address: Ipv6Addr) -> Vec<Ipv4Addr> {
    let octets = address.octets();
    let at = |places: [usize; 4]| Ipv4Addr::from(places.map(|index| octets[index]));
    if TO_V4.contains(&address) {
        vec![at([2, 3, 4, 5])]
    } else if TEREDO.contains(&address) {
        // The server, and the client behind it, which is written with every bit turned.
        let client = Ipv4Addr::from_bits(!last_four(address).to_bits());
        vec![at([4, 5, 6, 7]), client]
    } else if TRANSLATED.contains(&address) {
        vec![last_four(address)]
    } else if LOCAL_NAT64.contains(&address) {
        // Where the IPv4 address stands depends on the prefix that the site chose (RFC 6052,
        // section 2.2); what would be in `0.0.0.0/8` was not put there.
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

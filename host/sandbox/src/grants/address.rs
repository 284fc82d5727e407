//! What kind of place an address leads to. Grants open some kinds by a name, some only by the
//! address itself; this file only sorts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

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

const fn v4(a: u8, b: u8, c: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, 0), prefix)
}

const fn v6(a: u16, b: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), prefix)
}

/// Metadata services that lie outside the link-local block, or that are known by more addresses
/// than the one inside it.
const METADATA: [IpAddr; 9] = [
    // Amazon, Google, Azure and most others; link-local besides.
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

const NAT64: Ipv6Net = v6(0x64, 0xff9b, 96);
/// Gateways of a site's own, RFC 8215.
const LOCAL_NAT64: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48);
/// 6to4, RFC 3056.
const TO_V4: Ipv6Net = v6(0x2002, 0, 16);
/// Teredo, RFC 4380.
const TEREDO: Ipv6Net = v6(0x2001, 0, 32);
/// IPv4-translated addresses, RFC 2765.
const TRANSLATED: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, 0, 0), 96);
/// `::/96`, the deprecated IPv4-compatible block with the unspecified address in it.
const V4_COMPATIBLE: Ipv6Net = v6(0, 0, 96);
/// The only block that global unicast addresses have been given out of.
const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 3);

/// What the IANA registry of special-purpose IPv4 addresses lists as not globally reachable.
const PRIVATE_V4: [Ipv4Net; 11] = [
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

/// Within the global block: protocol assignments with Teredo, documentation twice, and 6to4, which
/// carries an IPv4 address.
const PRIVATE_V6: [Ipv6Net; 4] = [
    v6(0x2001, 0, 23),
    v6(0x2001, 0xdb8, 32),
    TO_V4,
    v6(0x3fff, 0, 20),
];

#[cfg(test)]
mod tests {
    use super::*;

    const CLASSES: [(AddressClass, &[&str]); 4] = [
        (
            AddressClass::Public,
            &[
                "1.1.1.1",
                "8.8.8.8",
                "172.32.0.1",
                "2606:4700::1111",
                "64:ff9b::101:101",
            ],
        ),
        (
            AddressClass::Private,
            &[
                "10.0.0.1",
                "172.16.0.1",
                "192.168.1.1",
                "100.64.0.1",
                "100.127.255.254",
                "192.0.0.8",
                "192.0.2.1",
                "192.88.99.1",
                "198.18.0.1",
                "198.19.255.254",
                "198.51.100.1",
                "203.0.113.1",
                "240.0.0.1",
                "255.255.255.254",
                "fc00::1",
                "fd00::1",
                "fec0::1",
                "100::1",
                "5f00::1",
                "2001:db8::1",
                "3fff::1",
                "64:ff9b::a00:1",
                "::ffff:10.0.0.1",
                // What carries IPv4 leads inside at best.
                "2002:101:101::1",
                "2001:0:101:101::fefe:fefe",
                "::ffff:0:1.1.1.1",
                "64:ff9b:1::1.1.1.1",
                "64:ff9b:1:101:1:100::",
            ],
        ),
        (
            AddressClass::ThisHost,
            &[
                "127.0.0.1",
                "127.255.0.1",
                "::1",
                "::ffff:127.0.0.1",
                "64:ff9b::7f00:1",
                "2002:7f00:1::1",
                "2001:0:101:101::80ff:fffe",
                "::ffff:0:127.0.0.1",
                "64:ff9b:1::127.0.0.1",
            ],
        ),
        (
            AddressClass::Restricted,
            &[
                "0.0.0.0",
                "0.1.2.3",
                "::",
                "::7f00:1",
                "255.255.255.255",
                "224.0.0.1",
                "ff02::1",
                "169.254.0.1",
                "fe80::1",
                "169.254.169.254",
                "::ffff:169.254.169.254",
                "64:ff9b::a9fe:a9fe",
                "fd00:ec2::254",
                "fd20:ce::254",
                "100.100.100.200",
                "168.63.129.16",
                "192.0.0.192",
                "169.254.170.2",
                "239.255.255.255",
                "ff0e::1",
                "febf::1",
                "fd00:ec2::23",
                "fd00:c1::a9fe:a9fe",
                "fd00:42::42",
                "64:ff9b::6464:64c8",
                "64:ff9b::",
                // In a tunnel, to a gateway, wherever in the address it stands.
                "2002:a9fe:a9fe::1",
                "2002::1",
                "2001:0:a9fe:a9fe::1",
                "2001:0:101:101::5601:5601",
                "::ffff:0:169.254.169.254",
                "64:ff9b:1::169.254.169.254",
                "64:ff9b:1:a9fe:a9:fe00::",
                "64:ff9b:1:a9:fe:a9fe::",
                "64:ff9b:1:0:a9:fea9:fe00:0",
                "64:ff9b:1::",
            ],
        ),
    ];

    #[test]
    fn addresses_are_sorted() {
        for (expected, addresses) in CLASSES {
            for address in addresses {
                assert_eq!(class(address.parse().unwrap()), expected, "{address}");
            }
        }
    }

    #[test]
    fn an_address_is_own_in_whatever_it_is_wrapped() {
        let own: IpAddr = "93.184.216.34".parse().unwrap();
        for (address, is_local) in [
            ("93.184.216.34", true),
            ("::ffff:93.184.216.34", true),
            ("64:ff9b::93.184.216.34", true),
            ("64:ff9b:1::93.184.216.34", true),
            ("2002:5db8:d822::1", true),
            ("::ffff:0:93.184.216.34", true),
            ("93.184.216.35", false),
            ("2002:5db8:d823::1", false),
        ] {
            let resolved = ResolvedAddress::new(address.parse().unwrap(), |asked| asked == own);
            assert_eq!(resolved.is_local, is_local, "{address}");
            assert_eq!(
                resolved.class() == AddressClass::ThisHost,
                is_local,
                "{address}"
            );
        }
        let closed = ResolvedAddress::new("169.254.169.254".parse().unwrap(), |_| true);
        assert_eq!(
            closed.class(),
            AddressClass::Restricted,
            "it is closed whoever has it"
        );
    }

    #[test]
    fn the_network_policy_closes_what_is_closed_here() {
        let file = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../deploy/kubernetes/overlays/production/networkpolicy.yaml"
        );
        let text = std::fs::read_to_string(file).expect("a network policy");
        let (_, text) = text.split_once("except:").expect("exceptions");
        let words = text.split_whitespace();
        let closed: Vec<ipnet::IpNet> = words.filter_map(|word| word.parse().ok()).collect();
        for address in METADATA {
            let is_closed = closed.iter().any(|net| net.contains(&address));
            assert!(is_closed, "{address}");
        }
        for net in closed.iter().filter(|net| net.prefix_len() > 0) {
            assert_eq!(class(net.addr()), AddressClass::Restricted, "{net}");
        }
    }
}

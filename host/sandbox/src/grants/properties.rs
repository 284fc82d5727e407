//! Properties that hold for every spelling of a host.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::address::class;
use super::*;

fn granted(key: &str, entry: &str) -> Grants {
    Grants::new([Grant::allowed(key, entry).unwrap()], |_| None)
}

/// Spellings of an IPv4 address that a guest may use.
fn spellings(address: Ipv4Addr) -> Vec<String> {
    let [a, b, c, d] = address.octets().map(u32::from);
    let all = address.to_bits();
    let wide: String = address
        .to_string()
        .chars()
        .map(|c| match c.to_digit(10) {
            Some(digit) => char::from_u32(0xff10 + digit).unwrap(),
            None => '。',
        })
        .collect();
    vec![
        address.to_string(),
        format!("{address}."),
        format!("{all}"),
        format!("0x{all:x}"),
        format!("0X{all:08X}"),
        format!("0{all:o}"),
        format!("{a}.{}", all & 0xff_ffff),
        format!("{a}.{b}.{}", all & 0xffff),
        format!("0x{a:x}.0{b:o}.{c}.0x{d:02x}"),
        format!("00000{a:o}.{b}.{c}.{d}"),
        wide,
        format!("::ffff:{address}"),
        format!("[::FFFF:{:x}:{:x}]", all >> 16, all & 0xffff),
        format!("[0:0:0:0:0:ffff:{address}]"),
        format!("64:ff9b::{address}"),
    ]
}

fn labels() -> impl Strategy<Value = String> {
    proptest::collection::vec("[a-z][a-z0-9_-]{0,12}", 1..5)
        .prop_map(|labels| labels.join("."))
        .prop_filter("a name of the URL standard", |name| {
            parse_host(name).is_ok()
        })
}

/// A name with changed case, letters of other widths, and a final dot.
fn respelled(name: &str, choices: &[u8], dot: bool) -> String {
    let mut choices = choices.iter().cycle();
    let mut text: String = name
        .chars()
        .map(|c| match choices.next().map_or(0, |choice| choice % 4) {
            1 => c.to_ascii_uppercase(),
            2 if c.is_ascii_lowercase() => {
                char::from_u32(0xff41 + (u32::from(c) - u32::from('a'))).unwrap()
            }
            3 if c == '.' => '。',
            _ => c,
        })
        .collect();
    if dot {
        text.push('.');
    }
    text
}

fn may_connect(grants: &Grants, host: &Host, address: IpAddr) -> bool {
    let peer = Peer {
        channel: Channel::Tcp,
        host: host.clone(),
        port: 1,
    };
    grants.permit(&peer).is_ok()
        && grants
            .permit_address(&peer, ResolvedAddress::assumed_remote(address))
            .is_ok()
}

proptest! {
    #[test]
    fn a_displayed_host_parses_to_the_same_host(text in "\\PC{0,40}") {
        if let Ok(host) = parse_host(&text) {
            let shown = host.to_string();
            prop_assert_eq!(parse_host(&shown), Ok(host));
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:[]".contains(c);
            prop_assert!(shown.chars().all(plain), "{}", shown);
        }
    }

    #[test]
    fn a_displayed_entry_parses_to_the_same_entry(
        text in "(https?://)?(\\*\\.)?[a-zA-Z0-9.:/\\[\\]%@xXäß。-]{0,24}(:[0-9]{1,6})?",
        key in proptest::sample::select(vec!["http", "tcp", "udp", "tls", "names"]),
    ) {
        if let Ok(grant) = Grant::allowed(key, &text) {
            let shown = grant.target().to_string();
            prop_assert_eq!(Grant::allowed(key, &shown), Ok(grant));
        }
    }

    #[test]
    fn an_ipv4_address_is_the_same_in_every_spelling(bits: u32, other: u32) {
        let address = Ipv4Addr::from_bits(bits);
        let entry = format!("{address}:1");
        let other = Ipv4Addr::from_bits(other);
        for spelling in spellings(address) {
            let host = parse_host(&spelling).unwrap();
            let Host::Address(read) = host else {
                panic!("{spelling} is a name");
            };
            prop_assert!(may_connect(&granted("tcp", &entry), &host, read), "{}", spelling);
            if other != address {
                let grants = granted("tcp", &format!("{other}:1"));
                prop_assert!(!may_connect(&grants, &host, read), "{}", spelling);
            }
        }
    }

    #[test]
    fn addresses_that_networks_exclude_are_excluded_in_every_spelling(bits: u32) {
        let address = Ipv4Addr::from_bits(bits);
        let open = class(address.into()) != AddressClass::Restricted;
        for net in ["0.0.0.0/0:1", "0.0.0.0/1:1", "128.0.0.0/1:1"] {
            let grants = granted("tcp", net);
            let found: Vec<_> = spellings(address)
                .iter()
                .map(|spelling| match parse_host(spelling).unwrap() {
                    host @ Host::Address(read) => may_connect(&grants, &host, read),
                    Host::Name(_) => panic!("{spelling} is a name"),
                })
                .collect();
            prop_assert!(found.iter().all(|one| *one == found[0]), "{net} {found:?}");
            prop_assert!(open || !found[0], "{net}");
        }
    }

    #[test]
    fn a_wildcard_covers_no_address(bits: u32, long: u128, parent in labels()) {
        let pattern = HostPattern::parse(&format!("*.{parent}")).unwrap();
        for spelling in spellings(Ipv4Addr::from_bits(bits)) {
            prop_assert!(!pattern.covers(&parse_host(&spelling).unwrap()), "{}", spelling);
        }
        let address = Ipv6Addr::from_bits(long);
        prop_assert!(!pattern.covers(&Host::Address(address.into())));
        // A wildcard can't be written above an address either.
        let above = format!("*.{}", Ipv4Addr::from_bits(bits));
        prop_assert_eq!(HostPattern::parse(&above), Err(EntryError::Wildcard));
    }

    #[test]
    fn a_name_is_the_same_in_every_spelling(
        name in labels(),
        other in labels(),
        choices in proptest::collection::vec(any::<u8>(), 1..40),
        dot: bool,
    ) {
        let spelled = parse_host(&respelled(&name, &choices, dot)).unwrap();
        prop_assert_eq!(&spelled, &parse_host(&name).unwrap());
        let public = "93.184.216.34".parse().unwrap();
        let its_own = granted("tcp", &format!("{name}:1"));
        prop_assert!(may_connect(&its_own, &spelled, public));
        if other != name {
            let anothers = granted("tcp", &format!("{other}:1"));
            prop_assert!(!may_connect(&anothers, &spelled, public));
        }
    }

    #[test]
    fn an_address_is_never_more_open_than_the_ipv4_address_it_carries(bits: u32) {
        let inner = Ipv4Addr::from_bits(bits);
        let [a, b] = [bits >> 16, bits & 0xffff];
        let turned = !bits;
        for carrier in [
            format!("::ffff:{inner}"),
            format!("::{inner}"),
            format!("64:ff9b::{inner}"),
            format!("64:ff9b:1::{inner}"),
            format!("::ffff:0:{inner}"),
            format!("2002:{a:x}:{b:x}::1"),
            format!("2001:0:{a:x}:{b:x}::{:x}:{:x}", !0x0101_0101_u32 >> 16, !0x0101_0101_u32 & 0xffff),
            format!("2001:0:101:101::{:x}:{:x}", turned >> 16, turned & 0xffff),
        ] {
            let outer = carrier.parse().unwrap();
            // `::1` is a separate address.
            if outer != IpAddr::V6(Ipv6Addr::LOCALHOST) {
                prop_assert!(class(outer) >= class(inner.into()), "{}", carrier);
            }
        }
    }
}

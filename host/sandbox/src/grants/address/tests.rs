//! The classes of addresses.

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
fn a_local_address_is_recognised_inside_other_addresses() {
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

//! Hosts, URLs and grants: every spelling of a host is one host, and what is granted in one is
//! granted in all, and nothing else.

use std::net::{IpAddr, Ipv4Addr};

use url::Url;
use vitals_host::fuzzing::{granted_by, reaches};
use vitals_host::plugin::{
    Channel, Grant, Grants, Host, HostPattern, Target as Granted, parse_host,
};

use super::laws;

pub(super) fn run(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    if let Ok(host) = parse_host(&text) {
        one_spelling(&text, &host);
        as_others_read_it(&text, &host);
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        let canonical = Host::Address(address.to_canonical());
        assert_eq!(parse_host(&text), Ok(canonical), "std reads an address");
    }
    for key in [
        "http",
        "tcp",
        "udp",
        "tls",
        "icmp",
        "names",
        "files",
        "env",
        "system",
        "identities",
        "proxies",
    ] {
        match Grant::allowed(key, &text) {
            Ok(grant) => allowed(key, &grant),
            Err(error) => laws::clean("a grant's error", &error.to_string()),
        }
    }
    for mark in [
        "http", "tcp", "udp", "tls", "icmp", "name", "file", "disk", "identity", "proxy",
    ] {
        match granted_by(mark, &text) {
            Ok(grants) => {
                let [grant] = &grants[..] else {
                    panic!("one text grants {}", grants.len());
                };
                one_thing(mark, &text, grant);
            }
            Err(error) => laws::clean("a grant's error", &error.to_string()),
        }
    }
}

/// The canonical form is its own, and each other way to write it leads there.
fn one_spelling(text: &str, host: &Host) {
    let canonical = host.to_string();
    for other in spellings(host) {
        assert_eq!(
            parse_host(&other).as_ref(),
            Ok(host),
            "{text:?} is {canonical}, and {other:?} is not"
        );
    }
}

fn spellings(host: &Host) -> Vec<String> {
    let canonical = host.to_string();
    let upper = canonical.to_uppercase();
    match host {
        Host::Name(_) => vec![format!("{canonical}."), upper, canonical],
        Host::Address(IpAddr::V4(address)) => {
            let [a, b, c, d] = address.octets();
            let number = u32::from(*address);
            vec![
                format!("{a:#x}.{b:#o}.{c}.{d}").replace("0o", "0"),
                format!("{number}"),
                format!("{number:#X}"),
                format!("{a}.{}", number & 0x00ff_ffff),
                format!("{canonical}."),
                format!("::ffff:{canonical}"),
                format!("[{}]", address.to_ipv6_mapped()),
                canonical,
            ]
        }
        Host::Address(IpAddr::V6(address)) => {
            let long = address.segments().map(|segment| format!("{segment:04X}"));
            vec![format!("{address}"), long.join(":"), upper, canonical]
        }
    }
}

/// The URL standard's reading of the same text leads to the same host.
fn as_others_read_it(text: &str, host: &Host) {
    let bare = text.contains(':') && !text.starts_with('[');
    let authority = if bare {
        format!("[{text}]")
    } else {
        text.to_owned()
    };
    let url = Url::parse(&format!("http://{authority}/"));
    let url = url.unwrap_or_else(|error| panic!("{text:?} is {host}, and for a URL {error}"));
    let other = match url.host() {
        Some(url::Host::Domain(name)) => Host::Name(name.strip_suffix('.').unwrap_or(name).into()),
        Some(url::Host::Ipv4(address)) => Host::Address(address.into()),
        Some(url::Host::Ipv6(address)) => Host::Address(address.to_canonical()),
        None => panic!("{text:?} is {host}, and no host for a URL"),
    };
    assert_eq!(&other, host, "{text:?} read as a URL's host");
}

/// What an entry grants can be written again, and decides alike for every spelling.
fn allowed(key: &str, grant: &Grant) {
    let shown = grant.target().to_string();
    assert_eq!(
        Grant::allowed(key, &shown).as_ref(),
        Ok(grant),
        "`allow.{key}` as it is shown"
    );
    let Granted::Peer {
        channel,
        hosts,
        port,
    } = grant.target()
    else {
        return;
    };
    let grants = Grants::new([grant.clone()], |_| None);
    let reaches = |host: &Host, at: IpAddr| reaches(&grants, *channel, host, *port, at);
    let name = |name: &str| Host::Name(name.into());
    for (at, kind) in EVERYWHERE {
        let at: IpAddr = at.parse().expect("an address");
        match hosts {
            HostPattern::Exact(host) => {
                let expected = match (host, kind) {
                    (Host::Address(address), _) => ends_at(at) == ends_at(*address),
                    (Host::Name(name), Kind::Loopback) => &**name == "localhost",
                    (Host::Name(_), kind) => kind != Kind::Closed,
                };
                for spelled in spellings(host) {
                    let spelled = parse_host(&spelled).expect("it is one of its spellings");
                    let found = reaches(&spelled, at);
                    assert_eq!(found, expected, "{grant}: {spelled} at {at}");
                }
                let other = name("other.example");
                let is_other = matches!(host, Host::Name(_)) && *host != other;
                assert!(!is_other || !reaches(&other, at), "{grant}: another name");
            }
            HostPattern::Subdomains(parent) => {
                assert!(!reaches(&name(parent), at), "{grant}: the name itself");
                if let Ok(below) = parse_host(&format!("a.{parent}")) {
                    let expected = kind == Kind::Public;
                    assert_eq!(reaches(&below, at), expected, "{grant} at {at}");
                }
            }
            HostPattern::Network(net) => {
                assert!(!reaches(&name("a.example"), at), "{grant}: a name");
                let expected = net.contains(&ends_at(at)) && kind != Kind::Closed;
                assert_eq!(reaches(&Host::Address(at), at), expected, "{grant} at {at}");
            }
        }
    }
}

/// A written address grants one thing, the one that `allow` would of what is shown.
fn one_thing(mark: &str, text: &str, grant: &Grant) {
    let single = match grant.target() {
        Granted::Peer { hosts, .. } | Granted::Name(hosts) => {
            matches!(hosts, HostPattern::Exact(_))
        }
        _ => true,
    };
    assert!(single, "{text:?} marked `{mark}` grants {grant}");
    if let ("http", Granted::Peer { channel, port, .. }) = (mark, grant.target()) {
        let url = Url::parse(text).expect("it was read as a URL");
        let origin = url.origin().ascii_serialization();
        let again = Grant::allowed("http", &origin);
        let again =
            again.unwrap_or_else(|error| panic!("{text:?} has the origin {origin}: {error}"));
        assert_eq!(again.target(), grant.target(), "{text:?} of {origin}");
        let schemes = [(Channel::Http, "http"), (Channel::Https, "https")];
        assert!(schemes.contains(&(*channel, url.scheme())));
        assert_eq!(url.port_or_known_default(), Some(*port));
    }
}

/// The IPv4 address within an IPv6 one, mapped or behind NAT64.
fn ends_at(at: IpAddr) -> IpAddr {
    match at {
        IpAddr::V6(at) => match at.segments() {
            [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
                Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)).into()
            }
            _ => at.into(),
        },
        at @ IpAddr::V4(_) => at,
    }
}

/// What the documentation says about an address.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Public,
    Private,
    Loopback,
    Closed,
}

/// Addresses of every kind, in every spelling.
const EVERYWHERE: [(&str, Kind); 17] = [
    ("1.1.1.1", Kind::Public),
    ("10.0.0.1", Kind::Private),
    ("192.168.1.1", Kind::Private),
    ("127.0.0.1", Kind::Loopback),
    ("0.0.0.0", Kind::Closed),
    ("255.255.255.255", Kind::Closed),
    ("224.0.0.1", Kind::Closed),
    ("169.254.169.254", Kind::Closed),
    ("169.254.0.1", Kind::Closed),
    ("::1", Kind::Loopback),
    ("ff02::1", Kind::Closed),
    ("fe80::1", Kind::Closed),
    ("fd12::1", Kind::Private),
    ("2606:4700::1", Kind::Public),
    ("::ffff:127.0.0.1", Kind::Loopback),
    ("64:ff9b::127.0.0.1", Kind::Loopback),
    ("64:ff9b::169.254.169.254", Kind::Closed),
];

pub(super) fn seeds() -> Vec<Vec<u8>> {
    [
        "example.com",
        "BÜCHER.example.",
        "_http._tcp.example.com:8080",
        "*.example.com:443",
        "127.0.0.1",
        "127.0.0.1:80",
        "0x7f.1",
        "10.0.0.0/8:5432",
        "[fd00::/8]:5432",
        "[::ffff:10.0.0.1]:80",
        "64:ff9b::7f00:1",
        "[fe80::1]",
        "https://api.example.com/health?deep#x",
        "http://user:pass@1.1.1.1:8080/",
        "https://*.example.com",
        "http://[::1]:8080",
        "/var/backups",
        "disk:/var/lib",
        "memory",
        "TZ",
        "localhost:5432",
    ]
    .map(Into::into)
    .into()
}

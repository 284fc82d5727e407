//! The decisions of grants.

use std::net::SocketAddr;

use super::*;
use vitals_model::Secrets;

fn grants(entries: &[(&str, &str)]) -> Grants {
    let entries = entries
        .iter()
        .map(|(key, entry)| Grant::allowed(key, entry).unwrap());
    Grants::new(entries, |_| None)
}

fn shown(denial: &Denial) -> String {
    let shown = denial.shown(&"orders-db".parse().unwrap(), &Secrets::default());
    shown.message.into()
}

fn peer(channel: Channel, host: &str, port: u16) -> Peer {
    Peer {
        channel,
        host: parse_host(host).unwrap(),
        port,
    }
}

/// Both halves of a decision: the host by its name, then the address that it led to.
fn decide(grants: &Grants, peer: &Peer, address: &str) -> Result<(), String> {
    grants
        .permit(peer)
        .and_then(|()| {
            grants.permit_address(
                peer,
                ResolvedAddress::assumed_remote(address.parse().unwrap()),
            )
        })
        .map_err(|denial| shown(&denial))
}

const PUBLIC: &str = "93.184.216.34";
const PRIVATE: &str = "10.0.0.1";
const LOOPBACK: &str = "127.0.0.1";
const METADATA: &str = "169.254.169.254";

/// Entries of `allow.tcp`, the host that is asked for at port 5432, the address that it leads to,
/// and whether that is open.
type Row = (&'static [&'static str], &'static str, &'static str, bool);

fn all_decided_as(rows: &[Row]) {
    for (entries, host, address, open) in rows {
        let entries: Vec<_> = entries.iter().map(|entry| ("tcp", *entry)).collect();
        let decision = decide(&grants(&entries), &peer(Channel::Tcp, host, 5432), address);
        assert_eq!(
            decision.is_ok(),
            *open,
            "{entries:?} {host} at {address}: {decision:?}"
        );
    }
}

#[test]
fn where_a_granted_name_may_lead() {
    all_decided_as(&[
        // An exact name leads to public and private addresses.
        (&["db.internal:5432"], "db.internal", PUBLIC, true),
        (&["db.internal:5432"], "DB.internal.", PRIVATE, true),
        (&["db.internal:5432"], "db.internal", LOOPBACK, false),
        (&["db.internal:5432"], "db.internal", "::1", false),
        (
            &["db.internal:5432"],
            "db.internal",
            "::ffff:127.0.0.1",
            false,
        ),
        (
            &["db.internal:5432"],
            "db.internal",
            "64:ff9b::7f00:1",
            false,
        ),
        (&["db.internal:5432"], "db.internal", METADATA, false),
        (
            &["db.internal:5432"],
            "db.internal",
            "100.100.100.200",
            false,
        ),
        (&["db.internal:5432"], "db.internal", "0.0.0.0", false),
        (&["db.internal:5432"], "db.internal", "fe80::1", false),
        (&["db.internal:5432"], "other.internal", PUBLIC, false),
        // To loopback where it is `localhost` or the address is granted too.
        (&["localhost:5432"], "localhost", LOOPBACK, true),
        (&["localhost:5432"], "localhost", "::1", true),
        (&["localhost:5432"], "x.localhost", LOOPBACK, false),
        (&["localhost:5432"], "127.0.0.1", LOOPBACK, false),
        (
            &["db.internal:5432", "127.0.0.1:5432"],
            "db.internal",
            LOOPBACK,
            true,
        ),
        (
            &["db.internal:5432", "127.0.0.0/8:5432"],
            "db.internal",
            LOOPBACK,
            true,
        ),
        (
            &["db.internal:5432", "127.0.0.1:80"],
            "db.internal",
            LOOPBACK,
            false,
        ),
        (
            &["db.internal:5432", "169.254.169.254:5432"],
            "db.internal",
            METADATA,
            true,
        ),
        // A wildcard leads to public addresses only.
        (&["*.example.com:5432"], "a.example.com", PUBLIC, true),
        (&["*.example.com:5432"], "a.example.com", PRIVATE, false),
        (&["*.example.com:5432"], "a.example.com", "fd00::1", false),
        (&["*.example.com:5432"], "a.example.com", LOOPBACK, false),
        (&["*.example.com:5432"], "example.com", PUBLIC, false),
        (
            &["*.example.com:5432", "10.0.0.0/8:5432"],
            "a.example.com",
            PRIVATE,
            true,
        ),
        (
            &["*.example.com:5432", "a.example.com:5432"],
            "a.example.com",
            PRIVATE,
            true,
        ),
    ]);
}

#[test]
fn which_addresses_are_open_by_themselves() {
    all_decided_as(&[
        // A network never grants a name, and opens nothing that is closed.
        (&["10.0.0.0/8:5432"], "db.internal", PRIVATE, false),
        (&["10.0.0.0/8:5432"], PRIVATE, PRIVATE, true),
        (&["10.0.0.0/8:5432"], "11.0.0.1", "11.0.0.1", false),
        (&["0.0.0.0/0:5432"], PUBLIC, PUBLIC, true),
        (&["0.0.0.0/0:5432"], METADATA, METADATA, false),
        (&["0.0.0.0/0:5432"], "0.0.0.0", "0.0.0.0", false),
        (&["[::/0]:5432"], "ff02::1", "ff02::1", false),
        // A written address is open whatever it is.
        (&["169.254.169.254:5432"], METADATA, METADATA, true),
        (
            &["169.254.169.254/32:5432"],
            "::ffff:169.254.169.254",
            METADATA,
            true,
        ),
        (&["[fe80::1]:5432"], "fe80::1", "fe80::1", true),
        (&["127.0.0.1:5432"], "0x7f.1", LOOPBACK, true),
        (&["127.0.0.1:5432"], "127.0.0.2", "127.0.0.2", false),
    ]);
}

#[test]
fn a_grant_is_for_its_channel_and_port() {
    let grants = grants(&[
        ("http", "https://*.example.com"),
        ("http", "http://10.0.0.7:8080"),
        ("tcp", "db.internal:5432"),
    ]);
    for (channel, host, port, open) in [
        (Channel::Https, "a.example.com", 443, true),
        (Channel::Https, "a.example.com", 8443, false),
        (Channel::Http, "a.example.com", 443, false),
        (Channel::Http, "10.0.0.7", 8080, true),
        (Channel::Http, "10.0.0.7", 80, false),
        (Channel::Tcp, "10.0.0.7", 8080, false),
        (Channel::Tcp, "a.example.com", 443, false),
        (Channel::Tcp, "db.internal", 5432, true),
        (Channel::Tls, "db.internal", 5432, false),
        (Channel::Udp, "db.internal", 5432, false),
        (Channel::Http, "db.internal", 5432, false),
    ] {
        let peer = peer(channel, host, port);
        assert_eq!(
            grants.permit(&peer).is_ok(),
            open,
            "{channel:?} {host}:{port}"
        );
    }
}

#[test]
fn lookups_are_granted_by_names_and_sockets_only() {
    let grants = grants(&[
        ("http", "https://web.example.com"),
        ("tcp", "db.internal:5432"),
        ("tcp", "10.0.0.0/8:1"),
        ("udp", "dns.internal:53"),
        ("tls", "tls.internal:443"),
        ("names", "*.example.org"),
    ]);
    for (name, granted) in [
        ("web.example.com", false),
        ("db.internal", true),
        ("dns.internal", true),
        ("tls.internal", false),
        ("a.example.org", true),
        ("example.org", false),
        ("elsewhere", false),
    ] {
        assert_eq!(
            grants.permit_lookup(&parse_host(name).unwrap()).is_ok(),
            granted,
            "{name}"
        );
    }
    for (name, address, shown) in [
        ("db.internal", "10.0.0.1", true),
        ("db.internal", "127.0.0.1", false),
        ("a.example.org", "127.0.0.1", true),
    ] {
        let name = parse_host(name).unwrap();
        let answer = grants.permit_answer(
            &name,
            ResolvedAddress::assumed_remote(address.parse().unwrap()),
        );
        assert_eq!(answer.is_ok(), shown, "{name} {address}");
    }
    // A name to look up is not a host to connect to.
    assert!(
        grants
            .permit(&peer(Channel::Tcp, "a.example.org", 443))
            .is_err()
    );
}

#[test]
fn a_local_address_is_reachable_by_localhost_and_by_address_only() {
    for (entry, host, open) in [
        ("db.internal:5432", "db.internal", false),
        ("*.internal:5432", "db.internal", false),
        ("localhost:5432", "localhost", true),
        ("*.localhost:5432", "a.localhost", false),
    ] {
        for (address, net) in [
            (PUBLIC, "93.0.0.0/8"),
            (PRIVATE, "10.0.0.0/8"),
            ("2001:db8::1", "[2001:db8::/32]"),
        ] {
            let resolved = ResolvedAddress {
                address: address.parse().unwrap(),
                is_local: true,
            };
            let peer = peer(Channel::Tcp, host, 5432);
            let decided = |entries: &[(&str, &str)]| {
                let grants = grants(entries);
                let (reached, shown) = (
                    grants.permit_address(&peer, resolved),
                    grants.permit_answer(&peer.host, resolved),
                );
                assert_eq!(reached.is_ok(), shown.is_ok());
                reached.is_ok()
            };
            assert_eq!(decided(&[("tcp", entry)]), open, "{entry} at {address}");
            let literal = SocketAddr::new(resolved.address, 5432).to_string();
            assert!(decided(&[("tcp", entry), ("tcp", &literal)]));
            assert!(decided(&[("tcp", entry), ("tcp", &format!("{net}:5432"))]));
            let other_port = SocketAddr::new(resolved.address, 5433).to_string();
            assert_eq!(decided(&[("tcp", entry), ("tcp", &other_port)]), open);
        }
    }
}

#[test]
fn denials_say_what_to_grant() {
    let grants = grants(&[("tcp", "db.internal:1"), ("http", "http://web:8080")]);
    for (channel, host, port, address, text) in [
        (
            Channel::Tcp,
            "db.internal",
            5432,
            "10.0.0.1",
            "denied: tcp db.internal:5432 (add it to `allow.tcp` of check `orders-db`)",
        ),
        (
            Channel::Tcp,
            "db.internal",
            1,
            "::1",
            "denied: tcp [::1]:1, where db.internal leads: this machine itself, which only the \
             name `localhost` may reach (add it to `allow.tcp` of check `orders-db`, or write it \
             in place of \
             the name)",
        ),
        (
            Channel::Https,
            "web",
            443,
            "10.0.0.1",
            "denied: http https://web (add it to `allow.http` of check `orders-db`)",
        ),
        (
            Channel::Http,
            "web",
            8080,
            "127.0.0.1",
            "denied: http http://127.0.0.1:8080, where web leads: this machine itself, which only \
             the name `localhost` may reach (add it to `allow.http` of check `orders-db`, or \
             write it in \
             place of the name)",
        ),
    ] {
        assert_eq!(
            decide(&grants, &peer(channel, host, port), address),
            Err(text.to_owned())
        );
    }
    let name = grants
        .permit_lookup(&parse_host("elsewhere").unwrap())
        .unwrap_err();
    assert_eq!(
        shown(&name),
        "denied: name elsewhere (add it to `allow.names` of check `orders-db`, or to `allow.tcp` \
         or `allow.udp` with its port)"
    );
}

#[test]
fn entries_are_shown_as_they_would_be_written() {
    for (key, entry, shown) in [
        (
            "http",
            "HTTPS://*.Example.com:443/",
            "http https://*.example.com",
        ),
        ("http", "http://[::1]:8080", "http http://[::1]:8080"),
        ("tcp", "10.0.0.0/8:5432", "tcp 10.0.0.0/8:5432"),
        ("tcp", "[fd00::/8]:5432", "tcp [fd00::/8]:5432"),
        ("udp", "1.1.1.1:53", "udp 1.1.1.1:53"),
        ("tls", "*.example.com:443", "tls *.example.com:443"),
        ("names", "Example.com", "name example.com"),
        ("files", "/var/backups/", "file /var/backups"),
        ("env", "TZ", "env TZ"),
        ("system", "disk:/", "system disk:/"),
        ("system", "memory", "system memory"),
        ("system", "load", "system load"),
    ] {
        let grant = Grant::allowed(key, entry).unwrap();
        assert_eq!(grant.to_string(), shown, "{key} {entry}");
        // What is shown can be written again.
        let (_, written) = shown.split_once(' ').unwrap();
        assert_eq!(Grant::allowed(key, written), Ok(grant), "{key} {entry}");
    }
}

#[test]
fn invalid_entries_explain_the_error() {
    for (key, entry, reason) in [
        ("http", "example.com", EntryError::Scheme),
        ("http", "ftp://example.com", EntryError::Scheme),
        ("http", "https://example.com/health", EntryError::Path),
        ("http", "https://example.com?x", EntryError::Path),
        ("http", "https://example.com\\@evil", EntryError::Path),
        ("http", "http://10.0.0.0/8:80", EntryError::Path),
        ("http", "https://me@example.com", EntryError::UserInfo),
        ("http", "https://", HostError::Empty.into()),
        ("http", "https://example.com:*", HostError::Port.into()),
        ("tcp", "db.internal", HostError::NoPort.into()),
        ("tcp", "db.internal:*", HostError::Port.into()),
        ("tcp", "*:80", EntryError::Wildcard),
        ("tcp", "::1:80", HostError::Brackets.into()),
        (
            "tcp",
            "10.1.0.0/8:1",
            EntryError::NetBits("10.0.0.0/8".parse().unwrap()),
        ),
        ("names", "10.0.0.1", EntryError::NotAName),
        ("names", "10.0.0.0/8", EntryError::NotAName),
        ("names", "example.com:53", HostError::Ipv6.into()),
        ("files", "backups", EntryError::NotAbsolute),
        ("files", "/var/../etc", EntryError::NotAbsolute),
        ("env", "A=B", EntryError::InvalidVariable),
        ("env", "", EntryError::InvalidVariable),
        ("system", "disk:data", EntryError::NotAbsolute),
        ("system", "cpu", EntryError::UnknownFact),
    ] {
        match Grant::allowed(key, entry) {
            Err(GrantError::Entry { reason: found, .. }) => {
                assert_eq!(found, reason, "{key} {entry}");
            }
            other => panic!("{key} {entry}: {other:?}"),
        }
    }
    assert_eq!(
        Grant::allowed("http", "https://example.com/health")
            .unwrap_err()
            .to_string(),
        "cannot grant `https://example.com/health` in `allow.http`: paths are not granted \
         separately; remove what follows the host and port; write scheme, host and where needed \
         port, as in `https://*.example.com` or `http://10.0.0.7:8080`"
    );
}

#[test]
fn granted_variables_are_seen_and_no_others() {
    let entries = ["TZ", "UNSET"].map(|name| Grant::allowed("env", name).unwrap());
    let seen = Grants::new(entries, |name| {
        (name != "UNSET").then(|| format!("value of {name}"))
    });
    assert_eq!(
        seen.environment(),
        [("TZ".to_owned(), "value of TZ".to_owned())]
    );
}

#[test]
fn a_list_that_does_not_exist_is_refused() {
    assert_eq!(
        Grant::allowed("dns", "example.com")
            .unwrap_err()
            .to_string(),
        "cannot grant anything in `allow.dns`: there is no such list; the lists are `http`, `tcp`, \
         `udp`, `tls`, `names`, `files`, `env` and `system`"
    );
}

#[test]
fn the_same_target_is_kept_once() {
    let grants = grants(&[("tcp", "a:1"), ("tcp", "A.:1"), ("tcp", "a:2")]);
    assert_eq!(grants.iter().count(), 2);
    assert!(!grants.is_empty());
}

//! The decisions of grants.

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

/// An address that a name led to: of this host by the kernel's word after `own`.
fn resolved(address: &str) -> ResolvedAddress {
    let own = address.strip_prefix("own ");
    ResolvedAddress {
        address: own.unwrap_or(address).parse().unwrap(),
        is_local: own.is_some(),
    }
}

/// Both halves of a decision: the host by its name, then the address that it led to.
fn decide(grants: &Grants, peer: &Peer, address: &str) -> Result<(), String> {
    grants
        .permit(peer)
        .and_then(|()| grants.permit_address(peer, resolved(address)))
        .map_err(|denial| shown(&denial))
}

const PUBLIC: &str = "93.184.216.34";
const OWN: &str = "own 93.184.216.34";
const PRIVATE: &str = "10.0.0.1";
const LOOPBACK: &str = "127.0.0.1";
const METADATA: &str = "169.254.169.254";

#[test]
fn where_names_and_addresses_may_lead() {
    // Entries of `allow.tcp`, the host that is asked for at port 1, the address that it leads to,
    // and whether that is open.
    for (entries, host, address, is_open) in [
        // An exact name leads to public and private addresses.
        ("db.test:1", "db.test", PUBLIC, true),
        ("db.test:1", "DB.test.", PRIVATE, true),
        ("db.test:1", "db.test", LOOPBACK, false),
        ("db.test:1", "db.test", OWN, false),
        ("db.test:1", "db.test", METADATA, false),
        ("db.test:1", "other.test", PUBLIC, false),
        // To this host if it is `localhost` or the address is granted too.
        ("localhost:1", "localhost", LOOPBACK, true),
        ("localhost:1", "localhost", OWN, true),
        ("localhost:1", "x.localhost", LOOPBACK, false),
        ("*.localhost:1", "x.localhost", OWN, false),
        ("localhost:1", LOOPBACK, LOOPBACK, false),
        ("db.test:1 127.0.0.1:1", "db.test", LOOPBACK, true),
        ("db.test:1 127.0.0.0/8:1", "db.test", LOOPBACK, true),
        ("db.test:1 127.0.0.1:2", "db.test", LOOPBACK, false),
        ("db.test:1 93.184.216.34:1", "db.test", OWN, true),
        ("db.test:1 93.0.0.0/8:1", "db.test", OWN, true),
        ("db.test:1 93.184.216.34:2", "db.test", OWN, false),
        ("db.test:1 169.254.169.254:1", "db.test", METADATA, true),
        // A wildcard leads to public addresses of other hosts only.
        ("*.test:1", "a.test", PUBLIC, true),
        ("*.test:1", "a.test", PRIVATE, false),
        ("*.test:1", "a.test", LOOPBACK, false),
        ("*.test:1", "a.test", OWN, false),
        ("*.test:1 10.0.0.0/8:1", "a.test", PRIVATE, true),
        ("*.test:1 a.test:1", "a.test", PRIVATE, true),
        ("*.test:1 93.184.216.34:1", "a.test", OWN, true),
        // A network never grants a name, and opens nothing that is closed.
        ("10.0.0.0/8:1", "db.test", PRIVATE, false),
        ("10.0.0.0/8:1", PRIVATE, PRIVATE, true),
        ("10.0.0.0/8:1", "11.0.0.1", "11.0.0.1", false),
        ("0.0.0.0/0:1", PUBLIC, PUBLIC, true),
        ("0.0.0.0/0:1", METADATA, METADATA, false),
        ("[::/0]:1", "ff02::1", "ff02::1", false),
        // A written address is open whatever it is.
        ("169.254.169.254:1", METADATA, METADATA, true),
        ("169.254.169.254/32:1", METADATA, METADATA, true),
        ("[fe80::1]:1", "fe80::1", "fe80::1", true),
        ("127.0.0.1:1", "0x7f.1", LOOPBACK, true),
        ("127.0.0.1:1", "127.0.0.2", "127.0.0.2", false),
    ] {
        let written: Vec<_> = entries.split(' ').map(|entry| ("tcp", entry)).collect();
        let (grants, peer) = (grants(&written), peer(Channel::Tcp, host, 1));
        let decision = decide(&grants, &peer, address);
        let case = format!("{entries}: {host} at {address}: {decision:?}");
        assert_eq!(decision.is_ok(), is_open, "{case}");
        // A look-up shows the addresses that can be reached.
        let answer = grants.permit_answer(&peer.host, resolved(address));
        assert_eq!(answer.is_ok(), is_open, "{case}");
    }
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
    // A grant of `names` shows every address.
    let name = parse_host("a.example.org").unwrap();
    assert!(grants.permit_answer(&name, resolved(LOOPBACK)).is_ok());
    // A name to look up is not a host to connect to.
    assert!(
        grants
            .permit(&peer(Channel::Tcp, "a.example.org", 443))
            .is_err()
    );
}

#[test]
fn denials_say_what_to_grant() {
    let grants = grants(&[("tcp", "db.internal:1")]);
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
             in place of the name)",
        ),
        (
            Channel::Https,
            "web",
            443,
            "10.0.0.1",
            "denied: http https://web (add it to `allow.http` of check `orders-db`)",
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
        ("identities", "shop.eu-1", "identity shop.eu-1"),
        ("proxies", "corp", "proxy corp"),
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
        ("names", "10.0.0.1", EntryError::NotAName),
        ("names", "10.0.0.0/8", EntryError::NotAName),
        ("names", "example.com:53", HostError::Ipv6.into()),
        ("files", "backups", EntryError::NotAbsolute),
        ("files", "/var/../etc", EntryError::NotAbsolute),
        ("env", "A=B", EntryError::InvalidVariable),
        ("env", "", EntryError::InvalidVariable),
        ("system", "disk:data", EntryError::NotAbsolute),
        ("system", "cpu", EntryError::UnknownFact),
        ("identities", "*", EntryError::InvalidTableName),
        ("identities", "/etc/key.pem", EntryError::InvalidTableName),
        ("proxies", "http://proxy:3128", EntryError::InvalidTableName),
        ("proxies", "", EntryError::InvalidTableName),
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
         `udp`, `tls`, `names`, `files`, `env`, `system`, `identities` and `proxies`"
    );
}

#[test]
fn the_same_target_is_kept_once() {
    let grants = grants(&[("tcp", "a:1"), ("tcp", "A.:1"), ("tcp", "a:2")]);
    assert_eq!(grants.iter().count(), 2);
    assert!(!grants.is_empty());
}

#[test]
fn identities_and_proxies_are_granted_by_name_and_kind() {
    let granted = grants(&[("identities", "shop"), ("proxies", "corp")]);
    assert!(granted.permit_identity("shop").is_ok() && granted.permit_proxy("corp").is_ok());
    for denial in [
        granted.permit_identity("corp").unwrap_err(),
        granted.permit_identity("sho").unwrap_err(),
        granted.permit_proxy("shop").unwrap_err(),
        grants(&[]).permit_proxy("corp").unwrap_err(),
    ] {
        let (kind, name, key) = (denial.kind, &shown(&denial), denial.kind.key());
        assert!(name.starts_with(&format!("denied: {kind} ")), "{name}");
        let remedy = format!("(add it to `allow.{key}` of check `orders-db`)");
        assert!(name.ends_with(&remedy), "{name}");
    }
    // A name of a guest is bounded and cleaned.
    let denial = granted
        .permit_identity(&"\u{202e}x\n".repeat(1 << 20))
        .unwrap_err();
    assert!(shown(&denial).len() < 1024);
}

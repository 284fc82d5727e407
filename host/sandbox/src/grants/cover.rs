//! Whether one grant allows everything that another one does, for the rule that a new plugin file
//! never widens what a check may reach. Compares the meaning of grants and not their text; if in
//! doubt, one does not cover the other.

use ipnet::IpNet;

use super::address::{AddressClass, class, effective};
use super::{Host, HostPattern, Target};

impl Target {
    /// Whether this target allows everything that `other` does.
    pub(super) fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Peer {
                    channel,
                    hosts,
                    port,
                },
                Self::Peer {
                    channel: other_channel,
                    hosts: other_hosts,
                    port: other_port,
                },
            ) => (channel, port) == (other_channel, other_port) && hosts.covers_all(other_hosts),
            (Self::Name(hosts), Self::Name(others)) => hosts.covers_all(others),
            // A path below another one may be a symlink or a mount point, whose target is granted
            // only if the path itself is.
            _ => self == other,
        }
    }
}

impl HostPattern {
    /// Whether the pattern permits everything that `other` does, including the addresses of names.
    fn covers_all(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Exact(Host::Address(one)), Self::Exact(Host::Address(two))) => {
                effective(*one) == effective(*two)
            }
            // A network does not include addresses that must be granted as addresses.
            (Self::Network(_), Self::Exact(Host::Address(address))) => {
                class(*address) != AddressClass::Restricted && self.covers(&Host::Address(*address))
            }
            (Self::Network(IpNet::V4(net)), Self::Network(IpNet::V4(within))) => {
                net.contains(within)
            }
            (Self::Network(IpNet::V6(net)), Self::Network(IpNet::V6(within))) => {
                net.contains(within)
            }
            (Self::Subdomains(parent), Self::Subdomains(name)) => {
                parent == name || self.covers(&Host::Name(name.clone()))
            }
            // A name below a wildcard may lead to public addresses only, a granted name to private
            // ones too: the wildcard does not cover the name.
            _ => self == other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Grant;

    fn covers(key: &str, one: &str, other: &str) -> bool {
        let target = |entry| Grant::allowed(key, entry).unwrap().target().clone();
        target(one).covers(&target(other))
    }

    #[test]
    fn narrower_grants_are_covered() {
        for (key, one, other) in [
            ("tcp", "a:1", "A.:1"),
            ("tcp", "10.0.0.1:1", "[::ffff:10.0.0.1]:1"),
            ("tcp", "10.0.0.0/8:1", "10.1.0.0/16:1"),
            ("tcp", "10.0.0.0/8:1", "10.1.2.3:1"),
            ("tcp", "[fd00::/8]:1", "[fd00:1::/32]:1"),
            ("tcp", "*.example.com:1", "*.a.example.com:1"),
            ("http", "https://a", "https://a:443"),
            ("names", "*.example.com", "*.a.example.com"),
            ("files", "/var", "/var//"),
            ("system", "disk:/", "disk:/"),
        ] {
            assert!(covers(key, one, other), "{key} {one} {other}");
        }
    }

    #[test]
    fn wider_grants_are_not_covered() {
        for (key, one, other) in [
            ("tcp", "a:1", "a:2"),
            ("tcp", "a:1", "b:1"),
            ("tcp", "10.1.0.0/16:1", "10.0.0.0/8:1"),
            ("tcp", "10.0.0.1:1", "10.0.0.0/8:1"),
            // No network includes the metadata service, and no wildcard leads to private addresses.
            ("tcp", "0.0.0.0/0:1", "169.254.169.254:1"),
            ("tcp", "[::/0]:1", "10.0.0.1:1"),
            ("tcp", "*.example.com:1", "a.example.com:1"),
            ("tcp", "*.example.com:1", "example.com:1"),
            ("tcp", "*.a.example.com:1", "*.example.com:1"),
            ("http", "https://a", "http://a"),
            ("http", "https://a", "https://a:8443"),
            ("files", "/var/backups", "/var"),
            // It may be a symlink.
            ("files", "/var", "/var/backups"),
            ("files", "/var", "/variant"),
            ("system", "disk:/", "disk:/var"),
            ("system", "memory", "load"),
        ] {
            assert!(!covers(key, one, other), "{key} {one} {other}");
        }
    }
}

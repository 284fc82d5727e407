//! The kinds of grants.

use std::fmt;

/// The kinds of grants. Their names prefix grants and denials, and label the metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GrantKind {
    /// HTTP requests by the host's client: a scheme, a host or wildcard, and a port unless it is
    /// the scheme's default.
    Http,
    /// TCP connections of the guest: hosts, wildcards or networks with a port.
    Tcp,
    /// UDP datagrams of the guest: the same.
    Udp,
    /// TCP connections by the host, with TLS or without: the same.
    Tls,
    /// ICMP echo requests: hosts, wildcards or networks.
    Icmp,
    /// Name lookups: names and wildcards.
    Name,
    /// Files of the machine: absolute paths, each including what is below it.
    File,
    /// Environment variables of the host.
    Env,
    /// Facts about the machine: `memory`, `load`, or `disk:` and an absolute path, which covers
    /// only that path.
    System,
    /// Showing an identity of the operator to servers: names of tables `tls.identities`.
    Identity,
    /// Connecting by a proxy of the operator: names of tables `proxies`.
    Proxy,
}

impl GrantKind {
    /// The name in grants, denials and metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Tls => "tls",
            Self::Icmp => "icmp",
            Self::Name => "name",
            Self::File => "file",
            Self::Env => "env",
            Self::System => "system",
            Self::Identity => "identity",
            Self::Proxy => "proxy",
        }
    }

    pub(crate) const ALL: [Self; 11] = [
        Self::Http,
        Self::Tcp,
        Self::Udp,
        Self::Tls,
        Self::Icmp,
        Self::Name,
        Self::File,
        Self::Env,
        Self::System,
        Self::Identity,
        Self::Proxy,
    ];

    /// The key of the `allow` table that grants it.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Name => "names",
            Self::File => "files",
            Self::Identity => "identities",
            Self::Proxy => "proxies",
            kind => kind.as_str(),
        }
    }
}

impl fmt::Display for GrantKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

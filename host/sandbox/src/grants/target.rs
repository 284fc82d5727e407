//! Grants, what they allow, and what a guest asks for, as values that can be compared.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use vitals_values::{Host, HostError, split_port};

use super::host::{HostPattern, parse_host};
use super::kind::GrantKind;

/// One thing that a check may reach, and where the operator granted it. Displayed as the operator
/// would write it: `tcp db.internal:5432`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub(super) target: Target,
    pub(super) origin: Origin,
}

impl Grant {
    /// What the grant allows.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Whether this grant allows everything that `other` does.
    pub fn covers(&self, other: &Self) -> bool {
        self.target.covers(&other.target)
    }

    /// Where the operator wrote the grant.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.target.kind(), self.target)
    }
}

/// Where the operator wrote a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A value of the check's `config`, at this JSON pointer.
    Config(String),
    /// The check's `allow` table.
    Allow,
}

/// The protocol of a connection. A grant for one channel does not apply to another, except that
/// `HostTcp` is opened by grants for `Tcp` and `Tls`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// HTTP without encryption, by the host's own client.
    Http,
    /// HTTP over TLS, by the host's own client.
    Https,
    /// The guest's own TCP sockets.
    Tcp,
    /// The guest's own UDP sockets.
    Udp,
    /// Grants for TCP connections by the host; never asked for.
    Tls,
    /// TCP by the host, with TLS or without, `vitals:health/net`; never granted by itself.
    HostTcp,
    /// ICMP echo requests, which have no port: it is 0.
    Icmp,
}

impl Channel {
    /// The kind of grant that opens the channel.
    pub(crate) fn kind(self) -> GrantKind {
        match self {
            Self::Http | Self::Https => GrantKind::Http,
            Self::Tcp | Self::HostTcp => GrantKind::Tcp,
            Self::Udp => GrantKind::Udp,
            Self::Tls => GrantKind::Tls,
            Self::Icmp => GrantKind::Icmp,
        }
    }

    /// Whether grants for `granted` apply. Connections by the host are opened by `tcp` and `tls`,
    /// because the host does the same for both; the guest's own sockets by `tcp` alone.
    pub(super) fn is_opened_by(self, granted: Self) -> bool {
        match self {
            Self::HostTcp => matches!(granted, Self::Tcp | Self::Tls),
            asked => asked == granted,
        }
    }

    /// The URL scheme and its default port, if URLs can name the channel.
    pub(crate) fn scheme(self) -> Option<(&'static str, u16)> {
        match self {
            Self::Http => Some(("http", 80)),
            Self::Https => Some(("https", 443)),
            Self::Tcp | Self::Udp | Self::Tls | Self::HostTcp | Self::Icmp => None,
        }
    }

    /// The port that is written, or else the default one of the scheme.
    pub(super) fn port(self, written: Option<u16>) -> Result<u16, HostError> {
        let standard = self.scheme().map(|(_, port)| port);
        written.or(standard).ok_or(HostError::NoPort)
    }
}

/// What one grant allows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// Connections to hosts at one port.
    Peer {
        /// The protocol.
        channel: Channel,
        /// The hosts.
        hosts: HostPattern,
        /// The port.
        port: u16,
    },
    /// Looking up names, without connecting to their addresses.
    Name(HostPattern),
    /// Reading a file, or what is below a directory.
    File(PathBuf),
    /// Reading an environment variable of the host.
    Env(Arc<str>),
    /// Reading the usage of the file system that holds a path; covers only that path.
    Disk(PathBuf),
    /// Reading the machine's memory usage.
    Memory,
    /// Reading the machine's load.
    Load,
    /// Showing an identity of the host's configuration to servers.
    Identity(Arc<str>),
    /// Connecting by a proxy of the host's configuration.
    Proxy(Arc<str>),
}

impl Target {
    pub(crate) fn kind(&self) -> GrantKind {
        match self {
            Self::Peer { channel, .. } => channel.kind(),
            Self::Name(_) => GrantKind::Name,
            Self::File(_) => GrantKind::File,
            Self::Env(_) => GrantKind::Env,
            Self::Disk(_) | Self::Memory | Self::Load => GrantKind::System,
            Self::Identity(_) => GrantKind::Identity,
            Self::Proxy(_) => GrantKind::Proxy,
        }
    }
}

/// As the entry of an `allow` list.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peer {
                channel,
                hosts,
                port,
            } => write_peer(f, *channel, hosts, *port),
            Self::Name(hosts) => hosts.fmt(f),
            Self::File(path) => path.display().fmt(f),
            Self::Env(name) | Self::Identity(name) | Self::Proxy(name) => f.write_str(name),
            Self::Disk(path) => write!(f, "disk:{}", path.display()),
            Self::Memory => f.write_str("memory"),
            Self::Load => f.write_str("load"),
        }
    }
}

/// One host at one port that a guest asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) channel: Channel,
    /// The host as the guest named it.
    pub(crate) host: Host,
    pub(crate) port: u16,
}

impl Peer {
    pub(crate) fn new(channel: Channel, host: Host, port: u16) -> Self {
        Self {
            channel,
            host,
            port,
        }
    }

    /// Parses `host:port`. The port is optional for channels of URLs.
    pub(crate) fn parse(channel: Channel, text: &str) -> Result<Self, HostError> {
        let (host, port) = split_port(text)?;
        Ok(Self::new(channel, parse_host(host)?, channel.port(port)?))
    }
}

/// As the entry of an `allow` list that would grant it.
impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_peer(f, self.channel, &self.host, self.port)
    }
}

fn write_peer(
    f: &mut fmt::Formatter<'_>,
    channel: Channel,
    host: &dyn fmt::Display,
    port: u16,
) -> fmt::Result {
    match channel.scheme() {
        Some((scheme, standard)) if port == standard => write!(f, "{scheme}://{host}"),
        Some((scheme, _)) => write!(f, "{scheme}://{host}:{port}"),
        None if channel == Channel::Icmp => write!(f, "{host}"),
        None => write!(f, "{host}:{port}"),
    }
}

//! Parses grants: the entries of a check's `allow` table, and the values of its configuration that
//! a plugin's schema marks.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use vitals_model::{PluginName, Text};
use vitals_values::{Host, HostError, split_port};

use super::error::SHOWN_BYTES;
use super::host::{HostPattern, parse_host};
use super::{Channel, EntryError, Grant, GrantError, GrantKind, Mark, Origin, Target};

impl GrantKind {
    fn target(self, entry: &str) -> Result<Target, EntryError> {
        match self {
            Self::Http => url_pattern(entry),
            Self::Tcp => peer(Channel::Tcp, entry),
            Self::Udp => peer(Channel::Udp, entry),
            Self::Tls => peer(Channel::Tls, entry),
            Self::Icmp => host(entry),
            Self::Name => name(entry),
            Self::File => path(entry).map(Target::File),
            Self::Env => variable(entry),
            Self::System => fact(entry),
            Self::Identity => table(entry).map(Target::Identity),
            Self::Proxy => table(entry).map(Target::Proxy),
        }
    }

    /// What an entry looks like.
    pub(super) fn expected(self) -> &'static str {
        match self {
            Self::Http => {
                "scheme, host and where needed port, as in `https://*.example.com` or \
                 `http://10.0.0.7:8080`"
            }
            Self::Tcp | Self::Udp | Self::Tls => {
                "host and port, as in `db.internal:5432`, `*.example.com:443`, `10.0.0.0/8:5432` \
                 or `[::1]:80`"
            }
            Self::Icmp => "a host, as in `db.internal`, `*.example.com`, `10.0.0.0/8` or `::1`",
            Self::Name => "a name, as in `example.com` or `*.example.com`",
            Self::File => "an absolute path, as in `/var/backups`",
            Self::Env => "the name of a variable, as in `TZ`",
            Self::System => "`disk:` and an absolute path, `memory` or `load`",
            Self::Identity => IDENTITY_NAME,
            Self::Proxy => PROXY_NAME,
        }
    }
}

impl Grant {
    /// Parses an entry of the list `key` of a check's `allow` table.
    pub fn allowed(key: &str, entry: &str) -> Result<Self, GrantError> {
        let mut kinds = GrantKind::ALL.into_iter();
        let kind = kinds.find(|kind| kind.key() == key);
        let kind = kind.ok_or_else(|| GrantError::Key(Text::line(key, SHOWN_BYTES)))?;
        match kind.target(entry) {
            Ok(target) => Ok(Self {
                target,
                origin: Origin::Allow,
            }),
            Err(reason) => Err(GrantError::Entry {
                kind,
                entry: Text::line(entry, SHOWN_BYTES),
                reason,
            }),
        }
    }

    /// Parses the marked value at `pointer` of a check's configuration.
    pub(super) fn written(
        mark: Mark,
        pointer: &str,
        value: &serde_json::Value,
    ) -> Result<Self, GrantError> {
        let target = value
            .as_str()
            .ok_or(EntryError::NotString)
            .and_then(|text| mark.target(text));
        match target {
            Ok(target) => Ok(Self {
                target,
                origin: Origin::Config(pointer.to_owned()),
            }),
            Err(reason) => Err(GrantError::Value {
                pointer: Text::line(pointer, SHOWN_BYTES),
                reason,
                expected: mark.expected(),
            }),
        }
    }
}

impl Mark {
    fn target(self, text: &str) -> Result<Target, EntryError> {
        match self {
            Self::Http => url(text),
            Self::Tcp => one_host(peer(Channel::Tcp, text)?),
            Self::Udp => one_host(peer(Channel::Udp, text)?),
            Self::Tls => one_host(peer(Channel::Tls, text)?),
            Self::Icmp => one_host(host(text)?),
            Self::Name => one_host(name(text)?),
            Self::File => path(text).map(Target::File),
            Self::Disk => path(text).map(Target::Disk),
            Self::Identity => table(text).map(Target::Identity),
            Self::Proxy => table(text).map(Target::Proxy),
        }
    }

    fn expected(self) -> &'static str {
        match self {
            Self::Http => "a URL, as in `https://api.example.com/health`",
            Self::Tcp | Self::Udp | Self::Tls => {
                "host and port, as in `db.internal:5432` or `[::1]:80`"
            }
            Self::Icmp => "a host, as in `db.internal` or `10.0.0.7`",
            Self::Name => "a name, as in `example.com`",
            Self::File | Self::Disk => "an absolute path, as in `/var/backups`",
            Self::Identity => IDENTITY_NAME,
            Self::Proxy => PROXY_NAME,
        }
    }
}

/// Parses a scheme, a host pattern and a port. Other parts of a URL are an error, because they
/// would seem to narrow the grant but do not.
fn url_pattern(text: &str) -> Result<Target, EntryError> {
    let (scheme, rest) = text.split_once("://").ok_or(EntryError::Scheme)?;
    let channel = channel(scheme)?;
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if !matches!(path, "" | "/") {
        return Err(EntryError::Path);
    }
    if authority.contains('@') {
        return Err(EntryError::UserInfo);
    }
    let (host, port) = split_port(authority)?;
    Ok(Target::Peer {
        channel,
        hosts: HostPattern::parse(host)?,
        port: channel.port(port)?,
    })
}

/// Parses a URL, of which scheme, host and port are granted. All URL parsers must agree on the
/// host: a URL with parts that some of them drop or decode is rejected.
fn url(text: &str) -> Result<Target, EntryError> {
    let is_ambiguous = |c: char| c == '\\' || c.is_control() || c.is_whitespace();
    if text.contains(is_ambiguous) {
        return Err(EntryError::Ambiguous);
    }
    let (scheme, rest) = text.split_once("://").ok_or(EntryError::Scheme)?;
    let channel = channel(scheme)?;
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    let (_, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (host, port) = split_port(host)?;
    let host = parse_host(host)?;
    let port = channel.port(port)?;
    let parsed = url::Url::parse(text).map_err(|_| EntryError::Scheme)?;
    let read = parsed.host_str().ok_or(HostError::Empty)?;
    if (parse_host(read)?, parsed.port_or_known_default()) != (host.clone(), Some(port)) {
        return Err(EntryError::Ambiguous);
    }
    Ok(Target::Peer {
        channel,
        hosts: HostPattern::Exact(host),
        port,
    })
}

fn channel(scheme: &str) -> Result<Channel, EntryError> {
    let is_named = |channel: &Channel| {
        let scheme_of = channel.scheme();
        scheme_of.is_some_and(|(name, _)| name.eq_ignore_ascii_case(scheme))
    };
    let mut channels = [Channel::Http, Channel::Https].into_iter();
    channels.find(is_named).ok_or(EntryError::Scheme)
}

fn peer(channel: Channel, text: &str) -> Result<Target, EntryError> {
    let (host, port) = split_port(text)?;
    Ok(Target::Peer {
        channel,
        hosts: HostPattern::parse(host)?,
        port: channel.port(port)?,
    })
}

fn host(text: &str) -> Result<Target, EntryError> {
    Ok(Target::Peer {
        channel: Channel::Icmp,
        hosts: HostPattern::parse(text)?,
        port: 0,
    })
}

fn name(text: &str) -> Result<Target, EntryError> {
    match HostPattern::parse(text)? {
        hosts @ (HostPattern::Exact(Host::Name(_)) | HostPattern::Subdomains(_)) => {
            Ok(Target::Name(hosts))
        }
        HostPattern::Exact(Host::Address(_)) | HostPattern::Network(_) => Err(EntryError::NotAName),
    }
}

fn one_host(target: Target) -> Result<Target, EntryError> {
    match &target {
        Target::Peer {
            hosts: HostPattern::Exact(_),
            ..
        }
        | Target::Name(HostPattern::Exact(_)) => Ok(target),
        _ => Err(EntryError::NotOneHost),
    }
}

fn path(text: &str) -> Result<PathBuf, EntryError> {
    let path = Path::new(text);
    let plain = |part| matches!(part, Component::RootDir | Component::Normal(_));
    if !path.is_absolute() || text.contains('\0') || !path.components().all(plain) {
        return Err(EntryError::NotAbsolute);
    }
    // Collecting the components makes `/a//b/` and `/a/b` equal.
    Ok(path.components().collect())
}

fn variable(text: &str) -> Result<Target, EntryError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let digit_first = text.starts_with(|first: char| first.is_ascii_digit());
    if text.is_empty() || digit_first || !text.bytes().all(plain) {
        return Err(EntryError::InvalidVariable);
    }
    Ok(Target::Env(text.into()))
}

fn fact(text: &str) -> Result<Target, EntryError> {
    match text {
        "memory" => Ok(Target::Memory),
        "load" => Ok(Target::Load),
        _ => match text.strip_prefix("disk:") {
            Some(text) => path(text).map(Target::Disk),
            None => Err(EntryError::UnknownFact),
        },
    }
}

/// The name of a table of the configuration.
fn table(text: &str) -> Result<Arc<str>, EntryError> {
    // The names of these tables follow the rule for names of plugins.
    match text.parse::<PluginName>() {
        Ok(name) => Ok(name.as_str().into()),
        Err(_) => Err(EntryError::InvalidTableName),
    }
}

const IDENTITY_NAME: &str = "`NAME` of a table `[tls.identities.NAME]`";
const PROXY_NAME: &str = "`NAME` of a table `[proxies.NAME]`";

//! Why something can't be granted.

use super::kind::GrantKind;
use ipnet::IpNet;
use vitals_model::Text;
use vitals_values::HostError;

/// A grant that is not valid, or a schema whose marks are not valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GrantError {
    /// An entry of `allow`.
    #[error(
        "cannot grant `{entry}` in `allow.{}`: {reason}; write {}", .kind.key(), .kind.expected()
    )]
    Entry {
        /// The kind of the list.
        kind: GrantKind,
        /// The entry.
        entry: Text,
        /// What is wrong with the entry.
        reason: EntryError,
    },
    /// A value of the configuration whose property the schema marks. The error leaves the value
    /// out, because it may be or contain a secret.
    #[error("cannot grant the value at `{pointer}` of `config`: {reason}; write {expected}")]
    Value {
        /// The JSON pointer of the value.
        pointer: Text,
        /// What is wrong with the value.
        reason: EntryError,
        /// What a valid value looks like.
        expected: &'static str,
    },
    /// An unknown list of `allow`.
    #[error(
        "cannot grant anything in `allow.{0}`: there is no such list; the lists are `http`, `tcp`, \
         `udp`, `tls`, `names`, `files`, `env`, `system`, `identities` and `proxies`"
    )]
    Key(Text),
    /// An unknown mark.
    #[error(
        "the plugin's schema marks `{pointer}` with `x-vitals-grant`: {mark}; the known marks are \
         \"http\", \
         \"tcp\", \"udp\", \"tls\", \"name\", \"file\", \"disk\", \"identity\" and \"proxy\""
    )]
    Mark {
        /// The JSON pointer of the marked property, `*` for any item of a list.
        pointer: Text,
        /// The mark as JSON.
        mark: Text,
    },
    /// The properties and references of the schema take too many steps to follow.
    #[error(
        "the plugin's schema nests its properties and references too deeply to find its grants"
    )]
    TooComplex,
}

impl GrantError {
    /// Replaces the entry of `allow` that the error shows. Callers redact secrets in the entry
    /// before it is cut, because a partial secret can't be found.
    #[must_use]
    pub fn showing(mut self, entry: &str) -> Self {
        if let Self::Entry { entry: shown, .. } = &mut self {
            *shown = Text::line(entry, SHOWN_BYTES);
        }
        self
    }
}

/// What is wrong with the text of a grant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError {
    /// The host or the port is not valid.
    #[error(transparent)]
    Host(#[from] HostError),
    /// A `*` is not the whole first label of a name.
    #[error("`*` can only stand for all subdomains of a name, as in `*.example.com`")]
    Wildcard,
    /// The network is not in CIDR notation.
    #[error("its host is not a network in CIDR notation, as `10.0.0.0/8` is")]
    Network,
    /// The network has bits set after its prefix.
    #[error("it has bits set after its prefix; the network is `{0}`")]
    NetBits(IpNet),
    /// The network consists of IPv4-mapped IPv6 addresses.
    #[error("it is a network of IPv4 addresses in IPv6 notation; write it as IPv4")]
    NetMapped,
    /// The text is not a URL, or has another scheme.
    #[error("it is not an `http` or `https` URL")]
    Scheme,
    /// The URL has a path, but only scheme, host and port count.
    #[error("paths are not granted separately; remove what follows the host and port")]
    Path,
    /// URL parsers disagree about the URL.
    #[error(
        "it has a backslash, a space, a control character or an ambiguous host, which URL parsers \
         read differently"
    )]
    Ambiguous,
    /// The URL has a user before the host.
    #[error("it has user information before its host; remove it")]
    UserInfo,
    /// The text is an address, but names are granted.
    #[error("it is an address, and addresses are not looked up")]
    NotAName,
    /// The text is a wildcard or a network, but one host is granted.
    #[error("it is not a single host")]
    NotOneHost,
    /// The path is relative or contains `..`.
    #[error("it is not an absolute path without `..`")]
    NotAbsolute,
    /// The text is not the name of an environment variable.
    #[error("it is not the name of an environment variable")]
    InvalidVariable,
    /// The system fact does not exist.
    #[error("there is no such system fact")]
    UnknownFact,
    /// The text is not the name of a table.
    #[error("it is not the name of such a table")]
    InvalidTableName,
    /// The value is not a string.
    #[error("it is not a string")]
    NotString,
}

/// How much of an invalid entry an error repeats.
pub(super) const SHOWN_BYTES: usize = 120;

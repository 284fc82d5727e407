//! Why something can't be granted.

use super::allow_key::AllowKey;
use ipnet::IpNet;
use vitals_model::Text;
use vitals_values::HostError;

/// A grant that can't be given as it is written, or a schema that asks for grants in a way that is
/// not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// An entry of `allow`.
    #[error("cannot grant `{entry}` in `allow.{key}`: {reason}; write {expected}")]
    Entry {
        /// The list that it stands in.
        key: AllowKey,
        /// The entry.
        entry: Text,
        /// What is wrong with it.
        reason: EntryError,
        /// What would be right.
        expected: &'static str,
    },
    /// A value of the configuration whose property the schema marks. The value is left out: the
    /// operator can look it up, and it may be or hold a secret.
    #[error("cannot grant the value at `{pointer}` of `config`: {reason}; write {expected}")]
    Value {
        /// JSON pointer of the value.
        pointer: Text,
        /// What is wrong with it.
        reason: EntryError,
        /// What would be right.
        expected: &'static str,
    },
    /// A list that `allow` does not have.
    #[error(
        "cannot grant anything in `allow.{0}`: there is no such list; there are `http`, `tcp`, \
         `udp`, `tls`, `names`, `files`, `env` and `system`"
    )]
    Key(Text),
    /// A mark that this host does not know.
    #[error(
        "the plugin's schema marks `{pointer}` with `x-vitals-grant`: {mark}; known are \"http\", \
         \"tcp\", \"udp\", \"tls\", \"name\", \"file\" and \"disk\""
    )]
    Mark {
        /// JSON pointer of the marked value, `*` for any item of a list.
        pointer: Text,
        /// The mark as JSON.
        mark: Text,
    },
    /// A schema whose properties and references take too long to follow.
    #[error(
        "the plugin's schema nests its properties and references too deeply to find its grants"
    )]
    TooComplex,
}

impl GrantError {
    /// The error with `entry` in the place of the entry of `allow` that it shows. Secrets go out
    /// of an entry before it is cut, because a part of one is not found again.
    #[must_use]
    pub fn showing(self, entry: &str) -> Self {
        match self {
            Self::Entry {
                key,
                reason,
                expected,
                ..
            } => Self::Entry {
                key,
                entry: Text::line(entry, SHOWN_BYTES),
                reason,
                expected,
            },
            other => other,
        }
    }
}

/// What is wrong with a text that should name something to grant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// The host or port.
    #[error(transparent)]
    Host(#[from] HostError),
    /// A `*` that is not all of the first label of a name.
    #[error("`*` can only stand for all names below one, as in `*.example.com`")]
    Wildcard,
    /// No network in CIDR notation.
    #[error("its host is not a network in CIDR notation, as `10.0.0.0/8` is")]
    Network,
    /// A network with bits set behind its prefix.
    #[error("the network starts elsewhere: `{0}`")]
    NetBits(IpNet),
    /// A network of IPv4-mapped IPv6 addresses.
    #[error("it is a network of IPv4 addresses in IPv6 notation; write it as IPv4")]
    NetMapped,
    /// A URL of another scheme, or no URL.
    #[error("it is no `http` or `https` URL")]
    Scheme,
    /// A URL with a path where only scheme, host and port count.
    #[error("paths are not granted separately; leave off what follows the host and port")]
    Path,
    /// A URL that not everybody reads alike.
    #[error(
        "it has a backslash, a blank, a control character or an odd host, over which readers of \
         URLs differ"
    )]
    Ambiguous,
    /// A URL with a user before the host.
    #[error("it has a user before its host; leave it off")]
    UserInfo,
    /// An address where names are granted.
    #[error("it is an address, and addresses are not looked up")]
    NotAName,
    /// A wildcard or a network where one host has to stand.
    #[error("it is no single host")]
    NotOneHost,
    /// A path that is relative or not plain.
    #[error("it is no absolute path without `..`")]
    NotAbsolute,
    /// A name that no environment variable has.
    #[error("it is no name of an environment variable")]
    InvalidVariable,
    /// A system fact that does not exist.
    #[error("there is no such fact")]
    UnknownFact,
    /// A value that is no text.
    #[error("it is no text")]
    NotString,
}

/// How much of a wrong entry an error repeats.
pub(super) const SHOWN_BYTES: usize = 120;

//! What a check may reach: nothing, until the operator wrote it.
//!
//! This is the one place that decides. Grants come from addresses written in the check's
//! configuration ([`marks`]) and from its `allow` table ([`Grant::allowed`]); whoever connects,
//! resolves or opens something asks [`Grants`] first. Nothing here does I/O.

mod address;
mod allow;
mod cover;
mod host;
mod marks;
mod path;
mod refusal;
mod target;

use std::fmt;

use ipnet::IpNet;

use self::address::Reach;
pub(super) use self::address::Resolved;
pub use self::allow::AllowKey;
pub use self::host::{HostPattern, parse_host};
pub use self::marks::{Mark, Wanted};
pub(crate) use self::marks::{marks, wanted};
pub(super) use self::refusal::{Kind, Refusal};
pub(super) use self::target::Peer;
pub use self::target::{Channel, Target};
use crate::check::Text;
pub use vitals_values::{Host, HostError};

/// What one check may reach, fixed for as long as its configuration and plugin stay the same.
///
/// A name is granted as a name, and every address that it leads to is looked at again: an exact
/// name may lead to public and private addresses, to the host's own machine, by loopback or by any other
/// address, only if it is `localhost` or that address is granted too; a wildcard to public addresses of
/// other machines only. Unspecified, multicast, broadcast and
/// link-local addresses and the metadata services of clouds are closed unless written as addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    grants: Vec<Grant>,
    environment: Vec<(String, String)>,
}

impl Grants {
    /// The grants of a check; of those that allow the same thing the first is kept. `variable`
    /// answers the value of an environment variable of the host, and is asked for granted ones
    /// alone.
    pub fn new(
        grants: impl IntoIterator<Item = Grant>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let mut granted = Self::default();
        for grant in grants {
            if granted.iter().any(|other| other.target == grant.target) {
                continue;
            }
            if let Target::Env(name) = &grant.target
                && let Some(value) = variable(name)
            {
                granted.environment.push((name.to_string(), value));
            }
            granted.grants.push(grant);
        }
        granted
    }

    /// The granted environment variables that were set when the grants were made.
    pub fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

    /// The grants, in the order in which they were given.
    pub fn iter(&self) -> impl Iterator<Item = &Grant> {
        self.grants.iter()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.grants.is_empty()
    }

    /// Decides whether `peer` may be approached at all. For a name this is half of the decision:
    /// [`Grants::permit_address`] is the other, for each address that it leads to.
    pub(super) fn permit(&self, peer: &Peer) -> Result<(), Refusal> {
        match peer.host {
            Host::Address(address) => self.permit_address(peer, Resolved::elsewhere(address)),
            Host::Name(_)
                if self
                    .patterns(peer)
                    .any(|granted| granted.covers(&peer.host)) =>
            {
                Ok(())
            }
            Host::Name(_) => Err(Refusal::new(peer.channel.kind(), &peer.to_string())),
        }
    }

    /// Decides on an address that `peer`, already permitted, leads to or is.
    pub(super) fn permit_address(&self, peer: &Peer, resolved: Resolved) -> Result<(), Refusal> {
        let literal = Host::Address(resolved.address);
        let reach = resolved.reach();
        let granted = self.patterns(peer).any(|granted| match granted {
            HostPattern::Exact(Host::Address(_)) => granted.covers(&literal),
            HostPattern::Net(_) => reach != Reach::Closed && granted.covers(&literal),
            HostPattern::Exact(Host::Name(name)) => {
                let may_lead_there = match reach {
                    Reach::Public | Reach::Private => true,
                    Reach::Own => name.as_ref() == LOCALHOST,
                    Reach::Closed => false,
                };
                may_lead_there && granted.covers(&peer.host)
            }
            HostPattern::Below(_) => reach == Reach::Public && granted.covers(&peer.host),
        });
        if granted {
            Ok(())
        } else {
            Err(Refusal::of_address(peer, literal, reach == Reach::Own))
        }
    }

    /// Decides whether a guest may look up a name. Grants of `tcp` and `udp` allow it, so that a
    /// guest can use its sockets; those of `http` and `tls` do not, because there the host resolves.
    pub(super) fn permit_look_up(&self, name: &Host) -> Result<(), Refusal> {
        if self.names(name) || self.sockets(name).next().is_some() {
            return Ok(());
        }
        Err(Refusal::new(Kind::Name, &name.to_string()))
    }

    /// Decides whether the answer to a look-up that was permitted may show an address: any for a
    /// granted name, else those that a granted port may be reached at.
    pub(super) fn permit_answer(&self, name: &Host, resolved: Resolved) -> Result<(), Refusal> {
        if self.names(name) {
            return Ok(());
        }
        let mut refused = None;
        for (channel, port) in self.sockets(name) {
            let peer = Peer {
                channel,
                host: name.clone(),
                port,
            };
            match self.permit_address(&peer, resolved) {
                Ok(()) => return Ok(()),
                Err(refusal) => refused = Some(refusal),
            }
        }
        Err(refused.unwrap_or_else(|| Refusal::new(Kind::Name, &name.to_string())))
    }

    /// Whether the operator wrote the name itself, not only a wildcard above it.
    pub(super) fn is_written(&self, name: &Host) -> bool {
        self.grants.iter().any(|grant| match &grant.target {
            Target::Peer { hosts, .. } | Target::Name(hosts) => {
                matches!(hosts, HostPattern::Exact(_)) && hosts.covers(name)
            }
            _ => false,
        })
    }

    /// The host patterns granted for the channel and port of `peer`.
    fn patterns(&self, peer: &Peer) -> impl Iterator<Item = &HostPattern> {
        self.grants.iter().filter_map(|grant| match &grant.target {
            Target::Peer {
                channel,
                hosts,
                port,
            } if (*channel, *port) == (peer.channel, peer.port) => Some(hosts),
            _ => None,
        })
    }

    /// Whether the name is granted to be looked up for its own sake.
    fn names(&self, name: &Host) -> bool {
        let mut targets = self.grants.iter().map(|grant| &grant.target);
        targets.any(|target| matches!(target, Target::Name(hosts) if hosts.covers(name)))
    }

    /// The ports for which a guest's own sockets may reach the name.
    fn sockets(&self, name: &Host) -> impl Iterator<Item = (Channel, u16)> {
        self.grants
            .iter()
            .filter_map(move |grant| match &grant.target {
                Target::Peer {
                    channel: channel @ (Channel::Tcp | Channel::Udp),
                    hosts,
                    port,
                } if hosts.covers(name) => Some((*channel, *port)),
                _ => None,
            })
    }
}

/// One thing that a check may reach, and where the operator said so. Shown as the operator would
/// write it: `tcp db.internal:5432`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    target: Target,
    origin: Origin,
}

impl Grant {
    /// What it allows.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Whether all that `other` allows is allowed by this one too.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.target.covers(&other.target)
    }

    /// Where it was written.
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
    /// As a value in the check's `config`, at this JSON pointer.
    Config(String),
    /// In the check's `allow`.
    Allow,
}

/// A grant that can't be given as it is written, or a schema that asks for grants in a way that is
/// not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// An entry of `allow`.
    #[error("cannot grant `{entry}` in `allow.{key}`: {why}; write {right}")]
    Entry {
        /// The list that it stands in.
        key: AllowKey,
        /// The entry.
        entry: Text,
        /// What is wrong with it.
        why: EntryError,
        /// What would be right.
        right: &'static str,
    },
    /// A value of the configuration whose property the schema marks. The value is left out: the
    /// operator can look it up, and it may be or hold a secret.
    #[error("cannot grant the value at `{pointer}` of `config`: {why}; write {right}")]
    Value {
        /// JSON pointer of the value.
        pointer: Text,
        /// What is wrong with it.
        why: EntryError,
        /// What would be right.
        right: &'static str,
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
    pub(crate) fn showing(self, entry: &str) -> Self {
        match self {
            Self::Entry {
                key, why, right, ..
            } => Self::Entry {
                key,
                entry: Text::line(entry, allow::SHOWN_BYTES),
                why,
                right,
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
    Net,
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
    Foul,
    /// A URL with a user before the host.
    #[error("it has a user before its host; leave it off")]
    User,
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
    Variable,
    /// A system fact that does not exist.
    #[error("there is no such fact")]
    Fact,
    /// A value that is no text.
    #[error("it is no text")]
    NotText,
}

/// The one name that may lead to the host's own machine.
const LOCALHOST: &str = "localhost";

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;

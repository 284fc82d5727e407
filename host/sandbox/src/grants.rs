//! What a check may reach: nothing, until the operator wrote it.
//!
//! This is the one place that decides. Grants come from addresses written in the check's
//! configuration ([`granted_by_marks`]) and from its `allow` table ([`Grant::allowed`]); whoever connects,
//! resolves or opens something asks [`Grants`] first. Nothing here does I/O.

mod address;
mod allow;
mod allow_key;
mod cover;
mod error;
mod grant;
mod host;
mod kind;
mod marks;
mod path;
mod refusal;
mod target;

use self::address::AddressClass;
pub(super) use self::address::ResolvedAddress;
pub use self::allow_key::AllowKey;
pub use self::error::{EntryError, GrantError};
pub use self::grant::{Grant, Origin};
pub use self::host::{HostPattern, parse_host};
pub(super) use self::kind::GrantKind;
pub use self::marks::{Mark, MarkedProperty};
pub use self::marks::{granted_by_marks, marked_properties};
pub(super) use self::refusal::Refusal;
pub(super) use self::target::Peer;
pub use self::target::{Channel, Target};
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
            Host::Address(address) => {
                self.permit_address(peer, ResolvedAddress::assumed_remote(address))
            }
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
    pub(super) fn permit_address(
        &self,
        peer: &Peer,
        resolved: ResolvedAddress,
    ) -> Result<(), Refusal> {
        let literal = Host::Address(resolved.address);
        let class = resolved.class();
        let granted = self.patterns(peer).any(|granted| match granted {
            HostPattern::Exact(Host::Address(_)) => granted.covers(&literal),
            HostPattern::Network(_) => {
                class != AddressClass::Restricted && granted.covers(&literal)
            }
            HostPattern::Exact(Host::Name(name)) => {
                let may_lead_there = match class {
                    AddressClass::Public | AddressClass::Private => true,
                    AddressClass::ThisHost => name.as_ref() == LOCALHOST,
                    AddressClass::Restricted => false,
                };
                may_lead_there && granted.covers(&peer.host)
            }
            HostPattern::Subdomains(_) => {
                class == AddressClass::Public && granted.covers(&peer.host)
            }
        });
        if granted {
            Ok(())
        } else {
            Err(Refusal::of_address(
                peer,
                literal,
                class == AddressClass::ThisHost,
            ))
        }
    }

    /// Decides whether a guest may look up a name. Grants of `tcp` and `udp` allow it, so that a
    /// guest can use its sockets; those of `http` and `tls` do not, because there the host resolves.
    pub(super) fn permit_lookup(&self, name: &Host) -> Result<(), Refusal> {
        if self.names(name) || self.sockets(name).next().is_some() {
            return Ok(());
        }
        Err(Refusal::new(GrantKind::Name, &name.to_string()))
    }

    /// Decides whether the answer to a look-up that was permitted may show an address: any for a
    /// granted name, else those that a granted port may be reached at.
    pub(super) fn permit_answer(
        &self,
        name: &Host,
        resolved: ResolvedAddress,
    ) -> Result<(), Refusal> {
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
        Err(refused.unwrap_or_else(|| Refusal::new(GrantKind::Name, &name.to_string())))
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

/// The one name that may lead to the host's own machine.
const LOCALHOST: &str = "localhost";

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

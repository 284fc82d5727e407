//! What a check may reach: nothing, unless the operator granted it.
//!
//! All decisions are made here. Grants come from marked values of the check's configuration
//! ([`granted_by_marks`]) and from its `allow` table ([`Grant::allowed`]). Code that connects,
//! resolves or opens something asks [`Grants`] first. Nothing here does I/O.

mod address;
mod allow;
mod cover;
mod denial;
mod error;
mod host;
mod kind;
mod marks;
mod path;
mod target;

use self::address::AddressClass;
pub(super) use self::address::ResolvedAddress;
pub(super) use self::denial::Denial;
pub use self::error::{EntryError, GrantError};
pub use self::host::{HostPattern, parse_host};
pub use self::kind::GrantKind;
pub use self::marks::{Mark, MarkedProperty};
pub use self::marks::{granted_by_marks, marked_properties};
pub(super) use self::target::Peer;
pub use self::target::{Channel, Grant, Origin, Target};
pub use vitals_values::{Host, HostError};

/// What one check may reach; fixed until its configuration or plugin changes.
///
/// A name is granted as a name, and each address that it resolves to is checked again. An exact
/// name may lead to public and private addresses. It may lead to this host, by loopback or by any
/// other address, only if it is `localhost` or the address is granted too. A wildcard may lead to
/// public addresses of other hosts only. Unspecified, multicast, broadcast and link-local addresses
/// and the metadata services of clouds are reachable only if granted as addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    grants: Vec<Grant>,
    environment: Vec<(String, String)>,
}

impl Grants {
    /// Collects the grants of a check; of equal grants the first is kept. `variable` returns the
    /// value of an environment variable of the host, and is called for granted variables only.
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

    /// The granted environment variables that were set when the grants were created.
    pub fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

    /// The grants in their original order.
    pub fn iter(&self) -> impl Iterator<Item = &Grant> {
        self.grants.iter()
    }

    /// Whether there are no grants.
    pub fn is_empty(&self) -> bool {
        self.grants.is_empty()
    }

    /// Decides whether `peer` may be contacted. For a name this is half of the decision:
    /// [`Grants::permit_address`] decides on each address that it resolves to.
    pub(super) fn permit(&self, peer: &Peer) -> Result<(), Denial> {
        if let Host::Address(address) = peer.host {
            return self.permit_address(peer, ResolvedAddress::assumed_remote(address));
        }
        let mut patterns = self.patterns(peer);
        let is_granted = patterns.any(|granted| granted.covers(&peer.host));
        let denial = || Denial::new(peer.channel.kind(), &peer.to_string());
        is_granted.then_some(()).ok_or_else(denial)
    }

    /// Decides on an address of `peer`, which is already permitted.
    pub(super) fn permit_address(
        &self,
        peer: &Peer,
        resolved: ResolvedAddress,
    ) -> Result<(), Denial> {
        let literal = Host::Address(resolved.address);
        let class = resolved.class();
        let is_granted = self.patterns(peer).any(|granted| match granted {
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
        let denial = || Denial::of_address(peer, literal, class == AddressClass::ThisHost);
        is_granted.then_some(()).ok_or_else(denial)
    }

    /// Decides whether a guest may look up a name. Grants of `tcp` and `udp` permit it, because
    /// guests connect sockets themselves; those of `http`, `tls` and `icmp` do not, because there
    /// the host resolves the name.
    pub(super) fn permit_lookup(&self, name: &Host) -> Result<(), Denial> {
        let is_granted = self.names(name) || self.sockets(name).next().is_some();
        let denial = || Denial::new(GrantKind::Name, &name.to_string());
        is_granted.then_some(()).ok_or_else(denial)
    }

    /// Decides whether a permitted lookup may return an address: any address for a grant of
    /// `names`, else only addresses that a granted port may be reached at.
    pub(super) fn permit_answer(
        &self,
        name: &Host,
        resolved: ResolvedAddress,
    ) -> Result<(), Denial> {
        if self.names(name) {
            return Ok(());
        }
        let mut refused = None;
        for (channel, port) in self.sockets(name) {
            let peer = Peer::new(channel, name.clone(), port);
            match self.permit_address(&peer, resolved) {
                Ok(()) => return Ok(()),
                Err(denial) => refused = Some(denial),
            }
        }
        Err(refused.unwrap_or_else(|| Denial::new(GrantKind::Name, &name.to_string())))
    }

    /// Decides whether requests may show the identity `name` to servers.
    pub(super) fn permit_identity(&self, name: &str) -> Result<(), Denial> {
        let is_it = |target: &Target| matches!(target, Target::Identity(it) if **it == *name);
        self.permit_table(GrantKind::Identity, name, is_it)
    }

    /// Decides whether requests may use the proxy `name`.
    pub(super) fn permit_proxy(&self, name: &str) -> Result<(), Denial> {
        let is_it = |target: &Target| matches!(target, Target::Proxy(it) if **it == *name);
        self.permit_table(GrantKind::Proxy, name, is_it)
    }

    fn permit_table(
        &self,
        kind: GrantKind,
        name: &str,
        is_it: impl Fn(&Target) -> bool,
    ) -> Result<(), Denial> {
        let is_granted = self.grants.iter().any(|grant| is_it(&grant.target));
        let denial = || Denial::new(kind, name);
        is_granted.then_some(()).ok_or_else(denial)
    }

    /// Whether the operator granted the name itself, and not only a wildcard that covers it.
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
            } if peer.channel.is_opened_by(*channel) && *port == peer.port => Some(hosts),
            _ => None,
        })
    }

    /// Whether the name is granted for lookups in `names`.
    fn names(&self, name: &Host) -> bool {
        let mut targets = self.grants.iter().map(|grant| &grant.target);
        targets.any(|target| matches!(target, Target::Name(hosts) if hosts.covers(name)))
    }

    /// The channels and ports at which the guest's own sockets may reach the name.
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

/// The only name that may lead to this host.
const LOCALHOST: &str = "localhost";

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

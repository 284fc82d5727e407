//! Connections in a world: the peers at each address, over TCP, UDP and the host's TLS.

mod connection;
mod datagrams;
mod names;
mod peer;
mod pings;
mod step;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::Duration;

use super::{World, lock, next_in_turn};
use crate::deadline::Limit;
use crate::net::{ConnectOptions, Failure, Protocol};
use crate::tls::{Certificate, TlsOptions};
use crate::udp::denied;
use crate::{Address, Deadline, dns};

pub(crate) use connection::Connection;
pub use names::DnsName;
use peer::ConnectResult;
pub use peer::Peer;
pub(crate) use peer::handshake;
pub use pings::PingTarget;

/// The defined peers, and what they received.
#[derive(Default)]
pub(super) struct Network {
    peers: BTreeMap<(Channel, String), VecDeque<Peer>>,
    /// By address, one entry per connection.
    received: BTreeMap<String, Vec<Vec<u8>>>,
    /// By address, one entry per attempt.
    connect_options: BTreeMap<String, Vec<ConnectOptions>>,
    /// By address, one entry per handshake.
    tls_options: BTreeMap<String, Vec<TlsOptions>>,
    /// The names known to the resolver.
    names: BTreeMap<String, names::Resolution>,
    pings: BTreeMap<String, pings::Replies>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Channel {
    Tcp,
    Udp,
    Tls,
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Tls => "tls",
        })
    }
}

impl World {
    /// Defines the peer at `host:port` for [`tcp::connect`](crate::tcp::connect). In a world nothing
    /// uses the machine's network.
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    /// use vitals_sdk::testing::{Peer, World};
    ///
    /// let world = World::new();
    /// world.tcp("cache:6379").responds(Peer::new().expects("PING\r\n").sends("+PONG\r\n"));
    ///
    /// let reply = world.run(|| {
    ///     let mut stream = tcp::connect(&"cache:6379".parse()?, Duration::from_secs(1))?;
    ///     stream.write_all(b"PING\r\n")?;
    ///     Ok::<_, Error>(stream.read_line(64)?)
    /// })?;
    /// assert_eq!(reply, "+PONG");
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if the address is not valid.
    #[must_use = "define the peer with `responds`"]
    pub fn tcp(&self, address: &str) -> Listener<'_> {
        self.listener(Channel::Tcp, address)
    }

    /// Defines the peer for [`udp::connect`](crate::udp::connect) and
    /// [`udp::exchange`](crate::udp::exchange). Each [`Peer::sends`] is a datagram, and
    /// [`Peer::resets`] reports a closed port.
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    /// use vitals_sdk::testing::{Peer, World};
    ///
    /// let world = World::new();
    /// world.udp("time:123").responds(Peer::new().expects("ping").sends("pong"));
    /// let reply = world.run(|| {
    ///     let mut socket = udp::connect(&"time:123".parse()?, Duration::from_secs(1))?;
    ///     socket.send(b"ping")?;
    ///     Ok::<_, Error>(socket.receive()?)
    /// })?;
    /// assert_eq!(reply, b"pong");
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if the address is not valid.
    #[must_use = "define the peer with `responds`"]
    pub fn udp(&self, address: &str) -> Listener<'_> {
        self.listener(Channel::Udp, address)
    }

    /// Defines the peer for [`tls::connect`](crate::tls::connect). The connection is plain until
    /// [`Peer::accepts_tls`].
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    /// use vitals_sdk::testing::{Peer, World};
    ///
    /// let world = World::new();
    /// let certificate = world.certificate("mail.internal", 10);
    /// let server = Peer::new().accepts_tls(certificate).sends("220 hi\r\n");
    /// world.tls("mail.internal:465").responds(server);
    ///
    /// let days = world.run(|| {
    ///     let mut mail = tls::connect(&"mail.internal:465".parse()?, Duration::MAX)?;
    ///     let handshake = mail.start_tls("mail.internal")?;
    ///     assert_eq!(mail.read_line(64)?, "220 hi");
    ///     Ok::<_, Error>(handshake.leaf().map(tls::Certificate::days_left))
    /// })?;
    /// assert_eq!(days, Some(10));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if the address is not valid.
    #[must_use = "define the peer with `responds`"]
    pub fn tls(&self, address: &str) -> Listener<'_> {
        self.listener(Channel::Tls, address)
    }

    /// Returns what the peers at an address received so far, for each connection.
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    /// use vitals_sdk::testing::{Peer, World};
    ///
    /// let world = World::new();
    /// world.tcp("stats:8125").responds(Peer::new());
    /// world.run(|| {
    ///     let mut stream = tcp::connect(&"stats:8125".parse()?, Duration::MAX)?;
    ///     stream.write_all(b"up:1|g\n")?;
    ///     Ok::<_, Error>(())
    /// })?;
    /// assert_eq!(world.received("stats:8125"), [b"up:1|g\n"]);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn received(&self, address: &str) -> Vec<Vec<u8>> {
        let network = lock(&self.0.network);
        network.received.get(address).cloned().unwrap_or_default()
    }

    /// Returns with which options a check connected to an address over [`tcp`](crate::tcp) or
    /// [`tls`](crate::tls), successfully or not.
    ///
    /// ```
    /// use vitals_sdk::net::ConnectOptions;
    /// use vitals_sdk::prelude::*;
    /// use vitals_sdk::testing::{Peer, World};
    ///
    /// let world = World::new();
    /// world.tcp("db:5432").responds(Peer::refuses());
    /// let options = ConnectOptions::new().proxy("dmz");
    /// let connected = world.run(|| tcp::connect_with(&"db:5432".parse().unwrap(), &options));
    /// assert!(connected.is_err());
    /// assert_eq!(world.connect_options("db:5432"), [options]);
    /// ```
    pub fn connect_options(&self, address: &str) -> Vec<ConnectOptions> {
        let network = lock(&self.0.network);
        let options = network.connect_options.get(address);
        options.cloned().unwrap_or_default()
    }

    /// Returns with which options a check started TLS with the peers at an address, successfully
    /// or not. The peer applies them: it decides by [`Verification`](crate::tls::Verification)
    /// whether its certificate is trusted, and selects a protocol of ALPN only if it is offered.
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    /// use vitals_sdk::testing::{Peer, World};
    /// use vitals_sdk::tls::TlsOptions;
    ///
    /// let world = World::new();
    /// world.tls("db:5432").responds(Peer::new().accepts_tls(world.certificate("db", 30)));
    /// let options = TlsOptions::new("db").client_certificate("monitoring");
    /// world.run(|| tls::connect(&"db:5432".parse().unwrap(), Duration::MAX)?.start_tls_with(&options))?;
    /// assert_eq!(world.tls_options("db:5432"), [options]);
    /// # Ok::<(), tls::Error>(())
    /// ```
    pub fn tls_options(&self, address: &str) -> Vec<TlsOptions> {
        let network = lock(&self.0.network);
        let options = network.tls_options.get(address);
        options.cloned().unwrap_or_default()
    }

    /// Makes a certificate for a name that expires in `days_left` days by the world's clock; a
    /// negative number makes an expired one. Set its fields to change more.
    ///
    /// ```
    /// use vitals_sdk::{testing::World, tls::Certificate};
    ///
    /// let world = World::new();
    /// let other = Certificate {
    ///     issuer: "CN=Elsewhere".to_owned(),
    ///     ..world.certificate("db.internal", -1)
    /// };
    /// assert_eq!(world.run(|| other.days_left()), -1);
    /// assert_eq!(other.names, ["db.internal"]);
    /// ```
    pub fn certificate(&self, name: &str, days_left: i64) -> Certificate {
        let now = self.unix_seconds_before(Duration::ZERO);
        let not_after = now.saturating_add(days_left.saturating_mul(DAY));
        Certificate {
            subject: format!("CN={name}"),
            issuer: "CN=Test CA".to_owned(),
            names: vec![name.to_owned()],
            serial: "01".to_owned(),
            not_before: not_after.min(now).saturating_sub(90 * DAY),
            not_after,
            sha256: "0".repeat(64),
            public_key_sha256: "1".repeat(64),
        }
    }

    fn listener(&self, channel: Channel, address: &str) -> Listener<'_> {
        let address: Address = address
            .parse()
            .unwrap_or_else(|error| panic!("cannot define a peer: {error}"));
        Listener {
            world: self,
            channel,
            address: address.to_string(),
        }
    }

    pub(crate) fn connect(
        &self,
        protocol: Protocol,
        address: &Address,
        options: &ConnectOptions,
        limit: Limit,
    ) -> Result<Connection, Failure> {
        let mut network = lock(&self.0.network);
        let all = network.connect_options.entry(address.to_string());
        all.or_default().push(options.clone());
        drop(network);
        let channel = match protocol {
            Protocol::Tcp => Channel::Tcp,
            Protocol::Tls => Channel::Tls,
        };
        // The texts of the host.
        let denied = || {
            Failure::Denied(format!(
                "denied: {channel} {address} (add it to `allow.{channel}` of the check)"
            ))
        };
        self.open(channel, address, limit.deadline)
            .map_err(|failed| failed.into_failure(denied))
    }

    pub(crate) fn connect_udp(
        &self,
        address: &Address,
        deadline: Deadline,
    ) -> Result<Connection, Failure> {
        self.open(Channel::Udp, address, deadline)
            .map_err(|failed| failed.into_failure(|| denied(address)))
    }

    fn open(
        &self,
        channel: Channel,
        address: &Address,
        deadline: Deadline,
    ) -> Result<Connection, ConnectFailure> {
        let key = (channel, address.to_string());
        let peer = lock(&self.0.network).next(&key);
        let peer = peer.map_err(|text| ConnectFailure::Undefined(self.unexpected(text)))?;
        if !self.pass(peer.connect_delay(), deadline) {
            return Err(ConnectFailure::Timeout);
        }
        match peer.connect_result() {
            ConnectResult::Accepted => {}
            other => return Err(ConnectFailure::Peer(other.clone())),
        }
        let number = {
            let mut network = lock(&self.0.network);
            let received = network.received.entry(key.1.clone()).or_default();
            received.push(Vec::new());
            received.len() - 1
        };
        let (world, place) = (self.handle(), (key.1, number));
        Ok(Connection::new(world, channel, place, peer))
    }

    /// Records a handshake with one of the peers at an address.
    fn record_handshake(&self, address: &str, options: &TlsOptions) {
        let mut network = lock(&self.0.network);
        let all = network.tls_options.entry(address.to_owned());
        all.or_default().push(options.clone());
    }

    /// Records what a peer received on one of its connections.
    fn record_received(&self, (address, number): &(String, usize), bytes: &[u8]) {
        let mut network = lock(&self.0.network);
        let connections = network.received.get_mut(address);
        if let Some(received) = connections.and_then(|all| all.get_mut(*number)) {
            received.extend_from_slice(bytes);
        }
    }
}

impl Network {
    fn next(&mut self, key: &(Channel, String)) -> Result<Peer, String> {
        let defined = self.peers.get_mut(key);
        defined.and_then(next_in_turn).ok_or_else(|| {
            let defined: Vec<String> = self
                .peers
                .keys()
                .map(|(channel, address)| format!("{channel} {address}"))
                .collect();
            let (channel, address) = key;
            let defined = if defined.is_empty() {
                format!("add one with `World::{channel}`")
            } else {
                format!("it defines {}", defined.join(", "))
            };
            format!("the test defines no peer at {channel} {address}; {defined}")
        })
    }
}

/// An address of a [`World`], to define its peer. It replaces earlier definitions of the address.
#[derive(Debug)]
pub struct Listener<'a> {
    world: &'a World,
    channel: Channel,
    address: String,
}

impl Listener<'_> {
    /// Plays the same peer for each connection, from its beginning.
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    /// use vitals_sdk::testing::{Peer, World};
    ///
    /// let world = World::new();
    /// world.tcp("db:5432").responds(Peer::refuses());
    /// let error = world.run(|| tcp::connect(&"db:5432".parse().unwrap(), Duration::MAX)).unwrap_err();
    /// assert_eq!(error.to_string(), "cannot connect to db:5432: connection refused");
    /// ```
    pub fn responds(self, peer: Peer) {
        self.responds_in_turn([peer]);
    }

    /// Plays one peer after the other for each connection, then repeats the last one.
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    /// use vitals_sdk::testing::{Peer, World};
    ///
    /// let world = World::new();
    /// world.tcp("db:5432").responds_in_turn([Peer::refuses(), Peer::new()]);
    /// let connect = || tcp::connect(&"db:5432".parse().unwrap(), Duration::MAX).is_ok();
    /// assert_eq!([(); 3].map(|()| world.run(connect)), [false, true, true]);
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if there is no peer.
    pub fn responds_in_turn(self, peers: impl IntoIterator<Item = Peer>) {
        let peers: VecDeque<Peer> = peers.into_iter().collect();
        let Self {
            world,
            channel,
            address,
        } = self;
        assert!(
            !peers.is_empty(),
            "the list of peers for {channel} {address} is empty"
        );
        lock(&world.0.network)
            .peers
            .insert((channel, address), peers);
    }
}

/// Why a connection could not be made.
enum ConnectFailure {
    Timeout,
    Peer(ConnectResult),
    Undefined(String),
}

impl ConnectFailure {
    fn into_failure(self, denied: impl FnOnce() -> Failure) -> Failure {
        match self {
            Self::Timeout => Failure::Timeout,
            Self::Undefined(text) => Failure::Failed(text),
            Self::Peer(ConnectResult::Unresolvable(why)) => {
                Failure::NotResolved(dns::Problem::Failed(why))
            }
            Self::Peer(ConnectResult::Denied) => denied(),
            Self::Peer(ConnectResult::Unreachable) => Failure::Unreachable,
            Self::Peer(ConnectResult::Refused | ConnectResult::Accepted) => Failure::Refused,
        }
    }
}

const DAY: i64 = 24 * 60 * 60;

#[cfg(test)]
mod tests;

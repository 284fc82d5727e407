//! Connections in a world: the peers at each address, over TCP, UDP and the host's TLS.

mod connection;
mod names;
mod peer;
mod step;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io::{self, ErrorKind};
use std::time::Duration;

use super::{World, lock, next_in_turn};
use crate::deadline::Limit;
use crate::tls::{Certificate, Problem};
use crate::{Address, Deadline, tcp};

pub(crate) use connection::Connection;
pub use names::DnsName;
use peer::ConnectResult;
pub use peer::Peer;
pub(crate) use peer::handshake;

/// The defined peers, and what they received.
#[derive(Default)]
pub(super) struct Network {
    peers: BTreeMap<(Channel, String), VecDeque<Peer>>,
    /// By address, one entry per connection.
    received: BTreeMap<String, Vec<Vec<u8>>>,
    /// The names known to the resolver.
    names: BTreeMap<String, names::Resolution>,
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
    /// Defines the peer at `host:port` for [`tcp::connect`]. In a world nothing uses the machine's
    /// network.
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

    /// Defines the peer for [`udp::connect`](crate::udp::connect). Each [`Peer::sends`] is a
    /// datagram, and [`Peer::resets`] reports a closed port.
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

    pub(crate) fn connect_tcp(
        &self,
        address: &Address,
        limit: Limit,
    ) -> Result<Connection, tcp::Error> {
        self.connect_net(Channel::Tcp, address, limit)
    }

    pub(crate) fn connect_udp(
        &self,
        address: &Address,
        limit: Limit,
    ) -> Result<Connection, tcp::Error> {
        self.connect_net(Channel::Udp, address, limit)
    }

    fn connect_net(
        &self,
        channel: Channel,
        address: &Address,
        limit: Limit,
    ) -> Result<Connection, tcp::Error> {
        let error = |cause: &io::Error| tcp::Error::new("connect to", address, cause, limit);
        self.open(channel, address, limit.deadline)
            .map_err(|failure| match failure {
                ConnectFailure::Timeout => error(&ErrorKind::TimedOut.into()),
                ConnectFailure::Undefined(text) => error(&io::Error::other(text)),
                ConnectFailure::Peer(ConnectResult::Unresolvable(why)) => {
                    tcp::Error::lookup(address, &io::Error::other(why))
                }
                ConnectFailure::Peer(ConnectResult::Denied) => {
                    error(&ErrorKind::PermissionDenied.into())
                }
                ConnectFailure::Peer(ConnectResult::Unreachable) => {
                    error(&ErrorKind::HostUnreachable.into())
                }
                ConnectFailure::Peer(_) => error(&ErrorKind::ConnectionRefused.into()),
            })
    }

    pub(crate) fn connect_tls(
        &self,
        address: &Address,
        deadline: Deadline,
    ) -> Result<Connection, Problem> {
        // The texts of the host.
        self.open(Channel::Tls, address, deadline)
            .map_err(|failure| match failure {
                ConnectFailure::Timeout => Problem::Timeout(Duration::ZERO),
                ConnectFailure::Undefined(text) => Problem::Failed(text),
                ConnectFailure::Peer(ConnectResult::Unresolvable(why)) => {
                    Problem::Failed(format!("cannot look up the host: {why}"))
                }
                ConnectFailure::Peer(ConnectResult::Denied) => Problem::Denied(format!(
                    "denied: tls {address} (add it to `allow.tls` of the check)"
                )),
                ConnectFailure::Peer(ConnectResult::Unreachable) => {
                    Problem::Failed("no route to host".to_owned())
                }
                ConnectFailure::Peer(_) => Problem::Failed("connection refused".to_owned()),
            })
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

const DAY: i64 = 24 * 60 * 60;

#[cfg(test)]
mod tests;

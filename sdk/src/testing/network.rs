//! Connections in a world: who is at which address, over TCP and over the host's TLS.

mod connection;
mod names;
mod peer;
mod step;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io::{self, ErrorKind};
use std::time::Duration;

use super::{World, lock};
use crate::deadline::Limit;
use crate::tls::{Certificate, Problem};
use crate::{Address, Deadline, tcp};

pub(crate) use connection::Connection;
pub use names::Name;
use peer::Arrival;
pub use peer::Peer;

/// Who is where, and what was said to them.
#[derive(Default)]
pub(super) struct Network {
    peers: BTreeMap<(Channel, String), VecDeque<Peer>>,
    /// By address, for each connection.
    heard: BTreeMap<String, Vec<Vec<u8>>>,
    /// What the resolver knows.
    names: BTreeMap<String, names::Known>,
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
    /// Says who is at `host:port` for [`tcp::connect`]. In a world nothing goes over
    /// the machine's network.
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    /// use vitals_sdk::testing::{Peer, World};
    ///
    /// let world = World::new();
    /// world.tcp("cache:6379").answers(Peer::new().hears("PING\r\n").says("+PONG\r\n"));
    ///
    /// let answer = world.run(|| {
    ///     let mut stream = tcp::connect(&"cache:6379".parse()?, Duration::from_secs(1))?;
    ///     stream.write_all(b"PING\r\n")?;
    ///     Ok::<_, Error>(stream.read_line(64)?)
    /// })?;
    /// assert_eq!(answer, "+PONG");
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Panics
    ///
    /// If it is no address.
    #[must_use = "it has to be said who `answers`"]
    pub fn tcp(&self, address: &str) -> Listener<'_> {
        self.listener(Channel::Tcp, address)
    }

    /// The same for [`udp::connect`](crate::udp::connect). Each [`Peer::says`] is a datagram, and
    /// [`Peer::resets`] the word that nobody listens.
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    /// use vitals_sdk::testing::{Peer, World};
    ///
    /// let world = World::new();
    /// world.udp("time:123").answers(Peer::new().hears("ping").says("pong"));
    /// let answer = world.run(|| {
    ///     let mut socket = udp::connect(&"time:123".parse()?, Duration::from_secs(1))?;
    ///     socket.send(b"ping")?;
    ///     Ok::<_, Error>(socket.receive()?)
    /// })?;
    /// assert_eq!(answer, b"pong");
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Panics
    ///
    /// If it is no address.
    #[must_use = "it has to be said who `answers`"]
    pub fn udp(&self, address: &str) -> Listener<'_> {
        self.listener(Channel::Udp, address)
    }

    /// The same for [`tls::connect`](crate::tls::connect): a connection that begins plain, until
    /// [`Peer::shakes_hands`].
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    /// use vitals_sdk::testing::{Peer, World};
    ///
    /// let world = World::new();
    /// let certificate = world.certificate("mail.internal", 10);
    /// world.tls("mail.internal:465").answers(Peer::new().shakes_hands(certificate).says("220 hi\r\n"));
    ///
    /// let days = world.run(|| {
    ///     let mut mail = tls::connect(&"mail.internal:465".parse()?)?;
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
    /// If it is no address.
    #[must_use = "it has to be said who `answers`"]
    pub fn tls(&self, address: &str) -> Listener<'_> {
        self.listener(Channel::Tls, address)
    }

    /// What the peers at an address heard so far: for each connection all of it.
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    /// use vitals_sdk::testing::{Peer, World};
    ///
    /// let world = World::new();
    /// world.tcp("stats:8125").answers(Peer::new());
    /// world.run(|| {
    ///     let mut stream = tcp::connect(&"stats:8125".parse()?, Duration::MAX)?;
    ///     stream.write_all(b"up:1|g\n")?;
    ///     Ok::<_, Error>(())
    /// })?;
    /// assert_eq!(world.heard("stats:8125"), [b"up:1|g\n"]);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn heard(&self, address: &str) -> Vec<Vec<u8>> {
        let network = lock(&self.0.network);
        network.heard.get(address).cloned().unwrap_or_default()
    }

    /// A certificate for a name, that expires in so many days by the world's clock; with a negative number
    /// it has expired. More of it is said by its fields.
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
        }
    }

    fn listener(&self, channel: Channel, address: &str) -> Listener<'_> {
        let address: Address = address
            .parse()
            .unwrap_or_else(|error| panic!("nobody can be there: {error}"));
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
            .map_err(|unopened| match unopened {
                Unopened::Timeout => error(&ErrorKind::TimedOut.into()),
                Unopened::NotGiven(text) => error(&io::Error::other(text)),
                Unopened::Arrival(Arrival::Unknown(why)) => {
                    tcp::Error::lookup(address, &io::Error::other(why))
                }
                Unopened::Arrival(Arrival::Denied) => error(&ErrorKind::PermissionDenied.into()),
                Unopened::Arrival(Arrival::Unreachable) => {
                    error(&ErrorKind::HostUnreachable.into())
                }
                Unopened::Arrival(_) => error(&ErrorKind::ConnectionRefused.into()),
            })
    }

    pub(crate) fn connect_tls(
        &self,
        address: &Address,
        deadline: Deadline,
    ) -> Result<Connection, Problem> {
        // In the words of the host.
        self.open(Channel::Tls, address, deadline)
            .map_err(|unopened| match unopened {
                Unopened::Timeout => Problem::Timeout(Duration::ZERO),
                Unopened::NotGiven(text) => Problem::Failed(text),
                Unopened::Arrival(Arrival::Unknown(why)) => {
                    Problem::Failed(format!("cannot look up the host: {why}"))
                }
                Unopened::Arrival(Arrival::Denied) => Problem::Denied(format!(
                    "denied: tls {address} (add it to `allow.tls` of the check)"
                )),
                Unopened::Arrival(Arrival::Unreachable) => {
                    Problem::Failed("there is no route to it".to_owned())
                }
                Unopened::Arrival(_) => Problem::Failed("connection refused".to_owned()),
            })
    }

    fn open(
        &self,
        channel: Channel,
        address: &Address,
        deadline: Deadline,
    ) -> Result<Connection, Unopened> {
        let key = (channel, address.to_string());
        let peer = lock(&self.0.network).next(&key);
        let peer = peer.map_err(|text| Unopened::NotGiven(self.surprise(text)))?;
        if !self.pass(peer.arrives_after(), deadline) {
            return Err(Unopened::Timeout);
        }
        match peer.arrival() {
            Arrival::Connects => {}
            other => return Err(Unopened::Arrival(other.clone())),
        }
        let number = {
            let mut network = lock(&self.0.network);
            let heard = network.heard.entry(key.1.clone()).or_default();
            heard.push(Vec::new());
            heard.len() - 1
        };
        let (world, place) = (self.same(), (key.1, number));
        Ok(Connection::new(world, channel, place, peer))
    }

    /// Notes what a peer heard, on which of its connections.
    fn hear(&self, (address, number): &(String, usize), bytes: &[u8]) {
        let mut network = lock(&self.0.network);
        let connections = network.heard.get_mut(address);
        if let Some(heard) = connections.and_then(|all| all.get_mut(*number)) {
            heard.extend_from_slice(bytes);
        }
    }
}

impl Network {
    fn next(&mut self, key: &(Channel, String)) -> Result<Peer, String> {
        let given = self.peers.get_mut(key);
        let next = given.and_then(|peers| match peers.len() {
            0 | 1 => peers.front().cloned(),
            _ => peers.pop_front(),
        });
        next.ok_or_else(|| {
            let there = self.peers.keys();
            let there: Vec<String> = there
                .map(|(channel, at)| format!("{channel} {at}"))
                .collect();
            let (channel, address) = key;
            let there = if there.is_empty() {
                format!("give one with `World::{channel}`")
            } else {
                format!("there are {}", there.join(", "))
            };
            format!("the test has no peer at {channel} {address}; {there}")
        })
    }
}

/// An address of a [`World`], for saying who is there. What was said before of the same one is gone.
#[derive(Debug)]
pub struct Listener<'a> {
    world: &'a World,
    channel: Channel,
    address: String,
}

impl Listener<'_> {
    /// The same for each connection, from the beginning.
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    /// use vitals_sdk::testing::{Peer, World};
    ///
    /// let world = World::new();
    /// world.tcp("db:5432").answers(Peer::refuses());
    /// let error = world.run(|| tcp::connect(&"db:5432".parse().unwrap(), Duration::MAX)).unwrap_err();
    /// assert_eq!(error.to_string(), "cannot connect to db:5432: connection refused");
    /// ```
    pub fn answers(self, peer: Peer) {
        self.answers_in_turn([peer]);
    }

    /// One after the other for each connection, and from then on the last one.
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    /// use vitals_sdk::testing::{Peer, World};
    ///
    /// let world = World::new();
    /// world.tcp("db:5432").answers_in_turn([Peer::refuses(), Peer::new()]);
    /// let connect = || tcp::connect(&"db:5432".parse().unwrap(), Duration::MAX).is_ok();
    /// assert_eq!([(); 3].map(|()| world.run(connect)), [false, true, true]);
    /// ```
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn answers_in_turn(self, peers: impl IntoIterator<Item = Peer>) {
        let peers: VecDeque<Peer> = peers.into_iter().collect();
        let Self {
            world,
            channel,
            address,
        } = self;
        assert!(
            !peers.is_empty(),
            "nobody was given for {channel} {address}"
        );
        lock(&world.0.network)
            .peers
            .insert((channel, address), peers);
    }
}

/// Why there is no connection.
enum Unopened {
    Timeout,
    Arrival(Arrival),
    NotGiven(String),
}

const DAY: i64 = 24 * 60 * 60;

#[cfg(test)]
mod tests;

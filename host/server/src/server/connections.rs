//! The table of open connections. It limits their number and the response bytes that wait to be
//! read, and chooses the connection to close if a limit is exceeded.
//!
//! It knows clients by address and connections by phase, and does no I/O.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The open connections of a server.
///
/// A new connection is always admitted. If it exceeds a limit, another one is closed: of the same
/// client if that has used its share, otherwise of the client with the most connections.
#[derive(Clone, Debug)]
pub(super) struct Connections(Arc<Mutex<Table>>);

/// A connection in the table. It is removed on drop.
#[derive(Debug)]
pub(super) struct Connection {
    table: Connections,
    id: u64,
    evicted: CancellationToken,
    /// Whether the last response is complete and only has to be sent.
    is_answered: AtomicBool,
}

#[derive(Debug)]
struct Table {
    /// The limit on connections.
    limit: usize,
    /// The limit on connections of one client.
    share: usize,
    /// The limit on response bytes that wait to be read.
    answer_limit: u64,
    /// Response bytes that wait to be read.
    answer_bytes: u64,
    /// In the order of admission.
    entries: BTreeMap<u64, Entry>,
    held: HashMap<Client, usize>,
    next_id: u64,
}

#[derive(Debug)]
struct Entry {
    client: Client,
    phase: Phase,
    /// The start of the phase.
    since: Instant,
    /// Bytes of a response in transit.
    answer_bytes: u64,
    evict: CancellationToken,
}

/// The client of a connection: an IPv4 address, or the first 64 bits of an IPv6 address, because a
/// network assigns the rest freely.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Client(IpAddr);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No request has arrived yet.
    New,
    /// A request is being read, processed or answered.
    Busy,
    /// The last request was answered, and another may follow.
    Idle,
}

impl Connections {
    pub(super) fn new(limit: usize, share: usize, answer_limit: u64) -> Self {
        Self(Arc::new(Mutex::new(Table {
            limit,
            share,
            answer_limit,
            answer_bytes: 0,
            entries: BTreeMap::new(),
            held: HashMap::new(),
            next_id: 0,
        })))
    }

    /// Admits a connection of `peer`, and closes another one if a limit is exceeded.
    pub(super) fn admit(&self, peer: IpAddr) -> Connection {
        let client = Client::of(peer);
        let evicted = CancellationToken::new();
        let mut table = self.0.lock();
        let id = table.next_id;
        table.next_id += 1;
        if table.held.get(&client).copied().unwrap_or(0) >= table.share {
            table.evict_one(Some(client));
        } else if table.entries.len() >= table.limit {
            table.evict_one(None);
        }
        *table.held.entry(client).or_default() += 1;
        table.entries.insert(
            id,
            Entry {
                client,
                phase: Phase::New,
                since: Instant::now(),
                answer_bytes: 0,
                evict: evicted.clone(),
            },
        );
        Connection {
            table: self.clone(),
            id,
            evicted,
            is_answered: AtomicBool::new(false),
        }
    }
}

impl Connection {
    /// Waits until the connection is evicted.
    pub(super) async fn evicted(&self) {
        self.evicted.cancelled().await;
    }

    /// Records that a request has arrived.
    pub(super) fn request_started(&self) {
        self.is_answered.store(false, Ordering::Relaxed);
        self.enter(Phase::Busy);
    }

    /// Records a response of this size. If too many bytes wait to be read, closes other connections
    /// that wait for their clients.
    pub(super) fn response_started(&self, bytes: u64) {
        self.table.0.lock().set_response_bytes(self.id, bytes);
    }

    /// Records that the response is complete. It may still have to be sent.
    pub(super) fn response_completed(&self) {
        self.is_answered.store(true, Ordering::Relaxed);
    }

    /// Records that everything written has been sent.
    pub(super) fn flushed(&self) {
        if self.is_answered.swap(false, Ordering::Relaxed) {
            self.enter(Phase::Idle);
        }
    }

    fn enter(&self, phase: Phase) {
        let mut table = self.table.0.lock();
        table.set_response_bytes(self.id, 0);
        if let Some(entry) = table.entries.get_mut(&self.id) {
            entry.phase = phase;
            entry.since = Instant::now();
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.table.0.lock().remove(self.id);
    }
}

impl Table {
    /// Closes the least valuable connection of one client, or of the clients with the most
    /// connections: the longest idle one, otherwise the oldest one without a request, otherwise the
    /// longest busy one. An eighth of the places, or of the client's share, is kept for connections
    /// without a request, because a probe is one of them until its request has been read.
    fn evict_one(&mut self, client: Option<Client>) {
        let max_held = self.held.values().max();
        let (mut idle, mut new, mut busy) = (None, None, None);
        let mut new_count = 0;
        for (id, entry) in &self.entries {
            let counts = client.is_none_or(|client| entry.client == client);
            new_count += usize::from(counts && entry.phase == Phase::New);
            let is_candidate = match client {
                Some(client) => entry.client == client,
                None => self.held.get(&entry.client) == max_held,
            };
            if !is_candidate {
                continue;
            }
            let longest = match entry.phase {
                Phase::Idle => &mut idle,
                Phase::New => &mut new,
                Phase::Busy => &mut busy,
            };
            if longest.is_none_or(|(since, _)| entry.since < since) {
                *longest = Some((entry.since, *id));
            }
        }
        let places = client.map_or(self.limit, |_| self.share);
        let spare_new = new.filter(|_| new_count > places / KEPT_FOR_NEW);
        let closed = idle.or(spare_new).or(busy).or(new);
        if let Some(entry) = closed.and_then(|(_, id)| self.remove(id)) {
            entry.evict.cancel();
        }
    }

    /// Sets the response bytes that a connection holds. If the limit is exceeded, closes others: of
    /// the client that holds the most bytes, the one that has held them longest. One response
    /// counts as at most half of the limit, so that a longer one can coexist with others.
    fn set_response_bytes(&mut self, id: u64, bytes: u64) {
        let bytes = bytes.min(self.answer_limit / 2);
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        self.answer_bytes = self.answer_bytes - entry.answer_bytes + bytes;
        entry.answer_bytes = bytes;
        while self.answer_bytes > self.answer_limit {
            let mut by_client = HashMap::<Client, u64>::new();
            for entry in self.entries.values() {
                *by_client.entry(entry.client).or_default() += entry.answer_bytes;
            }
            let others = self.entries.iter();
            let others = others.filter(|(other, entry)| **other != id && entry.answer_bytes > 0);
            let closed =
                others.max_by_key(|(_, entry)| (by_client[&entry.client], Reverse(entry.since)));
            let closed = closed.map(|(id, _)| *id).and_then(|id| self.remove(id));
            let Some(entry) = closed else {
                return;
            };
            entry.evict.cancel();
        }
    }

    fn remove(&mut self, id: u64) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        self.answer_bytes -= entry.answer_bytes;
        if let Some(held) = self.held.get_mut(&entry.client) {
            *held -= 1;
            if *held == 0 {
                self.held.remove(&entry.client);
            }
        }
        Some(entry)
    }
}

impl Client {
    fn of(peer: IpAddr) -> Self {
        Self(match peer.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & NETWORK).into(),
            address @ IpAddr::V4(_) => address,
        })
    }
}

/// The network part of an IPv6 address.
const NETWORK: u128 = !0 << 64;
/// One in this many places is kept for connections without a request.
const KEPT_FOR_NEW: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    /// Connections that were admitted one after another, by name.
    struct Crowd {
        table: Connections,
        there: Vec<(&'static str, Connection)>,
    }

    impl Crowd {
        fn new(limit: usize, share: usize) -> Self {
            Self {
                table: Connections::new(limit, share, 100),
                there: Vec::new(),
            }
        }

        /// Admits a connection. Returns the names of the evicted ones.
        fn admit(&mut self, name: &'static str, peer: &str) -> Vec<&'static str> {
            let connection = self.table.admit(peer.parse().unwrap());
            self.there.push((name, connection));
            self.gone()
        }

        /// Starts a response. Returns the names of the evicted ones.
        fn response_started(&mut self, name: &str, bytes: u64) -> Vec<&'static str> {
            self.asks(name);
            self.find(name).response_started(bytes);
            self.gone()
        }

        fn gone(&mut self) -> Vec<&'static str> {
            let gone = |(_, connection): &mut (_, Connection)| connection.evicted.is_cancelled();
            let gone = self.there.extract_if(.., gone);
            gone.map(|(name, _)| name).collect()
        }

        fn find(&self, name: &str) -> &Connection {
            let found = self.there.iter().find(|(known, _)| *known == name);
            &found.unwrap().1
        }

        fn asks(&self, name: &str) {
            self.find(name).request_started();
        }

        fn is_answered(&self, name: &str) {
            self.find(name).response_completed();
            self.find(name).flushed();
        }
    }

    const ONE: &str = "192.0.2.1";
    const OTHER: &str = "192.0.2.2";

    #[test]
    fn the_longest_idle_connection_is_evicted() {
        let mut crowd = Crowd::new(3, 3);
        for name in ["a", "b", "c"] {
            assert!(crowd.admit(name, ONE).is_empty());
            crowd.asks(name);
        }
        for name in ["b", "c", "a"] {
            crowd.is_answered(name);
        }
        assert_eq!(crowd.admit("d", OTHER), ["b"]);
        // A new request ends the idle phase, and the next one starts later.
        crowd.asks("c");
        assert_eq!(crowd.admit("e", OTHER), ["a"]);
        crowd.is_answered("c");
        assert_eq!(crowd.admit("f", ONE), ["d"]);
    }

    #[test]
    fn a_response_that_is_not_sent_is_not_complete() {
        let mut crowd = Crowd::new(2, 2);
        crowd.admit("a", ONE);
        crowd.admit("b", ONE);
        for name in ["a", "b"] {
            crowd.asks(name);
        }
        crowd.find("a").response_completed();
        crowd.is_answered("b");
        assert_eq!(crowd.admit("c", ONE), ["b"]);
        // Another request arrives before the first response has been sent.
        crowd.asks("a");
        crowd.find("a").flushed();
        assert_eq!(crowd.table.0.lock().entries[&0].phase, Phase::Busy);
    }

    #[test]
    fn no_client_evicts_another_one() {
        let mut crowd = Crowd::new(8, 4);
        crowd.admit("idle", OTHER);
        crowd.asks("idle");
        crowd.is_answered("idle");
        let mine = ["1", "2", "3", "4"];
        for name in mine {
            assert!(crowd.admit(name, ONE).is_empty());
        }
        // There are free places, but not for this client.
        assert_eq!(crowd.admit("5", ONE), ["1"]);
        // Without a free place, the client with the most connections goes first.
        for peer in ["192.0.2.3", "192.0.2.4", "192.0.2.5"] {
            assert!(crowd.admit(peer, peer).is_empty());
        }
        assert_eq!(crowd.admit("late", OTHER), ["2"]);
    }

    #[test]
    fn some_places_are_kept_for_connections_without_a_request() {
        let names = [
            "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15",
        ];
        let mut crowd = Crowd::new(16, 16);
        for name in names {
            crowd.admit(name, ONE);
            crowd.asks(name);
        }
        // Two of sixteen: while there are no more new ones than that, busy ones go.
        assert_eq!(crowd.admit("a", OTHER), ["0"]);
        assert_eq!(crowd.admit("b", ONE), ["1"]);
        assert_eq!(crowd.admit("c", ONE), ["2"]);
        assert_eq!(crowd.admit("d", ONE), ["b"]);
        // The places are kept of all, not of those of the client with the most connections.
        let mut crowd = Crowd::new(16, 16);
        for (name, peer) in names[..10].iter().map(|name| (*name, ONE)) {
            crowd.admit(name, peer);
            crowd.asks(name);
        }
        for (name, peer) in [
            ("a", "192.0.2.3"),
            ("b", "192.0.2.4"),
            ("c", "192.0.2.5"),
            ("d", "192.0.2.6"),
        ] {
            crowd.admit(name, peer);
            crowd.asks(name);
        }
        crowd.admit("first probe", ONE);
        crowd.admit("second probe", ONE);
        assert_eq!(crowd.admit("late", OTHER), ["0"]);
        // If no connection has sent a request, the oldest one goes.
        let mut crowd = Crowd::new(2, 2);
        crowd.admit("a", ONE);
        crowd.admit("b", ONE);
        assert_eq!(crowd.admit("c", ONE), ["a"]);
    }

    #[test]
    fn unread_responses_are_bounded_overall() {
        let mut crowd = Crowd::new(9, 9);
        for name in ["a", "b", "c"] {
            crowd.admit(name, ONE);
        }
        crowd.admit("other", OTHER);
        assert!(crowd.response_started("other", 40).is_empty());
        assert!(crowd.response_started("a", 30).is_empty());
        assert!(crowd.response_started("b", 30).is_empty());
        // Of the client that holds the most, the one that has held it longest.
        assert_eq!(crowd.response_started("c", 10), ["a"]);
        // Bytes that were read count no more, nor do those of closed connections.
        crowd.is_answered("b");
        assert!(crowd.response_started("b", 50).is_empty());
        crowd.there.retain(|(name, _)| *name != "b");
        assert!(crowd.response_started("c", 10).is_empty());
        // A response beyond the limit is not cut off for a short one.
        assert!(crowd.response_started("c", 1_000).is_empty());
        crowd.admit("late", OTHER);
        assert!(crowd.response_started("late", 10).is_empty());
        assert_eq!(crowd.response_started("late", 20), ["other"]);
    }

    #[test]
    fn a_closed_connection_frees_its_place() {
        let mut crowd = Crowd::new(2, 2);
        crowd.admit("a", ONE);
        crowd.admit("b", ONE);
        crowd.there.clear();
        assert!(crowd.table.0.lock().held.is_empty());
        assert!(crowd.admit("c", ONE).is_empty());
        assert!(crowd.admit("d", ONE).is_empty());
    }

    #[test]
    fn a_client_is_an_ipv4_address_or_an_ipv6_network() {
        let client = |text: &str| Client::of(text.parse().unwrap());
        assert_ne!(client(ONE), client(OTHER));
        assert_eq!(client(ONE), client("::ffff:192.0.2.1"));
        assert_eq!(client("2001:db8:0:1::1"), client("2001:db8:0:1:2:3:4:5"));
        assert_ne!(client("2001:db8:0:1::1"), client("2001:db8:0:2::1"));
    }
}

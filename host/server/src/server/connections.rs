//! The table of open connections: how many there may be, how much may wait to be taken over all of
//! them, and which one is closed where that is too much.
//!
//! Knows clients by their addresses and connections by what they wait for; it reads and writes
//! nothing.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The open connections of a server.
///
/// A new connection is always admitted. Where it is one too many, another one is closed: of its own
/// client if that holds its share, else of the clients that hold most.
#[derive(Clone, Debug)]
pub(super) struct Connections(Arc<Mutex<Table>>);

/// A connection in the table, which it leaves when this is dropped.
#[derive(Debug)]
pub(super) struct Connection {
    table: Connections,
    id: u64,
    evicted: CancellationToken,
    /// Whether the last answer is complete and need only leave.
    is_answered: AtomicBool,
}

#[derive(Debug)]
struct Table {
    /// Connections at once.
    limit: usize,
    /// Connections of one client at once.
    share: usize,
    /// Bytes of answers that may wait to be taken.
    answer_limit: u64,
    /// Bytes of answers that do.
    answer_bytes: u64,
    /// In the order in which they came.
    entries: BTreeMap<u64, Entry>,
    held: HashMap<Client, usize>,
    next_id: u64,
}

#[derive(Debug)]
struct Entry {
    client: Client,
    phase: Phase,
    /// When the phase began.
    since: Instant,
    /// Bytes of an answer that is on its way.
    answer_bytes: u64,
    evict: CancellationToken,
}

/// Whom a connection belongs to: an IPv4 address, or the first 64 bits of an IPv6 address, since a
/// network hands out as many of the rest as somebody likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Client(IpAddr);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// It has not asked for anything yet.
    New,
    /// A request is being read, worked on or answered.
    Busy,
    /// It has been answered and may ask again.
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

    /// Admits a connection of `peer`, and closes another one where there is one too many.
    pub(super) fn admit(&self, peer: IpAddr) -> Connection {
        let client = Client::of(peer);
        let evicted = CancellationToken::new();
        let mut table = self.lock();
        let id = table.next_id;
        table.next_id += 1;
        if table.held.get(&client).copied().unwrap_or(0) >= table.share {
            table.close_one_of(Some(client));
        } else if table.entries.len() >= table.limit {
            table.close_one_of(None);
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

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock()
    }
}

impl Connection {
    /// Waits until it has to make room for another one.
    pub(super) async fn evicted(&self) {
        self.evicted.cancelled().await;
    }

    /// A request has come.
    pub(super) fn asked(&self) {
        self.is_answered.store(false, Ordering::Relaxed);
        self.enter(Phase::Busy);
    }

    /// An answer of so many bytes is on its way. Where more waits to be taken than may, others that
    /// wait for their clients are closed.
    pub(super) fn answers(&self, bytes: u64) {
        self.table.lock().hold(self.id, bytes);
    }

    /// The answer is complete; it may still have to leave.
    pub(super) fn answered(&self) {
        self.is_answered.store(true, Ordering::Relaxed);
    }

    /// All that was written has left.
    pub(super) fn flushed(&self) {
        if self.is_answered.swap(false, Ordering::Relaxed) {
            self.enter(Phase::Idle);
        }
    }

    fn enter(&self, phase: Phase) {
        let mut table = self.table.lock();
        table.hold(self.id, 0);
        if let Some(entry) = table.entries.get_mut(&self.id) {
            entry.phase = phase;
            entry.since = Instant::now();
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.table.lock().remove(self.id);
    }
}

impl Table {
    /// Closes the connection that is missed least of one client, or of those that hold most: the one
    /// that has been idle longest, else the oldest one that has not asked yet, else the one that has
    /// been busy longest. An eighth of the places, or of the client's share of them, is kept for those
    /// that have not asked yet: a probe is one of them until its request has been read, and must not
    /// be closed for busy ones before.
    fn close_one_of(&mut self, client: Option<Client>) {
        let most = self.held.values().max();
        let (mut idle, mut new, mut busy) = (None, None, None);
        let mut are_new = 0;
        for (id, entry) in &self.entries {
            let counts = client.is_none_or(|client| entry.client == client);
            are_new += usize::from(counts && entry.phase == Phase::New);
            let is_candidate = match client {
                Some(client) => entry.client == client,
                None => self.held.get(&entry.client) == most,
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
        let spare_new = new.filter(|_| are_new > places / KEPT_FOR_NEW);
        let closed = idle.or(spare_new).or(busy).or(new);
        if let Some(entry) = closed.and_then(|(_, id)| self.remove(id)) {
            entry.evict.cancel();
        }
    }

    /// Sets how much of an answer a connection holds. Where all hold too much, closes others: of the
    /// client that holds most of it, the one that has been at it longest. An answer counts as half of
    /// what all may hold at most, so that one which is longer than that has a chance beside others.
    fn hold(&mut self, id: u64, bytes: u64) {
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

/// The bits of an IPv6 address that say which network it is of.
const NETWORK: u128 = !0 << 64;
/// One in so many places is kept for connections that have not asked yet.
const KEPT_FOR_NEW: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    /// Connections that came one after another, with names.
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

        /// Admits one; names those that had to go for it.
        fn admit(&mut self, name: &'static str, peer: &str) -> Vec<&'static str> {
            let connection = self.table.admit(peer.parse().unwrap());
            self.there.push((name, connection));
            self.gone()
        }

        /// Begins an answer; names those that had to go for it.
        fn answers(&mut self, name: &str, bytes: u64) -> Vec<&'static str> {
            self.asks(name);
            self.find(name).answers(bytes);
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
            self.find(name).asked();
        }

        fn is_answered(&self, name: &str) {
            self.find(name).answered();
            self.find(name).flushed();
        }
    }

    const ONE: &str = "192.0.2.1";
    const OTHER: &str = "192.0.2.2";

    #[test]
    fn the_longest_idle_one_makes_room() {
        let mut crowd = Crowd::new(3, 3);
        for name in ["a", "b", "c"] {
            assert!(crowd.admit(name, ONE).is_empty());
            crowd.asks(name);
        }
        for name in ["b", "c", "a"] {
            crowd.is_answered(name);
        }
        assert_eq!(crowd.admit("d", OTHER), ["b"]);
        // Who asks again is not idle any more, and has been idle for less time afterwards.
        crowd.asks("c");
        assert_eq!(crowd.admit("e", OTHER), ["a"]);
        crowd.is_answered("c");
        assert_eq!(crowd.admit("f", ONE), ["d"]);
    }

    #[test]
    fn an_answer_that_has_not_left_is_not_over() {
        let mut crowd = Crowd::new(2, 2);
        crowd.admit("a", ONE);
        crowd.admit("b", ONE);
        for name in ["a", "b"] {
            crowd.asks(name);
        }
        crowd.find("a").answered();
        crowd.is_answered("b");
        assert_eq!(crowd.admit("c", ONE), ["b"]);
        // Asked again before the first answer has left.
        crowd.asks("a");
        crowd.find("a").flushed();
        assert_eq!(crowd.table.lock().entries[&0].phase, Phase::Busy);
    }

    #[test]
    fn no_client_takes_the_place_of_another_one() {
        let mut crowd = Crowd::new(8, 4);
        crowd.admit("idle", OTHER);
        crowd.asks("idle");
        crowd.is_answered("idle");
        let mine = ["1", "2", "3", "4"];
        for name in mine {
            assert!(crowd.admit(name, ONE).is_empty());
        }
        // There is room, but not for more of this one.
        assert_eq!(crowd.admit("5", ONE), ["1"]);
        // And where there is none, who holds most goes first.
        for peer in ["192.0.2.3", "192.0.2.4", "192.0.2.5"] {
            assert!(crowd.admit(peer, peer).is_empty());
        }
        assert_eq!(crowd.admit("late", OTHER), ["2"]);
    }

    #[test]
    fn some_places_are_kept_for_who_has_not_asked_yet() {
        let names = [
            "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15",
        ];
        let mut crowd = Crowd::new(16, 16);
        for name in names {
            crowd.admit(name, ONE);
            crowd.asks(name);
        }
        // Two of sixteen: before more of the new ones than those are there, busy ones go.
        assert_eq!(crowd.admit("a", OTHER), ["0"]);
        assert_eq!(crowd.admit("b", ONE), ["1"]);
        assert_eq!(crowd.admit("c", ONE), ["2"]);
        assert_eq!(crowd.admit("d", ONE), ["b"]);
        // They are kept of all places, not of those of the client that holds most.
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
        // Where nobody has asked the oldest one goes.
        let mut crowd = Crowd::new(2, 2);
        crowd.admit("a", ONE);
        crowd.admit("b", ONE);
        assert_eq!(crowd.admit("c", ONE), ["a"]);
    }

    #[test]
    fn answers_that_nobody_takes_do_not_add_up() {
        let mut crowd = Crowd::new(9, 9);
        for name in ["a", "b", "c"] {
            crowd.admit(name, ONE);
        }
        crowd.admit("other", OTHER);
        assert!(crowd.answers("other", 40).is_empty());
        assert!(crowd.answers("a", 30).is_empty());
        assert!(crowd.answers("b", 30).is_empty());
        // Of who holds most, the one that has been at it longest.
        assert_eq!(crowd.answers("c", 10), ["a"]);
        // What has been taken counts no more, and neither does who is gone.
        crowd.is_answered("b");
        assert!(crowd.answers("b", 50).is_empty());
        crowd.there.retain(|(name, _)| *name != "b");
        assert!(crowd.answers("c", 10).is_empty());
        // One that is longer than all may be is not cut off for a short one.
        assert!(crowd.answers("c", 1_000).is_empty());
        crowd.admit("late", OTHER);
        assert!(crowd.answers("late", 10).is_empty());
        assert_eq!(crowd.answers("late", 20), ["other"]);
    }

    #[test]
    fn a_place_comes_free_with_its_connection() {
        let mut crowd = Crowd::new(2, 2);
        crowd.admit("a", ONE);
        crowd.admit("b", ONE);
        crowd.there.clear();
        assert!(crowd.table.lock().held.is_empty());
        assert!(crowd.admit("c", ONE).is_empty());
        assert!(crowd.admit("d", ONE).is_empty());
    }

    #[test]
    fn a_client_is_an_address_or_a_network() {
        let client = |text: &str| Client::of(text.parse().unwrap());
        assert_ne!(client(ONE), client(OTHER));
        assert_eq!(client(ONE), client("::ffff:192.0.2.1"));
        assert_eq!(client("2001:db8:0:1::1"), client("2001:db8:0:1:2:3:4:5"));
        assert_ne!(client("2001:db8:0:1::1"), client("2001:db8:0:2::1"));
    }
}

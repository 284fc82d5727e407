//! Connections, look-ups and pings in a test's world, or over the machine's network without a world,
//! as far as a check can use it. What the host does between its network and the guest is done here:
//! bytes after those that were asked for are kept.

use std::net::{IpAddr, ToSocketAddrs};

use crate::deadline::Limit;
use crate::net::{ConnectOptions, Failure, Family, Protocol, Until};
use crate::tcp::StdConnection;
use crate::testing::{Connection, current};
use crate::tls::{Handshake, TlsOptions};
use crate::{Address, Deadline, dns, icmp};

/// A connection, with what it has received and nobody has read.
#[derive(Debug)]
pub(crate) struct NetConnection {
    peer: Peer,
    received: Vec<u8>,
}

#[derive(Debug)]
enum Peer {
    Std(StdConnection),
    Fake(Connection),
}

impl NetConnection {
    pub(crate) fn connect(
        protocol: Protocol,
        address: &Address,
        options: &ConnectOptions,
        limit: Limit,
    ) -> Result<Self, Failure> {
        let peer = match (current(), protocol) {
            (Some(world), _) => Peer::Fake(world.connect(protocol, address, options, limit)?),
            (None, Protocol::Tcp) => Peer::Std(StdConnection::connect(address, options, limit)?),
            (None, Protocol::Tls) => return Err(Failure::NoHost),
        };
        Ok(Self {
            peer,
            received: Vec::new(),
        })
    }

    pub(crate) fn exchange(
        &mut self,
        bytes: &[u8],
        until: Until<'_>,
        most: usize,
        limit: Limit,
    ) -> Result<Vec<u8>, Failure> {
        if !bytes.is_empty() {
            self.write(bytes, limit)?;
        }
        let mut searched = 0;
        let mut is_at_end = false;
        loop {
            let found = match until {
                Until::Some if self.received.is_empty() => is_at_end.then_some(0),
                Until::Some => Some(self.received.len().min(most)),
                Until::Delimiter(end) => {
                    let found = find(&self.received[searched..], end);
                    let found = found.map(|at| searched + at + end.len());
                    searched = self.received.len().saturating_sub(end.len() - 1);
                    found
                }
                Until::Length(length) => {
                    Some(length).filter(|length| *length <= self.received.len())
                }
                Until::End => is_at_end.then_some(self.received.len()),
            };
            match found {
                Some(count) if count <= most => return Ok(self.received.drain(..count).collect()),
                Some(_) => return Err(Failure::TooLarge(most)),
                None if is_at_end => return Err(Failure::Closed),
                None if self.received.len() >= most && !matches!(until, Until::End) => {
                    return Err(Failure::TooLarge(most));
                }
                None if self.received.len() > most => return Err(Failure::TooLarge(most)),
                None => {}
            }
            let bytes = self.peer.read(limit)?;
            is_at_end = bytes.is_empty();
            self.received.extend(bytes);
        }
    }

    pub(crate) fn write(&mut self, bytes: &[u8], limit: Limit) -> Result<(), Failure> {
        match &mut self.peer {
            Peer::Std(connection) => connection.write(bytes, limit),
            Peer::Fake(connection) => connection.write(bytes, limit.deadline),
        }
        .map_err(|error| Failure::of_io(&error))
    }

    pub(crate) fn finish(&mut self, _: Limit) -> Result<(), Failure> {
        match &mut self.peer {
            Peer::Std(connection) => connection.finish(),
            Peer::Fake(connection) => {
                connection.finish();
                Ok(())
            }
        }
        .map_err(|error| Failure::of_io(&error))
    }

    pub(crate) fn start_tls(
        &mut self,
        options: &TlsOptions,
        limit: Limit,
    ) -> Result<Handshake, Failure> {
        if !self.received.is_empty() {
            let text = "the server sent data before the TLS handshake";
            return Err(Failure::Failed(text.to_owned()));
        }
        match &mut self.peer {
            Peer::Std(_) => Err(Failure::NoHost),
            Peer::Fake(connection) => connection.start_tls(options, limit.deadline),
        }
    }
}

impl Peer {
    /// Reads what is available; none at the end of the stream.
    fn read(&mut self, limit: Limit) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Std(connection) => {
                let mut chunk = vec![0; CHUNK];
                connection.read(&mut chunk, limit).map(|count| {
                    chunk.truncate(count);
                    chunk
                })
            }
            Self::Fake(connection) => connection.read(CHUNK, limit.deadline),
        }
        .map_err(|error| Failure::of_io(&error))
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

pub(crate) fn look_up(
    name: &str,
    family: Family,
    deadline: Deadline,
) -> Result<Vec<IpAddr>, dns::Problem> {
    if let Some(world) = current() {
        return world.resolve(name, family, deadline);
    }
    let found = (name, 0).to_socket_addrs();
    let found = found.map_err(|error| dns::Problem::of_machine(&error))?;
    let found = found.map(|address| address.ip());
    let found: Vec<IpAddr> = found.filter(|address| family.includes(*address)).collect();
    if found.is_empty() {
        return Err(dns::Problem::NoData);
    }
    Ok(found)
}

pub(crate) fn ping(
    host: &str,
    options: &icmp::Options,
    limit: Limit,
) -> Result<icmp::Ping, Failure> {
    current()
        .ok_or(Failure::NoHost)?
        .ping(host, options, limit.deadline)
}

const CHUNK: usize = 4096;

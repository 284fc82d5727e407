//! Datagrams of `vitals:health/net`.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use tokio::net::UdpSocket;
use tokio::time::timeout_at;

use super::Egress;
use super::connect::ReachError;
use crate::contract::{DatagramOptions, NetError, Reply};
use crate::grants::Peer;

impl Egress {
    /// Sends a datagram to the addresses of a granted peer in turn, until one replies.
    ///
    /// The time until `deadline` is divided evenly among the addresses and attempts. An address at
    /// which nothing listens is left at once, if the machine says so.
    pub(crate) async fn datagram(
        &self,
        peer: &Peer,
        bytes: &[u8],
        options: DatagramOptions,
        deadline: Instant,
    ) -> Result<Vec<Reply>, NetError> {
        let DatagramOptions {
            family,
            attempts,
            replies,
        } = options;
        let mut addresses = self.permitted_addresses_of(family, peer, deadline).await?;
        addresses.truncate(MAX_ADDRESSES);
        let max = usize::from(replies).min(MAX_REPLIES);
        let attempts = match max {
            0 => 1,
            _ => u32::from(attempts).clamp(1, MAX_ATTEMPTS),
        };
        let count = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
        let mut left = count * attempts;
        let mut last = NetError::Timeout;
        for address in addresses {
            let socket = match open(address).await {
                Ok(socket) => socket,
                Err(error) => {
                    last = ReachError::from(error).into();
                    left -= attempts;
                    continue;
                }
            };
            for attempt in 0..attempts {
                let now = Instant::now();
                let until = now + deadline.saturating_duration_since(now) / left.max(1);
                left -= 1;
                match exchange(&socket, bytes, max, until).await {
                    Ok(replies) if replies.is_empty() && max > 0 => last = NetError::Timeout,
                    Ok(replies) => return Ok(replies),
                    Err(error) => {
                        last = ReachError::from(error).into();
                        left -= attempts - attempt - 1;
                        break;
                    }
                }
            }
        }
        Err(last)
    }
}

async fn open(address: SocketAddr) -> io::Result<UdpSocket> {
    let own: SocketAddr = match address {
        SocketAddr::V4(_) => ([0; 4], 0).into(),
        SocketAddr::V6(_) => ([0; 16], 0).into(),
    };
    let socket = UdpSocket::bind(own).await?;
    // From now on only this address can reply.
    socket.connect(address).await?;
    Ok(socket)
}

/// Sends once, and returns the replies, at most `max`, until `deadline`.
async fn exchange(
    socket: &UdpSocket,
    bytes: &[u8],
    max: usize,
    deadline: Instant,
) -> io::Result<Vec<Reply>> {
    let address = socket.peer_addr()?.to_string();
    let sent = Instant::now();
    socket.send(bytes).await?;
    let mut replies = Vec::new();
    let mut buffer = Vec::with_capacity(MAX_DATAGRAM);
    while replies.len() < max {
        buffer.clear();
        match timeout_at(deadline.into(), socket.recv_buf(&mut buffer)).await {
            Ok(received) => received?,
            Err(_) => break,
        };
        replies.push(Reply {
            bytes: buffer.clone(),
            address: address.clone(),
            seconds: sent.elapsed().as_secs_f64(),
        });
    }
    Ok(replies)
}

const MAX_ADDRESSES: usize = 8;
const MAX_ATTEMPTS: u32 = 10;
const MAX_REPLIES: usize = 16;
/// Larger than any datagram.
const MAX_DATAGRAM: usize = 64 << 10;

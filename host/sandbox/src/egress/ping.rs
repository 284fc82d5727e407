//! ICMP echo requests of `vitals:health/net`, by sockets that need no privileges: the kernel fills in
//! identifier and checksum, and passes on only the replies to them.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket as StdUdpSocket};
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto, socket_with};
use tokio::net::UdpSocket;
use tokio::time::timeout_at;

use super::Egress;
use super::connect::ReachError;
use crate::contract::{NetError, PingOptions, PingResult};
use crate::grants::Peer;

impl Egress {
    /// Sends echo requests to the first permitted address of a granted host. What has no reply by
    /// `deadline` is lost.
    pub(crate) async fn ping(
        &self,
        peer: &Peer,
        options: PingOptions,
        deadline: Instant,
    ) -> Result<PingResult, NetError> {
        let family = options.family;
        let addresses = self.permitted_addresses_of(family, peer, deadline).await?;
        let Some(address) = addresses.first().map(SocketAddr::ip) else {
            return Err(NetError::Unreachable);
        };
        let mut pinger = Pinger::new(address, options).map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => NetError::Failed(NOT_PERMITTED.to_owned()),
            _ => ReachError::from(error).into(),
        })?;
        pinger.run(deadline).await.map_err(ReachError::from)?;
        let times = pinger.times.iter();
        Ok(PingResult {
            address: address.to_string(),
            times: times
                .map(|time| time.map(|time| time.as_secs_f64()))
                .collect(),
        })
    }
}

struct Pinger {
    socket: UdpSocket,
    /// Type and code of a request, and of a reply.
    kinds: [[u8; 2]; 2],
    interval: Duration,
    data: Vec<u8>,
    /// When each request was sent so far.
    sent: Vec<Instant>,
    /// The time until each reply, for all requests.
    times: Vec<Option<Duration>>,
}

impl Pinger {
    fn new(address: IpAddr, options: PingOptions) -> io::Result<Self> {
        // RFC 792 and RFC 4443, section 4.
        let (family, protocol, kinds) = match address {
            IpAddr::V4(_) => (AddressFamily::INET, ipproto::ICMP, [[8, 0], [0, 0]]),
            IpAddr::V6(_) => (AddressFamily::INET6, ipproto::ICMPV6, [[128, 0], [129, 0]]),
        };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(family, SocketType::DGRAM, flags, Some(protocol))?;
        rustix::net::connect(&socket, &SocketAddr::new(address, 0))?;
        let count = usize::from(options.count.min(MAX_COUNT));
        Ok(Self {
            // Only `send` and `recv` are used, which are the same for both.
            socket: UdpSocket::from_std(StdUdpSocket::from(socket))?,
            kinds,
            interval: Duration::from_millis(options.interval_ms.into()).max(MIN_INTERVAL),
            data: vec![0; usize::from(options.size.min(MAX_SIZE))],
            sent: Vec::with_capacity(count),
            times: vec![None; count],
        })
    }

    /// Ends when every request has its reply, and at `deadline`.
    async fn run(&mut self, deadline: Instant) -> io::Result<()> {
        let mut buffer = vec![0; HEADER_BYTES + usize::from(MAX_SIZE)];
        // A peer may reply without end.
        for _ in 0..MAX_RECEIVED {
            let next_at = match self.sent.last() {
                Some(last) => *last + self.interval,
                None => Instant::now(),
            };
            let is_next_due = self.sent.len() < self.times.len() && next_at < deadline;
            if is_next_due && next_at <= Instant::now() {
                self.send().await?;
                continue;
            }
            let is_waiting = self.times.iter().any(Option::is_none);
            let until = if is_next_due { next_at } else { deadline };
            if !is_waiting || Instant::now() >= until {
                break;
            }
            let received = timeout_at(until.into(), self.socket.recv(&mut buffer)).await;
            // An error is a router's report that it cannot deliver a request: that one is lost.
            if let Ok(Ok(length)) = received {
                self.receive(&buffer[..length]);
            }
        }
        Ok(())
    }

    async fn send(&mut self) -> io::Result<()> {
        let [[kind, code], _] = self.kinds;
        let sequence = u16::try_from(self.sent.len()).unwrap_or(u16::MAX);
        let [high, low] = sequence.to_be_bytes();
        let mut message = vec![kind, code, 0, 0, 0, 0, high, low];
        message.extend_from_slice(&self.data);
        self.sent.push(Instant::now());
        self.socket.send(&message).await?;
        Ok(())
    }

    fn receive(&mut self, message: &[u8]) {
        let &[kind, code, _, _, _, _, high, low, ..] = message else {
            return;
        };
        let sequence = usize::from(u16::from_be_bytes([high, low]));
        if [kind, code] == self.kinds[1]
            && let Some(sent) = self.sent.get(sequence)
        {
            self.times[sequence].get_or_insert(sent.elapsed());
        }
    }
}

const NOT_PERMITTED: &str = "the kernel lets this process send no ICMP echo requests: include a group of it in \
                             `net.ipv4.ping_group_range` (`sysctl`)";
const HEADER_BYTES: usize = 8;
const MAX_COUNT: u8 = 16;
const MAX_SIZE: u16 = 1024;
const MIN_INTERVAL: Duration = Duration::from_millis(10);
/// Enough for every request, its reply, the wait between two, and some replies that come twice.
const MAX_RECEIVED: usize = 8 * MAX_COUNT as usize;

//! The replies to pings in a world.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use crate::icmp::{Options, Ping};
use crate::net::{Failure, Family};
use crate::testing::{World, lock};
use crate::{Deadline, dns};

/// A host of a [`World`], to define how it replies to pings. It replaces earlier definitions of the
/// host.
#[derive(Debug)]
pub struct PingTarget<'a> {
    world: &'a World,
    host: String,
}

/// The time of each reply, repeated from the beginning; or why the host cannot be pinged.
pub(super) type Replies = Result<Vec<Option<Duration>>, Failure>;

impl World {
    /// Defines how a host replies to [`icmp::ping`](crate::icmp::ping).
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    /// use vitals_sdk::testing::World;
    ///
    /// let world = World::new();
    /// world.icmp("192.0.2.1").replies_after(&[Some(Duration::from_millis(5))]);
    /// let ping = world.run(|| icmp::ping("192.0.2.1", &icmp::Options::default(), Duration::MAX))?;
    /// assert_eq!(ping.times, [Some(Duration::from_millis(5)); 3]);
    /// # Ok::<(), icmp::Error>(())
    /// ```
    #[must_use = "define the replies with `replies_after`"]
    pub fn icmp(&self, host: &str) -> PingTarget<'_> {
        PingTarget {
            world: self,
            host: host.to_owned(),
        }
    }

    pub(crate) fn ping(
        &self,
        host: &str,
        options: &Options,
        deadline: Deadline,
    ) -> Result<Ping, Failure> {
        let defined = lock(&self.0.network).pings.get(host).cloned();
        let Some(replies) = defined else {
            let text = format!("the test does not define the host {host}: use `World::icmp`");
            return Err(Failure::Failed(self.unexpected(text)));
        };
        let replies = replies?;
        let replies = replies.iter().cycle();
        let mut times: Vec<Option<Duration>> =
            replies.take(options.count.into()).copied().collect();
        // A request that gets no reply is waited for until the deadline.
        let left = deadline.remaining_at(self.instant());
        let mut end = Duration::ZERO;
        for (number, time) in (0..).zip(&mut times) {
            let sent = options.interval.saturating_mul(number);
            let received = time.and_then(|time| sent.checked_add(time));
            let received = received.filter(|received| *received <= left);
            if received.is_none() {
                *time = None;
            }
            end = end.max(received.unwrap_or(left));
        }
        self.pass(end, deadline);
        let address = host.parse().unwrap_or(match options.family {
            Family::Any | Family::Ipv4 => IpAddr::from(Ipv4Addr::new(192, 0, 2, 1)),
            Family::Ipv6 => IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
        });
        Ok(Ping { address, times })
    }
}

impl PingTarget<'_> {
    /// Replies to each request after this time, or not at all. If there are more requests, the
    /// times are repeated.
    pub fn replies_after(self, times: &[Option<Duration>]) {
        self.put(Ok(times.to_vec()));
    }

    /// Denies the ping, as if the operator had not granted the host.
    ///
    /// ```
    /// use vitals_sdk::{icmp, testing::World};
    /// use std::time::Duration;
    ///
    /// let world = World::new();
    /// world.icmp("router").denied();
    /// let ping = world.run(|| icmp::ping("router", &icmp::Options::default(), Duration::MAX));
    /// assert!(ping.unwrap_err().is_denied());
    /// ```
    pub fn denied(self) {
        let host = &self.host;
        let text = format!("denied: icmp {host} (add it to `allow.icmp` of the check)");
        self.put(Err(Failure::Denied(text)));
    }

    /// Fails the look-up of the name with this problem.
    ///
    /// ```
    /// use vitals_sdk::{dns, icmp, testing::World};
    /// use std::time::Duration;
    ///
    /// let world = World::new();
    /// world.icmp("router").unresolvable(dns::Problem::NotFound);
    /// let ping = world.run(|| icmp::ping("router", &icmp::Options::default(), Duration::MAX));
    /// let text = "cannot ping router: cannot look up the host: the name does not exist";
    /// assert_eq!(ping.unwrap_err().to_string(), text);
    /// ```
    pub fn unresolvable(self, problem: dns::Problem) {
        self.put(Err(Failure::NotResolved(problem)));
    }

    /// Is unreachable: no request can be sent.
    ///
    /// ```
    /// use vitals_sdk::{icmp, testing::World};
    /// use std::time::Duration;
    ///
    /// let world = World::new();
    /// world.icmp("router").unreachable();
    /// let ping = world.run(|| icmp::ping("router", &icmp::Options::default(), Duration::MAX));
    /// assert_eq!(ping.unwrap_err().to_string(), "cannot ping router: no route to host");
    /// ```
    pub fn unreachable(self) {
        self.put(Err(Failure::Unreachable));
    }

    fn put(self, replies: Replies) {
        lock(&self.world.0.network).pings.insert(self.host, replies);
    }
}

//! Pings: ICMP echo requests, sent by the host.
//!
//! In the host, a host name or address must be granted. Outside the host every call returns
//! [`Problem::NoHost`]. In a [`World`](crate::testing::World) a test defines the replies.

use std::net::IpAddr;
use std::time::Duration;

use vitals_values::duration_text;

use crate::backend;
use crate::deadline::Limit;
use crate::net::{Failure, Family};
use crate::operation_error::{NO_HOST, operation_error};

/// Sends echo requests to the first address of a host and waits for the replies, within `timeout`.
/// `Duration::MAX` means until the run's deadline, which always applies. A missing reply is not an
/// error.
///
/// ```
/// use vitals_sdk::prelude::*;
/// use vitals_sdk::testing::World;
///
/// let world = World::new();
/// world.icmp("router").replies_after(&[Some(Duration::from_millis(2)), None]);
/// let ping = world.run(|| {
///     let options = icmp::Options { count: 2, ..icmp::Options::default() };
///     icmp::ping("router", &options, Duration::from_secs(1))
/// })?;
/// assert_eq!(ping.received(), 1);
/// # Ok::<(), icmp::Error>(())
/// ```
pub fn ping(host: &str, options: &Options, timeout: Duration) -> Result<Ping, Error> {
    let limit = Limit::new(timeout);
    backend::ping(host, options, limit).map_err(|failure| {
        let problem = match failure {
            Failure::Denied(why) => Problem::Denied(why),
            Failure::Timeout => Problem::Timeout(limit.shown),
            #[cfg(not(target_family = "wasm"))]
            Failure::NoHost => Problem::NoHost,
            other => Problem::Failed(other.text(limit).into_owned()),
        };
        Error::new(format!("ping {host}"), problem)
    })
}

/// Which echo requests are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The addresses that may be pinged.
    pub family: Family,
    /// How many are sent, at most 16.
    pub count: u8,
    /// The time between two of them, at least 10 ms.
    pub interval: Duration,
    /// The bytes of data in each, at most 1,024.
    pub size: u16,
}

/// Three requests of 56 bytes of data, one every 100 ms.
impl Default for Options {
    fn default() -> Self {
        Self {
            family: Family::Any,
            count: 3,
            interval: Duration::from_millis(100),
            size: 56,
        }
    }
}

/// The replies to echo requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ping {
    /// The address that was pinged.
    pub address: IpAddr,
    /// The time of each request until its reply; `None` if there was no reply.
    pub times: Vec<Option<Duration>>,
}

impl Ping {
    /// Returns the number of replies.
    pub fn received(&self) -> usize {
        self.times.iter().flatten().count()
    }
}

operation_error! {
    /// A ping that could not be sent: `cannot ping router: no route to host`.
}

impl Error {
    /// Returns whether the operator has not granted the host.
    pub fn is_denied(&self) -> bool {
        matches!(self.problem, Problem::Denied(_))
    }
}

/// What went wrong with a ping.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The host is not granted; the text says what to grant.
    #[error("{0}")]
    Denied(String),
    /// The look-up of the name exceeded this timeout.
    #[error("timed out after {}", duration_text(*.0))]
    Timeout(Duration),
    /// The name has no address, there is no route to it, or the machine does not let the host ping.
    #[error("{0}")]
    Failed(String),
    /// The check does not run in a host.
    #[error("{}", NO_HOST)]
    NoHost,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ping_outside_the_host_is_an_error() {
        let error = ping("localhost", &Options::default(), Duration::MAX).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("cannot ping localhost: {NO_HOST}")
        );
        assert!(!error.is_denied());
    }
}

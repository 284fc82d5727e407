//! What the host tells the service manager that started it, by the protocol of systemd: a datagram
//! with lines such as `READY=1` (`sd_notify(3)`).
//!
//! Knows no units, reads no environment, and waits for nobody long: a service manager that does not
//! listen must not hold up the host.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram as StdDatagram};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::net::UnixDatagram;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::status::HostStatus;
use vitals_config::Supervision;

/// Tells the service manager how the host does; tells nobody where there is none. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Supervisor {
    socket: Option<Arc<SocketAddr>>,
    watchdog: Option<Duration>,
}

/// The service manager can't be told anything.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot tell the service manager at `{socket}` ({reason}); set NOTIFY_SOCKET to a path, or to `@` and a name"
)]
pub struct NoSocket {
    socket: String,
    reason: String,
}

impl Supervisor {
    /// The service manager that the environment names, or nobody.
    ///
    /// # Errors
    ///
    /// It listens where this can't reach it: the name of the socket is none.
    pub fn new(supervision: &Supervision) -> Result<Self, NoSocket> {
        let socket = supervision.socket.as_deref().map(address).transpose()?;
        Ok(Self {
            watchdog: supervision.watchdog.filter(|_| socket.is_some()),
            socket: socket.map(Arc::new),
        })
    }

    /// The endpoints are answered from here on.
    pub async fn ready(&self) {
        self.tell("READY=1").await;
    }

    /// Files and configuration are being looked at; [`Supervisor::ready`] says that this is over.
    pub async fn reloading(&self) {
        // By it a reload that was asked for is told apart from one that began before.
        let now = clock_gettime(ClockId::Monotonic);
        let micros = now.tv_sec * 1_000_000 + now.tv_nsec / 1_000;
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={micros}"))
            .await;
    }

    /// The host shuts down.
    pub async fn stopping(&self) {
        self.tell("STOPPING=1").await;
    }

    /// Says how the checks are whenever that changes, and gives the heartbeats that the watchdog
    /// wants while each of the host's own loops turns. Returns at once where nobody listens, else
    /// never.
    pub async fn keep_told(&self, status: HostStatus) {
        if self.socket.is_some() {
            tokio::join!(self.feed(&status), self.describe(&status));
        }
    }

    async fn feed(&self, status: &HostStatus) {
        let Some(watchdog) = self.watchdog else {
            return;
        };
        // As sd_watchdog_enabled(3) has it.
        let mut ticks = interval((watchdog / 2).max(SHORTEST_TICK));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stood_still = None;
        loop {
            ticks.tick().await;
            let stalled_loop = status.stalled_loop();
            match stalled_loop {
                None => self.tell("WATCHDOG=1").await,
                Some(name) if stalled_loop != stood_still => {
                    tracing::error!(r#loop = name, "watchdog is not fed, a loop stands still");
                }
                Some(_) => {}
            }
            stood_still = stalled_loop;
        }
    }

    async fn describe(&self, status: &HostStatus) {
        let mut ticks = interval(STATUS_PAUSE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut told = String::new();
        loop {
            ticks.tick().await;
            let summary = status.summary();
            if summary != told {
                self.tell(&format!("STATUS={summary}")).await;
                told = summary;
            }
        }
    }

    async fn tell(&self, news: &str) {
        let Some(socket) = &self.socket else {
            return;
        };
        let sent = timeout(PATIENCE, send(socket, news.as_bytes())).await;
        let sent = sent.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        if let Err(error) = sent {
            let error = error.to_string();
            tracing::warn!(error, news, "cannot notify the service manager");
        }
    }
}

/// Connects each time: who listens there may have been started anew.
async fn send(address: &SocketAddr, news: &[u8]) -> io::Result<()> {
    let socket = StdDatagram::unbound()?;
    socket.connect_addr(address)?;
    socket.set_nonblocking(true)?;
    UnixDatagram::from_std(socket)?.send(news).await?;
    Ok(())
}

fn address(socket: &OsStr) -> Result<SocketAddr, NoSocket> {
    let address = match socket.as_bytes() {
        [b'@', name @ ..] if !name.is_empty() => SocketAddr::from_abstract_name(name),
        [b'/', ..] => SocketAddr::from_pathname(Path::new(socket)),
        _ => Err(io::Error::other("it is no name of a Unix socket")),
    };
    address.map_err(|error| NoSocket {
        socket: socket.to_string_lossy().into_owned(),
        reason: error.to_string(),
    })
}

/// How often the status is looked at.
const STATUS_PAUSE: Duration = Duration::from_secs(1);
/// A watchdog that wants heartbeats more often than a timer can give them gets as many as it can.
const SHORTEST_TICK: Duration = Duration::from_millis(1);
/// How long a message may wait for room in the service manager's queue.
const PATIENCE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_a_path_or_an_abstract_name() {
        for name in ["/run/systemd/notify", "@/org/freedesktop/systemd1/notify"] {
            assert!(address(name.as_ref()).is_ok(), "{name}");
        }
        for name in ["", "@", "notify", "vsock:2:1"] {
            let error = address(name.as_ref()).expect_err(name).to_string();
            assert!(
                error.starts_with("cannot tell the service manager"),
                "{error}"
            );
        }
    }
}

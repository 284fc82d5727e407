//! Notifies the service manager by the protocol of systemd: datagrams with lines such as `READY=1`
//! (`sd_notify(3)`).
//!
//! The module reads no environment and never waits long, because a service manager that does not
//! listen must not delay the host.

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

/// Notifies the service manager of the host's state, if there is one. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Supervisor {
    socket: Option<Arc<SocketAddr>>,
    watchdog: Option<Duration>,
}

/// The service manager can't be notified.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot notify the service manager at `{socket}` ({reason}); set NOTIFY_SOCKET to a path, or to \
     `@` and a name"
)]
pub struct InvalidSocket {
    socket: String,
    reason: String,
}

impl Supervisor {
    /// Creates a supervisor for the service manager that the environment names, if any.
    ///
    /// # Errors
    ///
    /// The name of the socket is invalid.
    pub fn new(supervision: &Supervision) -> Result<Self, InvalidSocket> {
        let socket = supervision.socket.as_deref().map(address).transpose()?;
        Ok(Self {
            watchdog: supervision.watchdog.filter(|_| socket.is_some()),
            socket: socket.map(Arc::new),
        })
    }

    /// Reports that the endpoints are up, or that a reload is over.
    pub async fn ready(&self) {
        self.notify("READY=1").await;
    }

    /// Reports that a reload has begun. [`Supervisor::ready`] reports its end.
    pub async fn reloading(&self) {
        // The timestamp lets systemd match the reload with its request.
        let now = clock_gettime(ClockId::Monotonic);
        let micros = now.tv_sec * 1_000_000 + now.tv_nsec / 1_000;
        self.notify(&format!("RELOADING=1\nMONOTONIC_USEC={micros}"))
            .await;
    }

    /// Reports that the host is shutting down.
    pub async fn stopping(&self) {
        self.notify("STOPPING=1").await;
    }

    /// Reports the summary of checks whenever it changes, and feeds the watchdog while all of the
    /// host's loops make progress. Without a service manager it returns at once, otherwise never.
    pub async fn report_status(&self, status: HostStatus) {
        if self.socket.is_some() {
            tokio::join!(self.feed_watchdog(&status), self.send_status(&status));
        }
    }

    async fn feed_watchdog(&self, status: &HostStatus) {
        let Some(watchdog) = self.watchdog else {
            return;
        };
        // The interval that sd_watchdog_enabled(3) recommends.
        let mut ticks = interval((watchdog / 2).max(MIN_TICK));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last_stalled = None;
        loop {
            ticks.tick().await;
            let stalled_loop = status.stalled_loop();
            match stalled_loop {
                None => self.notify("WATCHDOG=1").await,
                Some(name) if stalled_loop != last_stalled => {
                    tracing::error!(r#loop = name, "watchdog not fed, a loop is stalled");
                }
                Some(_) => {}
            }
            last_stalled = stalled_loop;
        }
    }

    async fn send_status(&self, status: &HostStatus) {
        let mut ticks = interval(STATUS_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut reported = String::new();
        loop {
            ticks.tick().await;
            let summary = status.summary();
            if summary != reported {
                self.notify(&format!("STATUS={summary}")).await;
                reported = summary;
            }
        }
    }

    async fn notify(&self, state: &str) {
        let Some(socket) = &self.socket else {
            return;
        };
        let sent = timeout(SEND_TIMEOUT, send(socket, state.as_bytes())).await;
        let sent = sent.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        if let Err(error) = sent {
            let error = error.to_string();
            tracing::warn!(error, state, "cannot notify the service manager");
        }
    }
}

/// Connects for each message, because the service manager may have been restarted.
async fn send(address: &SocketAddr, state: &[u8]) -> io::Result<()> {
    let socket = StdDatagram::unbound()?;
    socket.connect_addr(address)?;
    socket.set_nonblocking(true)?;
    UnixDatagram::from_std(socket)?.send(state).await?;
    Ok(())
}

fn address(socket: &OsStr) -> Result<SocketAddr, InvalidSocket> {
    let address = match socket.as_bytes() {
        [b'@', name @ ..] if !name.is_empty() => SocketAddr::from_abstract_name(name),
        [b'/', ..] => SocketAddr::from_pathname(Path::new(socket)),
        _ => Err(io::Error::other("it is not the name of a Unix socket")),
    };
    address.map_err(|error| InvalidSocket {
        socket: socket.to_string_lossy().into_owned(),
        reason: error.to_string(),
    })
}

/// The interval at which the summary is compared.
const STATUS_INTERVAL: Duration = Duration::from_secs(1);
/// The shortest interval for feeding the watchdog.
const MIN_TICK: Duration = Duration::from_millis(1);
/// The time limit for a message to be queued by the service manager.
const SEND_TIMEOUT: Duration = Duration::from_secs(1);

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
                error.starts_with("cannot notify the service manager"),
                "{error}"
            );
        }
    }
}

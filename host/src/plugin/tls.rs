//! `vitals:health/tls`: connections of a guest that the host makes, and that can be turned into TLS.
//!
//! Each call takes its parameters apart, asks [`Egress`](super::egress::Egress) for what needs a grant,
//! and leaves the rest to the [`Connection`]. Nothing here decides what may be reached.

mod certificate;
mod connection;

use std::time::{Duration, Instant};

use wasmtime::component::Resource;

pub(super) use self::certificate::shown;
use self::connection::Broken;
#[expect(
    unreachable_pub,
    reason = "the bindings of the contract name it where `pub(super)` can't follow"
)]
pub use self::connection::Connection;
use super::bindings::v0_1::vitals::health::tls;
use super::egress::Unreached;
use super::grants::{Channel, HostError, Peer, parse_host};
use super::state::State;
use crate::check::Text;

impl State {
    /// When a call of the guest has to be over: at once for a timeout of 0, at its run's end for one
    /// that goes beyond that.
    ///
    /// The run's end is told by whoever ends the run. A moment later it is told here too, so that no
    /// wait is without an end of its own.
    fn until(&self, timeout_ms: u32) -> Instant {
        let asked = Instant::now() + Duration::from_millis(timeout_ms.into());
        if asked < self.deadline {
            asked
        } else {
            self.deadline + AFTER_THE_RUN
        }
    }
}

impl tls::Host for State {}

impl tls::HostConnection for State {
    async fn connect(
        &mut self,
        host: String,
        port: u16,
        timeout_ms: u32,
    ) -> wasmtime::Result<Result<Resource<Connection>, tls::TlsError>> {
        let until = self.until(timeout_ms);
        let peer = match peer(&host, port) {
            Ok(peer) => peer,
            Err(error) => return Ok(Err(error)),
        };
        let stream = match self.egress.dial(&peer, until).await {
            Ok(stream) => stream,
            Err(unreached) => return Ok(Err(unreached.into())),
        };
        Ok(Ok(self.table.push(Connection::new(stream))?))
    }

    async fn read(
        &mut self,
        connection: Resource<Connection>,
        max: u32,
        timeout_ms: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, tls::TlsError>> {
        let until = self.until(timeout_ms);
        let read = self.table.get_mut(&connection)?.read(max, until).await;
        Ok(read.map_err(tls::TlsError::from))
    }

    async fn write(
        &mut self,
        connection: Resource<Connection>,
        bytes: Vec<u8>,
        timeout_ms: u32,
    ) -> wasmtime::Result<Result<(), tls::TlsError>> {
        let until = self.until(timeout_ms);
        let written = self.table.get_mut(&connection)?.write(&bytes, until).await;
        Ok(written.map_err(tls::TlsError::from))
    }

    async fn start_tls(
        &mut self,
        connection: Resource<Connection>,
        server_name: String,
        verify: bool,
        timeout_ms: u32,
    ) -> wasmtime::Result<Result<tls::Handshake, tls::TlsError>> {
        let until = self.until(timeout_ms);
        let connection = self.table.get_mut(&connection)?;
        let host = match parse_host(&server_name) {
            Ok(host) => host,
            Err(error) => return Ok(Err(no_host(&server_name, error))),
        };
        let shaken = connection.start_tls(&self.egress, &host, verify, until);
        Ok(shaken.await.map_err(tls::TlsError::from))
    }

    async fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(connection)?;
        Ok(())
    }
}

fn peer(host: &str, port: u16) -> Result<Peer, tls::TlsError> {
    let named = parse_host(host).map_err(|error| no_host(host, error))?;
    if port == 0 {
        return Err(no_host(&format!("{host}:0"), HostError::Port));
    }
    Ok(Peer {
        channel: Channel::Tls,
        host: named,
        port,
    })
}

fn no_host(text: &str, error: HostError) -> tls::TlsError {
    let shown = Text::line(text, SHOWN_BYTES);
    tls::TlsError::Failed(format!("`{shown}` cannot be used: {error}"))
}

impl From<Unreached> for tls::TlsError {
    fn from(unreached: Unreached) -> Self {
        match unreached {
            Unreached::Denied(why) => Self::Denied(why),
            Unreached::Timeout => Self::Timeout,
            Unreached::Closed => Self::Closed,
            Unreached::Failed(why) => Self::Failed(why),
        }
    }
}

impl From<Broken> for tls::TlsError {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Timeout => Self::Timeout,
            Broken::Closed => Self::Closed,
            Broken::Failed(why) => Self::Failed(why),
        }
    }
}

/// How long after its run a wait ends by itself.
const AFTER_THE_RUN: Duration = Duration::from_secs(1);
/// How much of a name that is none is shown.
const SHOWN_BYTES: usize = 256;

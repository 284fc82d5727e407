//! Connections that the host makes for a guest, and that can be upgraded to TLS.
//!
//! Each call parses its parameters, asks [`Egress`](super::egress::Egress) for what needs a grant,
//! and leaves the rest to the [`Connection`]. Nothing here decides what may be reached.

mod certificate;
mod connection;

use std::time::{Duration, Instant};

use wasmtime::component::Resource;

pub(super) use self::certificate::describe_certificate;
#[expect(
    unreachable_pub,
    reason = "the bindings of the contract name it where `pub(super)` can't follow"
)]
pub use self::connection::Connection;
use super::contract::{Handshake, TlsError};
use super::egress::ConnectionError;
use super::grants::{Channel, HostError, Peer, parse_host};
use super::state::State;
use vitals_model::Text;

impl State {
    /// The deadline of a call with a timeout: now for a timeout of 0, and the end of the run for a
    /// timeout beyond it.
    ///
    /// The run itself ends at its deadline. The call ends [`GRACE_AFTER_RUN`] later, so that no
    /// wait is endless.
    pub(super) fn deadline_after(&self, timeout_ms: u32) -> Instant {
        let asked = Instant::now() + Duration::from_millis(timeout_ms.into());
        if asked < self.deadline {
            asked
        } else {
            self.deadline + GRACE_AFTER_RUN
        }
    }

    /// Connects to a granted peer.
    pub(super) async fn connect_tls(
        &mut self,
        host: &str,
        port: u16,
        timeout_ms: u32,
    ) -> Result<Connection, TlsError> {
        let deadline = self.deadline_after(timeout_ms);
        let stream = self.egress.dial(&peer(host, port)?, deadline).await?;
        Ok(Connection::new(stream))
    }

    /// Makes a TLS handshake on a connection. The outer error means that there is no such
    /// connection.
    pub(super) async fn start_tls_on(
        &mut self,
        connection: &Resource<Connection>,
        server_name: &str,
        verify: bool,
        timeout_ms: u32,
    ) -> wasmtime::Result<Result<Handshake, TlsError>> {
        let deadline = self.deadline_after(timeout_ms);
        let connection = self.table.get_mut(connection)?;
        let host = match parse_host(server_name) {
            Ok(host) => host,
            Err(error) => return Ok(Err(host_error(server_name, error))),
        };
        let session = connection.start_tls(&self.egress, &host, verify, deadline);
        Ok(session.await)
    }
}

fn peer(host: &str, port: u16) -> Result<Peer, TlsError> {
    let named = parse_host(host).map_err(|error| host_error(host, error))?;
    if port == 0 {
        return Err(host_error(&format!("{host}:0"), HostError::Port));
    }
    Ok(Peer::new(Channel::Tls, named, port))
}

fn host_error(text: &str, error: HostError) -> TlsError {
    let shown = Text::line(text, SHOWN_BYTES);
    TlsError::Failed(format!("`{shown}` cannot be used: {error}"))
}

impl From<ConnectionError> for TlsError {
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::Denied(why) => Self::Denied(why),
            ConnectionError::Timeout => Self::Timeout,
            ConnectionError::Closed => Self::Closed,
            ConnectionError::Protocol(_, why) | ConnectionError::Failed(why) => Self::Failed(why),
        }
    }
}

/// How long after the run's deadline a call ends.
const GRACE_AFTER_RUN: Duration = Duration::from_secs(1);
/// How much of an invalid name is shown.
const SHOWN_BYTES: usize = 256;

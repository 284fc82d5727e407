//! `vitals:health/net`: what the host does on the network for a guest that speaks a protocol of its
//! own.
//!
//! Each call parses its parameters, asks [`Egress`](super::egress::Egress) for what needs a grant,
//! and leaves the rest to the [`Connection`]. Nothing here decides what may be reached.

mod certificate;
mod connection;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use wasmtime::component::Resource;

pub(super) use self::certificate::describe_certificate;
#[expect(
    unreachable_pub,
    reason = "the bindings of the contract name it where `pub(super)` can't follow"
)]
pub use self::connection::Connection;
use super::contract::{
    ConnectOptions, DatagramOptions, Family, Handshake, NetError, PingOptions, PingResult, Reply,
    TlsOptions,
};
use super::egress::{Egress, HandshakeOptions};
use super::grants::{Channel, Host, HostError, Peer, parse_host};
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
    pub(super) async fn connect_tcp(
        &mut self,
        host: &str,
        port: u16,
        options: &ConnectOptions,
        timeout_ms: u32,
    ) -> Result<Connection, NetError> {
        let deadline = self.deadline_after(timeout_ms);
        let peer = peer(Channel::HostTcp, host, port)?;
        let stream = self.egress.dial(&peer, options, deadline).await?;
        Ok(Connection::new(stream))
    }

    /// Makes a TLS handshake on a connection. The outer error means that there is no such
    /// connection.
    pub(super) async fn start_tls_on(
        &mut self,
        connection: &Resource<Connection>,
        options: TlsOptions,
        timeout_ms: u32,
    ) -> wasmtime::Result<Result<Handshake, NetError>> {
        let deadline = self.deadline_after(timeout_ms);
        let connection = self.table.get_mut(connection)?;
        let (host, options) = match handshake_options(&self.egress, options) {
            Ok(prepared) => prepared,
            Err(error) => return Ok(Err(error)),
        };
        let session = connection.start_tls(&self.egress, &host, options, deadline);
        Ok(session.await)
    }

    /// Sends a datagram to a granted peer and waits for replies.
    pub(super) async fn send_datagram(
        &mut self,
        host: &str,
        port: u16,
        bytes: &[u8],
        options: DatagramOptions,
        timeout_ms: u32,
    ) -> Result<Vec<Reply>, NetError> {
        let deadline = self.deadline_after(timeout_ms);
        let peer = peer(Channel::Udp, host, port)?;
        self.egress.datagram(&peer, bytes, options, deadline).await
    }

    /// Looks up a granted name.
    pub(super) async fn resolve_name(
        &mut self,
        name: &str,
        family: Family,
        timeout_ms: u32,
    ) -> Result<Vec<IpAddr>, NetError> {
        let deadline = self.deadline_after(timeout_ms);
        self.egress.resolve(named(name)?, family, deadline).await
    }

    /// Pings a granted host.
    pub(super) async fn ping_host(
        &mut self,
        host: &str,
        options: PingOptions,
        timeout_ms: u32,
    ) -> Result<PingResult, NetError> {
        let deadline = self.deadline_after(timeout_ms);
        let peer = Peer::new(Channel::Icmp, named(host)?, 0);
        self.egress.ping(&peer, options, deadline).await
    }
}

/// The name for a handshake, and what a guest asks of it.
fn handshake_options(
    egress: &Egress,
    options: TlsOptions,
) -> Result<(Host, HandshakeOptions), NetError> {
    let TlsOptions {
        server_name,
        verification,
        alpn,
        client_certificate,
    } = options;
    let host = named(&server_name)?;
    verification.validate().map_err(NetError::Failed)?;
    let is_name = |protocol: &String| (1..=MAX_ALPN_BYTES).contains(&protocol.len());
    if alpn.len() > MAX_ALPN || !alpn.iter().all(is_name) {
        return Err(NetError::Failed(format!(
            "ALPN takes at most {MAX_ALPN} names of 1 to {MAX_ALPN_BYTES} bytes"
        )));
    }
    let identity = client_certificate.map(|name| egress.identity(&name));
    let options = HandshakeOptions {
        alpn: alpn.into_iter().map(String::into_bytes).collect(),
        verification,
        describes_chain: true,
        identity: identity.transpose()?,
    };
    Ok((host, options))
}

fn peer(channel: Channel, host: &str, port: u16) -> Result<Peer, NetError> {
    let named = named(host)?;
    if port == 0 {
        return Err(host_error(&format!("{host}:0"), HostError::Port));
    }
    Ok(Peer::new(channel, named, port))
}

fn named(host: &str) -> Result<Host, NetError> {
    parse_host(host).map_err(|error| host_error(host, error))
}

fn host_error(text: &str, error: HostError) -> NetError {
    let shown = Text::line(text, SHOWN_BYTES);
    NetError::Failed(format!("`{shown}` cannot be used: {error}"))
}

/// How long after the run's deadline a call ends.
const GRACE_AFTER_RUN: Duration = Duration::from_secs(1);
/// How much of an invalid name is shown.
const SHOWN_BYTES: usize = 256;
const MAX_ALPN: usize = 16;
/// RFC 7301, section 3.1.
const MAX_ALPN_BYTES: usize = 255;

//! Connections over `vitals:health/tls`. The host connects, does the handshake and checks grants.

use std::time::Duration;

use crate::backend::bindings::vitals::health::tls as contract;
use crate::tls::{Certificate, Handshake, Problem};
use crate::{Address, Deadline};

/// A connection that the host holds.
#[derive(Debug)]
pub(crate) struct TlsConnection(contract::Connection);

impl TlsConnection {
    pub(crate) fn connect(address: &Address, deadline: Deadline) -> Result<Self, Problem> {
        let timeout = milliseconds(deadline)?;
        contract::Connection::connect(address.host(), address.port(), timeout)
            .map(Self)
            .map_err(problem)
    }

    pub(crate) fn read(&self, most: usize, deadline: Deadline) -> Result<Vec<u8>, Problem> {
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        self.0.read(most, milliseconds(deadline)?).map_err(problem)
    }

    pub(crate) fn write(&self, bytes: &[u8], deadline: Deadline) -> Result<(), Problem> {
        self.0
            .write(bytes, milliseconds(deadline)?)
            .map_err(problem)
    }

    pub(crate) fn start_tls(
        &self,
        name: &str,
        verify: bool,
        deadline: Deadline,
    ) -> Result<Handshake, Problem> {
        let timeout = milliseconds(deadline)?;
        let started = self.0.start_tls(name, verify, timeout);
        started.map(handshake).map_err(problem)
    }
}

pub(super) fn handshake(handshake: contract::Handshake) -> Handshake {
    Handshake {
        chain: handshake.chain.into_iter().map(certificate).collect(),
        protocol: handshake.protocol,
        cipher: handshake.cipher,
        alpn: handshake.alpn,
        verification_error: handshake.verification_error,
    }
}

/// Returns the remaining time in milliseconds. No remaining time is a timeout.
fn milliseconds(deadline: Deadline) -> Result<u32, Problem> {
    if deadline.has_passed() {
        return Err(Problem::Timeout(Duration::ZERO));
    }
    Ok(super::time::milliseconds(deadline))
}

fn problem(error: contract::TlsError) -> Problem {
    match error {
        contract::TlsError::Denied(why) => Problem::Denied(why),
        contract::TlsError::Timeout => Problem::Timeout(Duration::ZERO),
        contract::TlsError::Closed => Problem::Closed,
        contract::TlsError::Failed(why) => Problem::Failed(why),
    }
}

fn certificate(certificate: contract::Certificate) -> Certificate {
    Certificate {
        subject: certificate.subject,
        issuer: certificate.issuer,
        names: certificate.names,
        serial: certificate.serial,
        not_before: certificate.not_before,
        not_after: certificate.not_after,
        sha256: certificate.sha256,
        public_key_sha256: certificate.public_key_sha256,
    }
}

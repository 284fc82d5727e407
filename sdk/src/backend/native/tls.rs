//! TLS with a peer of a test's world. Without a world there is none.

use std::io::{self, ErrorKind};
use std::time::Duration;

use crate::testing::{Connection, current};
use crate::tls::{Handshake, Problem};
use crate::{Address, Deadline};

#[derive(Debug)]
pub(crate) struct TlsConnection(Connection);

impl TlsConnection {
    pub(crate) fn connect(address: &Address, deadline: Deadline) -> Result<Self, Problem> {
        current()
            .ok_or(Problem::NoHost)?
            .connect_tls(address, deadline)
            .map(Self)
    }

    pub(crate) fn read(&self, most: usize, deadline: Deadline) -> Result<Vec<u8>, Problem> {
        self.0.read(most, deadline).map_err(|error| problem(&error))
    }

    pub(crate) fn write(&self, bytes: &[u8], deadline: Deadline) -> Result<(), Problem> {
        self.0
            .write(bytes, deadline)
            .map_err(|error| problem(&error))
    }

    pub(crate) fn start_tls(
        &self,
        name: &str,
        verify: bool,
        deadline: Deadline,
    ) -> Result<Handshake, Problem> {
        self.0.start_tls(name, verify, deadline)
    }
}

fn problem(error: &io::Error) -> Problem {
    match error.kind() {
        ErrorKind::TimedOut => Problem::Timeout(Duration::ZERO),
        _ => Problem::Closed,
    }
}

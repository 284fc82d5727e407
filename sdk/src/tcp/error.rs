//! Errors of connections, worded for people.

use std::fmt;
use std::io::{self, ErrorKind};

use vitals_values::duration_text;

use crate::Address;
use crate::deadline::Limit;

/// A connection that could not be made, or broke:
/// `cannot connect to db:5432: connection refused`.
#[derive(Debug)]
pub struct Error {
    action: &'static str,
    address: Address,
    kind: ErrorKind,
    problem: String,
}

impl Error {
    pub(crate) fn new(
        action: &'static str,
        address: &Address,
        error: &io::Error,
        limit: Limit,
    ) -> Self {
        let problem = match error.kind() {
            ErrorKind::ConnectionRefused => "connection refused".to_owned(),
            ErrorKind::TimedOut | ErrorKind::WouldBlock => {
                format!("timed out after {}", duration_text(limit.shown))
            }
            ErrorKind::PermissionDenied => format!("denied: tcp {address} (it is not granted)"),
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
                "connection reset by peer".to_owned()
            }
            ErrorKind::UnexpectedEof | ErrorKind::WriteZero => {
                "the peer closed the connection".to_owned()
            }
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
                "no route to host".to_owned()
            }
            _ => error.to_string(),
        };
        Self {
            action,
            address: address.clone(),
            kind: error.kind(),
            problem,
        }
    }

    pub(crate) fn lookup(address: &Address, error: &io::Error) -> Self {
        let text = error.to_string();
        let problem = if error.kind() == ErrorKind::PermissionDenied {
            format!("denied: tcp {address} (it is not granted)")
        } else {
            format!(
                "cannot look up the host: {}",
                text.strip_prefix(LOOKUP).unwrap_or(&text)
            )
        };
        Self {
            action: "connect to",
            address: address.clone(),
            kind: error.kind(),
            problem,
        }
    }

    pub(crate) fn no_address(address: &Address) -> Self {
        let problem = "the host name has no address".to_owned();
        Self {
            action: "connect to",
            address: address.clone(),
            kind: ErrorKind::NotFound,
            problem,
        }
    }

    /// Rewords the error for UDP.
    pub(crate) fn over_udp(mut self) -> Self {
        if self.is_denied() {
            self.problem = format!("denied: udp {} (it is not granted)", self.address);
        }
        self
    }

    pub(super) fn too_long(address: &Address, limit: usize) -> Self {
        let problem = format!("the response is longer than {limit} bytes");
        Self {
            action: "read from",
            address: address.clone(),
            kind: ErrorKind::InvalidData,
            problem,
        }
    }

    /// Returns the kind, as in `std`. A timeout is always `TimedOut`.
    pub fn kind(&self) -> ErrorKind {
        if self.is_timeout() {
            ErrorKind::TimedOut
        } else {
            self.kind
        }
    }

    /// Returns whether the operation timed out.
    pub fn is_timeout(&self) -> bool {
        matches!(self.kind, ErrorKind::TimedOut | ErrorKind::WouldBlock)
    }

    /// Returns whether the operator has not granted the address.
    pub fn is_denied(&self) -> bool {
        self.kind == ErrorKind::PermissionDenied
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cannot {} {}: {}",
            self.action, self.address, self.problem
        )
    }
}

impl std::error::Error for Error {}

/// The prefix that `std` puts in front of the reason.
const LOOKUP: &str = "failed to lookup address information: ";

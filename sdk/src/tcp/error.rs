//! Errors of connections, worded for people.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, ErrorKind};

use vitals_values::duration_text;

use crate::Address;
use crate::deadline::Limit;

/// A connection that could not be made, or broke:
/// `cannot connect to db:5432: connection refused`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    action: &'static str,
    address: Address,
    kind: ErrorKind,
    problem: Cow<'static, str>,
}

impl Error {
    pub(crate) fn new(
        action: &'static str,
        address: &Address,
        error: &io::Error,
        limit: Limit,
    ) -> Self {
        let problem: Cow<'static, str> = match error.kind() {
            ErrorKind::ConnectionRefused => "connection refused".into(),
            ErrorKind::TimedOut | ErrorKind::WouldBlock => {
                format!("timed out after {}", duration_text(limit.shown)).into()
            }
            ErrorKind::PermissionDenied => denied("tcp", address).into(),
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
                "connection reset by peer".into()
            }
            ErrorKind::UnexpectedEof | ErrorKind::WriteZero => {
                "the peer closed the connection".into()
            }
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => "no route to host".into(),
            _ => error.to_string().into(),
        };
        Self::with(action, address, error.kind(), problem)
    }

    pub(crate) fn lookup(address: &Address, error: &io::Error) -> Self {
        let text = error.to_string();
        let problem = if error.kind() == ErrorKind::PermissionDenied {
            denied("tcp", address)
        } else {
            format!(
                "cannot look up the host: {}",
                text.strip_prefix(LOOKUP).unwrap_or(&text)
            )
        };
        Self::with("connect to", address, error.kind(), problem.into())
    }

    pub(crate) fn no_address(address: &Address) -> Self {
        let problem = "the host name has no address".into();
        Self::with("connect to", address, ErrorKind::NotFound, problem)
    }

    pub(super) fn too_long(address: &Address, limit: usize) -> Self {
        let problem = format!("the response is longer than {limit} bytes");
        Self::with("read from", address, ErrorKind::InvalidData, problem.into())
    }

    fn with(
        action: &'static str,
        address: &Address,
        kind: ErrorKind,
        problem: Cow<'static, str>,
    ) -> Self {
        Self {
            action,
            address: address.clone(),
            kind: match kind {
                ErrorKind::WouldBlock => ErrorKind::TimedOut,
                other => other,
            },
            problem,
        }
    }

    /// Rewords the error for UDP.
    pub(crate) fn over_udp(mut self) -> Self {
        if self.is_denied() {
            self.problem = denied("udp", &self.address).into();
        }
        self
    }

    /// Returns the kind, as in `std`. A timeout is always `TimedOut`.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Returns whether the operation timed out.
    pub fn is_timeout(&self) -> bool {
        self.kind == ErrorKind::TimedOut
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

/// The host has no place for this text in the errors of its sockets.
fn denied(kind: &str, address: &Address) -> String {
    format!("denied: {kind} {address} (add it to `allow.{kind}` of the check)")
}

/// The prefix that `std` puts in front of the reason.
const LOOKUP: &str = "failed to lookup address information: ";

//! Errors of connections, worded for people.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, ErrorKind};

use crate::Address;
use crate::net::Failed;

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
    /// Makes the error of a failed operation.
    pub(crate) fn of(address: &Address, failed: Failed) -> Self {
        let Failed {
            action,
            failure,
            limit,
        } = failed;
        Self {
            action,
            address: address.clone(),
            kind: failure.kind(),
            problem: failure.text(limit),
        }
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

/// For [`std::io::Read`] and [`std::io::Write`].
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        Self::new(error.kind, error)
    }
}

//! Errors of TLS connections, worded for people.

use std::io::{self, ErrorKind};
use std::time::Duration;

use vitals_values::duration_text;

use crate::Address;
use crate::net::{Failed, Failure};
use crate::operation_error::{NO_HOST, operation_error};

operation_error! {
    /// A failed operation on a connection:
    /// `cannot start TLS with db:5432: the certificate of db is not trusted: it has expired`.
}

impl Error {
    /// Makes the error of a failed operation.
    pub(super) fn of(address: &Address, failed: Failed) -> Self {
        let Failed {
            action,
            failure,
            limit,
        } = failed;
        let problem = match failure {
            Failure::Denied(why) => Problem::Denied(why),
            Failure::Timeout => Problem::Timeout(limit.shown),
            Failure::Closed => Problem::Closed,
            #[cfg(not(target_family = "wasm"))]
            Failure::Reset => Problem::Closed,
            #[cfg(not(target_family = "wasm"))]
            Failure::NoHost => Problem::NoHost,
            other => Problem::Failed(other.text(limit).into_owned()),
        };
        Self::new(format!("{action} {address}"), problem)
    }

    /// Returns whether the operation timed out.
    pub fn is_timeout(&self) -> bool {
        matches!(self.problem, Problem::Timeout(_))
    }

    /// Returns whether the operator has not granted the address.
    pub fn is_denied(&self) -> bool {
        matches!(self.problem, Problem::Denied(_))
    }
}

/// For [`std::io::Read`] and [`std::io::Write`]. A connection that the peer closed is
/// `ConnectionAborted`, because an orderly end of stream is not an error.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match error.problem {
            Problem::Denied(_) => ErrorKind::PermissionDenied,
            Problem::Timeout(_) => ErrorKind::TimedOut,
            Problem::Closed => ErrorKind::ConnectionAborted,
            Problem::NoHost => ErrorKind::Unsupported,
            Problem::Failed(_) => ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

/// What went wrong with a connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The address is not granted; the text says what to grant.
    #[error("{0}")]
    Denied(String),
    /// The operation exceeded this timeout.
    #[error("timed out after {}", duration_text(*.0))]
    Timeout(Duration),
    /// The peer closed or reset the connection.
    #[error("the peer closed the connection")]
    Closed,
    /// The connection or the handshake failed, or the certificate is not trusted.
    #[error("{0}")]
    Failed(String),
    /// The check does not run in a host.
    #[error("{}", NO_HOST)]
    NoHost,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deadline::Limit;

    #[test]
    fn a_timeout_names_its_limit() {
        let address = "[::1]:465".parse().unwrap();
        let error = Error::of(
            &address,
            Failed {
                action: "read from",
                failure: Failure::Timeout,
                limit: Limit::new(Duration::from_secs(2)),
            },
        );
        assert_eq!(
            error.to_string(),
            "cannot read from [::1]:465: timed out after 2s"
        );
        assert!(error.is_timeout());
        assert_eq!(io::Error::from(error).kind(), ErrorKind::TimedOut);
    }
}

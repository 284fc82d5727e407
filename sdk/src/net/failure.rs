//! Why an operation on a connection failed, before `tcp` and `tls` make their errors of it.

use std::borrow::Cow;
use std::io::ErrorKind;

use vitals_values::duration_text;

use crate::deadline::Limit;
use crate::dns;
#[cfg(not(target_family = "wasm"))]
use crate::operation_error::NO_HOST;

/// Why an operation failed, as the host tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The text says what to grant.
    Denied(String),
    NotResolved(dns::Problem),
    Refused,
    Unreachable,
    Timeout,
    Closed,
    /// The host does not distinguish it from `Closed`.
    #[cfg(not(target_family = "wasm"))]
    Reset,
    /// More than so many bytes came.
    TooLarge(usize),
    Failed(String),
    #[cfg(not(target_family = "wasm"))]
    NoHost,
}

/// A failure, with what was tried and its limit.
#[derive(Debug)]
pub(crate) struct Failed {
    /// To follow "cannot".
    pub(crate) action: &'static str,
    pub(crate) failure: Failure,
    pub(crate) limit: Limit,
}

impl Failure {
    /// Translates an error of the machine's network or of a test's world.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn of_io(error: &std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::ConnectionRefused => Self::Refused,
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => Self::Unreachable,
            ErrorKind::TimedOut | ErrorKind::WouldBlock => Self::Timeout,
            ErrorKind::UnexpectedEof | ErrorKind::WriteZero => Self::Closed,
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
                Self::Reset
            }
            _ => Self::Failed(error.to_string()),
        }
    }

    /// Returns the kind that `std` has for it.
    pub(crate) fn kind(&self) -> ErrorKind {
        match self {
            Self::Denied(_) => ErrorKind::PermissionDenied,
            Self::NotResolved(dns::Problem::NotFound | dns::Problem::NoData) => ErrorKind::NotFound,
            Self::Refused => ErrorKind::ConnectionRefused,
            Self::Unreachable => ErrorKind::HostUnreachable,
            Self::Timeout => ErrorKind::TimedOut,
            Self::Closed => ErrorKind::UnexpectedEof,
            Self::TooLarge(_) => ErrorKind::InvalidData,
            Self::NotResolved(_) | Self::Failed(_) => ErrorKind::Other,
            #[cfg(not(target_family = "wasm"))]
            Self::Reset => ErrorKind::ConnectionReset,
            #[cfg(not(target_family = "wasm"))]
            Self::NoHost => ErrorKind::Unsupported,
        }
    }

    /// Returns the text for people.
    pub(crate) fn text(self, limit: Limit) -> Cow<'static, str> {
        match self {
            Self::Denied(why) | Self::Failed(why) => why.into(),
            Self::NotResolved(problem) => format!("cannot look up the host: {problem}").into(),
            Self::Refused => "connection refused".into(),
            Self::Unreachable => "no route to host".into(),
            Self::Timeout => format!("timed out after {}", duration_text(limit.shown)).into(),
            Self::Closed => "the peer closed the connection".into(),
            Self::TooLarge(most) => format!("the response is longer than {most} bytes").into(),
            #[cfg(not(target_family = "wasm"))]
            Self::Reset => "connection reset by peer".into(),
            #[cfg(not(target_family = "wasm"))]
            Self::NoHost => NO_HOST.into(),
        }
    }
}

//! Errors of requests, worded for people.

use std::fmt;
use std::time::Duration;

use vitals_values::duration_text;

use super::{Exchange, Method};
use crate::Url;
use crate::operation_error::NO_HOST;

/// A request without a response: `cannot get https://example.com/: connection refused`. The URL
/// is shown without user, password and query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// To follow "cannot".
    operation: String,
    problem: Problem,
    exchange: Box<Exchange>,
}

impl Error {
    pub(super) fn of(method: &Method, url: &Url, problem: Problem) -> Self {
        // The host usually names what it denies; this is the fallback.
        let problem = match problem {
            Problem::Denied(text) if text.is_empty() => Problem::Denied(format!(
                "http {}://{} (add it to `allow.http` of the check)",
                url.scheme(),
                url.authority()
            )),
            other => other,
        };
        let method = method.as_str().to_ascii_lowercase();
        Self {
            operation: format!("{method} {url}"),
            problem,
            exchange: Box::default(),
        }
    }

    pub(super) fn with_exchange(mut self, exchange: Exchange) -> Self {
        *self.exchange = exchange;
        self
    }

    /// Returns what went wrong.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Returns what is known of the exchange: the phases up to the failure, and the handshake, also
    /// with a server that is not trusted.
    pub fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// Returns whether the request timed out.
    pub fn is_timeout(&self) -> bool {
        matches!(self.problem, Problem::Timeout { .. })
    }

    /// Returns whether the operator has not granted the request.
    pub fn is_denied(&self) -> bool {
        matches!(self.problem, Problem::Denied(_))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}: {}", self.operation, self.problem)
    }
}

impl std::error::Error for Error {}

/// What went wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The request is not granted; the text says what to grant.
    #[error("denied: {0}")]
    Denied(String),
    /// The port is closed.
    #[error("connection refused")]
    Refused,
    /// The name has no address, or the look-up failed.
    #[error("cannot look up the host: {0}")]
    Lookup(String),
    /// The request timed out.
    #[error("timed out after {} while {stage}", duration_text(*.limit))]
    Timeout {
        /// The stage at which it timed out.
        stage: Stage,
        /// The timeout of the whole request.
        limit: Duration,
    },
    /// The handshake failed, or the certificate is not as required.
    #[error("{0}")]
    Tls(String),
    /// The server is unreachable.
    #[error("cannot reach the host: {0}")]
    Unreachable(String),
    /// The response is not valid, exceeds a limit of the host, or the connection ended before its
    /// end.
    #[error("{0}")]
    Protocol(String),
    /// The body is longer than the limit.
    #[error("the body exceeds the limit of {0} bytes")]
    TooLarge(usize),
    /// The body does not have the expected form.
    #[error("the body is not valid: {0}")]
    Body(String),
    /// The request cannot be sent as it is.
    #[error("the request is not valid: {0}")]
    Invalid(String),
    /// A redirect cannot be followed.
    #[error("cannot follow the redirect: {0}")]
    Redirect(String),
    /// The client supports only HTTP.
    #[error("the scheme `{0}` is not supported; use `http` or `https`")]
    Scheme(String),
    /// Another error from the host.
    #[error("{0}")]
    Other(String),
    /// The check does not run in a host.
    #[error("{}", NO_HOST)]
    NoHost,
}

impl Problem {
    /// Fills in the limit where it was not known yet.
    pub(super) fn within(self, limit: Duration) -> Self {
        match self {
            Self::Timeout { stage, .. } => Self::Timeout { stage, limit },
            other => other,
        }
    }
}

/// The stage of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Looking up the name.
    Lookup,
    /// Connecting.
    Connect,
    /// The TLS handshake.
    Tls,
    /// Sending the request.
    Send,
    /// Waiting for the response to begin.
    Response,
    /// Reading the response body.
    Body,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lookup => "looking up the host",
            Self::Connect => "connecting",
            Self::Tls => "starting TLS",
            Self::Send => "sending the request",
            Self::Response => "waiting for the response",
            Self::Body => "reading the response",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_names_limit_and_stage() {
        let url = "https://me:pw@a:8443/x".parse().unwrap();
        let problem = Problem::Timeout {
            stage: Stage::Response,
            limit: Duration::ZERO,
        };
        let problem = problem.within(Duration::from_secs(2));
        let error = Error::of(&Method::Get, &url, problem);
        assert!(error.is_timeout());
        assert_eq!(
            error.to_string(),
            "cannot get https://a:8443/x: timed out after 2s while waiting for the response"
        );
    }

    #[test]
    fn a_denial_without_text_names_the_target() {
        let url = "https://a/x".parse().unwrap();
        let error = Error::of(&Method::Head, &url, Problem::Denied(String::new()));
        assert!(error.is_denied());
        assert_eq!(
            error.to_string(),
            "cannot head https://a/x: denied: http https://a (add it to `allow.http` of the check)"
        );
    }
}

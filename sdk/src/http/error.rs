//! Errors of requests, worded for people.

use std::fmt;
use std::time::Duration;

use vitals_values::duration_text;

use super::Method;
use crate::Url;
use crate::operation_error::{NO_HOST, operation_error};

operation_error! {
    /// A request without a response: `cannot get https://example.com/: connection refused`. The URL
    /// is shown without user, password and query.
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
        Self::new(format!("{method} {url}"), problem)
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
    /// TLS failed: the certificate is not trusted, or there is no common protocol.
    #[error("TLS failed: {0}")]
    Tls(String),
    /// The connection broke.
    #[error("the connection was closed by the other side")]
    Closed,
    /// The server is unreachable.
    #[error("cannot reach the host: {0}")]
    Unreachable(String),
    /// The response is not HTTP, or exceeds the limits.
    #[error("the response is not valid: {0}")]
    Protocol(String),
    /// The body is longer than the limit.
    #[error("the body exceeds the limit of {0} bytes")]
    TooLarge(usize),
    /// The body does not have the expected form.
    #[error("the body is not valid: {0}")]
    Body(String),
    /// A header cannot be sent.
    #[error("cannot send header `{0}`: {1}")]
    Header(String, String),
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

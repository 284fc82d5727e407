//! Why there was no answer, in words for a person.

use std::fmt;
use std::time::Duration;

use vitals_values::duration_text;

use super::Method;
use crate::Url;

/// A request that got no answer: `cannot get https://example.com/: connection refused`. The URL is shown
/// without user, password and query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    method: String,
    url: String,
    problem: Problem,
}

impl Error {
    pub(super) fn new(method: &Method, url: &Url, problem: Problem) -> Self {
        // The host names what it denies; where it does not, this does.
        let problem = match problem {
            Problem::Denied(text) if text.is_empty() => {
                let port = url
                    .port_or_default()
                    .map_or(String::new(), |port| format!(":{port}"));
                Problem::Denied(format!(
                    "{} {}{port} (it is not granted)",
                    url.scheme(),
                    url.host()
                ))
            }
            other => other,
        };
        Self {
            method: method.as_str().to_ascii_lowercase(),
            url: url.to_string(),
            problem,
        }
    }

    /// What went wrong.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Whether it took too long.
    pub fn is_timeout(&self) -> bool {
        matches!(self.problem, Problem::Timeout { .. })
    }

    /// Whether the operator has not granted it.
    pub fn is_denied(&self) -> bool {
        matches!(self.problem, Problem::Denied(_))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {}: {}", self.method, self.url, self.problem)
    }
}

impl std::error::Error for Error {}

/// What went wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Not granted; the text says what the operator would have to write.
    #[error("denied: {0}")]
    Denied(String),
    /// Nobody listens there.
    #[error("connection refused")]
    Refused,
    /// The name has no address, or nobody could say.
    #[error("cannot look up the host: {0}")]
    Lookup(String),
    /// It took too long.
    #[error("nothing within {} while {stage}", duration_text(*.limit))]
    Timeout {
        /// What was going on.
        stage: Stage,
        /// The time that there was for all of it.
        limit: Duration,
    },
    /// No TLS: the certificate is not trusted, or there is no common protocol.
    #[error("TLS failed: {0}")]
    Tls(String),
    /// The connection broke.
    #[error("the connection was closed by the other side")]
    Closed,
    /// The other side can't be reached.
    #[error("cannot reach the host: {0}")]
    Unreachable(String),
    /// What came was not HTTP, or not within its limits.
    #[error("the answer is not valid: {0}")]
    Protocol(String),
    /// The body goes on after as many bytes as are taken of it.
    #[error("the body is larger than the {0} bytes that are taken of it")]
    TooLarge(usize),
    /// The body is not what it should be.
    #[error("the body is not valid: {0}")]
    Body(String),
    /// A header that can't be sent.
    #[error("cannot send header `{0}`: {1}")]
    Header(String, String),
    /// A redirect that leads nowhere.
    #[error("cannot follow the redirect: {0}")]
    Redirect(String),
    /// The client speaks HTTP alone.
    #[error("`{0}` is not a scheme of HTTP; use `http` or `https`")]
    Scheme(String),
    /// Whatever else the host said.
    #[error("{0}")]
    Other(String),
    /// There is no host here.
    #[error("there is no HTTP outside of the host")]
    NoHost,
}

impl Problem {
    /// The same, with the time that there was where that was not known yet.
    pub(super) fn within(self, limit: Duration) -> Self {
        match self {
            Self::Timeout { stage, .. } => Self::Timeout { stage, limit },
            other => other,
        }
    }
}

/// How far a request had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Looking up the name.
    Lookup,
    /// Connecting.
    Connect,
    /// Sending the request.
    Send,
    /// Waiting for the answer to begin.
    Answer,
    /// Reading the body of the answer.
    Body,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lookup => "looking up the host",
            Self::Connect => "connecting",
            Self::Send => "sending the request",
            Self::Answer => "waiting for the answer",
            Self::Body => "reading the answer",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_says_when_and_where() {
        let url = "https://me:pw@a:8443/x".parse().unwrap();
        let problem = Problem::Timeout {
            stage: Stage::Answer,
            limit: Duration::ZERO,
        };
        let problem = problem.within(Duration::from_secs(2));
        let error = Error::new(&Method::Get, &url, problem);
        assert!(error.is_timeout());
        assert_eq!(
            error.to_string(),
            "cannot get https://a:8443/x: nothing within 2s while waiting for the answer"
        );
    }

    #[test]
    fn a_denial_without_words_names_what_was_denied() {
        let url = "https://a/x".parse().unwrap();
        let error = Error::new(&Method::Head, &url, Problem::Denied(String::new()));
        assert!(error.is_denied());
        assert_eq!(
            error.to_string(),
            "cannot head https://a/x: denied: https a:443 (it is not granted)"
        );
    }
}

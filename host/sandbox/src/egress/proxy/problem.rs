//! Why a proxy does not connect, in words that continue a sentence about it.

/// What a proxy did in place of connecting to a server. No text of the proxy is shown.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ProxyProblem {
    #[error("refused the connection: {0}")]
    Refused(String),
    #[error("cannot connect to the server: {0}")]
    Server(&'static str),
    #[error("closed the connection")]
    Closed,
    #[error("does not speak {0}")]
    Protocol(&'static str),
    #[error("sent more than it should before the connection was made")]
    TooMuch,
}

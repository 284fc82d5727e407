//! The reasons why Sentry can't be used.

use crate::outgoing::ClientError;
use vitals_io::trust::RootsError;

/// Reports can't be sent with this configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoReports {
    /// The DSN is invalid.
    #[error("cannot use the Sentry DSN: {0}; write for example https://key@sentry.example.com/1")]
    Dsn(String),
    /// The trusted roots for the server can't be read.
    #[error("cannot set up connections to Sentry: {0}")]
    Roots(#[from] RootsError),
    /// The client for connections could not be created.
    #[error("cannot set up connections to Sentry: {0}")]
    Connections(String),
}

impl From<ClientError> for NoReports {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Roots(error) => Self::Roots(error),
            ClientError::Client(error) => Self::Connections(error),
        }
    }
}

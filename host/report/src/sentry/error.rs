//! Why there can be no way to Sentry. Knows nothing of what is reported.

use crate::outgoing::NoConnections;
use vitals_io::trust::RootsError;

/// Reports can't be sent as the configuration says.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoReports {
    /// The DSN of the configuration is none.
    #[error("cannot use the Sentry DSN: {0}; write for example https://key@sentry.example.com/1")]
    Dsn(String),
    /// The certificates that the server would be trusted by can't be read.
    #[error("cannot set up connections to Sentry: {0}")]
    Roots(#[from] RootsError),
    /// There is no way to make connections.
    #[error("cannot set up connections to Sentry: {0}")]
    Connections(String),
}

impl From<NoConnections> for NoReports {
    fn from(error: NoConnections) -> Self {
        match error {
            NoConnections::Roots(error) => Self::Roots(error),
            NoConnections::Client(error) => Self::Connections(error),
        }
    }
}

//! The host's own connections to configured servers: Sentry, Alertmanagers and webhooks. The
//! connections of checks are the sandbox's.

#[cfg(test)]
pub(crate) mod testing;
mod thread;

use std::error::Error;
use std::fmt;
use std::time::Duration;

use reqwest::Client;
use reqwest::redirect::Policy;

pub(crate) use self::thread::OutgoingThread;
use vitals_io::trust::{Roots, RootsError};
use vitals_model::Root;
use vitals_model::Text;

/// The time limits for a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timeouts {
    pub(crate) connect: Duration,
    /// For one request, from its start to the end of the response.
    pub(crate) total: Duration,
}

/// The client for outgoing connections could not be created.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    #[error(transparent)]
    Roots(#[from] RootsError),
    #[error("{0}")]
    Client(String),
}

/// Creates a client that follows no redirects and uses no proxy. For `https` URLs the server's
/// certificate must be trusted by `roots`. For others no roots are needed, so that a machine
/// without roots can still reach a local server. Blocks while the roots are read.
pub(crate) fn client(roots: Option<&[Root]>, timeouts: Timeouts) -> Result<Client, ClientError> {
    #[expect(
        clippy::disallowed_methods,
        reason = "it takes no proxy from the environment"
    )]
    let client = Client::builder()
        .user_agent(AGENT)
        // Configured servers are reached directly.
        .no_proxy()
        .redirect(Policy::none())
        // Otherwise the server chooses the version, and HTTP/2 has more resources to bound.
        .http1_only()
        .connect_timeout(timeouts.connect)
        .timeout(timeouts.total);
    let client = match roots {
        None => client.tls_certs_only([]),
        Some(roots) => client.tls_backend_preconfigured(Roots::read(roots)?.client_config()),
    };
    let client = client.build();
    client.map_err(|error| ClientError::Client(with_sources(&error)))
}

/// Returns the text of a request's error without its URL, which may contain a secret.
pub(crate) fn request_error(error: reqwest::Error) -> String {
    with_sources(&error.without_url())
}

fn with_sources(error: &dyn Error) -> String {
    Text::display(WithSources(error), ERROR_BYTES).into()
}

/// An error and its sources. They may quote the server.
struct WithSources<'e>(&'e dyn Error);

impl fmt::Display for WithSources<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut next = self.0.source();
        while let Some(source) = next {
            write!(f, ": {source}")?;
            next = source.source();
        }
        Ok(())
    }
}

const ERROR_BYTES: usize = 1 << 10;

/// The `User-Agent` of the host.
pub(crate) const AGENT: &str = concat!("vitals/", env!("CARGO_PKG_VERSION"));

//! The host's own connections to servers that its operator named: Sentry, and who is told when a check
//! turns. What is said there, this file does not know; what checks reach is decided in `plugin`.

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

/// How long a server may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Patience {
    pub(crate) connecting: Duration,
    /// With one request, from its beginning to the end of the answer.
    pub(crate) whole: Duration,
}

/// There is no way to make connections.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoConnections {
    #[error(transparent)]
    Roots(#[from] RootsError),
    #[error("{0}")]
    Client(String),
}

/// A client that follows no redirects and uses no proxy. Servers of `https` URLs have to be ones that `roots` trust; none
/// are needed otherwise, so that a machine without roots can reach a server beside it still. Blocks
/// while they are read.
pub(crate) fn client(roots: Option<&[Root]>, patience: Patience) -> Result<Client, NoConnections> {
    #[expect(
        clippy::disallowed_methods,
        reason = "it takes no proxy from the environment"
    )]
    let client = Client::builder()
        .user_agent(AGENT)
        // What the configuration names is reached straight.
        .no_proxy()
        .redirect(Policy::none())
        // The server chooses the version otherwise, and HTTP/2 has more to bound.
        .http1_only()
        .connect_timeout(patience.connecting)
        .timeout(patience.whole);
    let client = match roots {
        None => client.tls_certs_only([]),
        Some(roots) => client.tls_backend_preconfigured(Roots::read(roots)?.client_config()),
    };
    let client = client.build();
    client.map_err(|error| NoConnections::Client(with_sources(&error)))
}

/// An error of a request, without its URL: that may have a secret in it.
pub(crate) fn unreached(error: reqwest::Error) -> String {
    with_sources(&error.without_url())
}

fn with_sources(error: &dyn Error) -> String {
    Text::display(WithSources(error), ERROR_BYTES).into()
}

/// An error and its causes. What the other side says may stand in them.
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

/// What the host calls itself.
pub(crate) const AGENT: &str = concat!("vitals/", env!("CARGO_PKG_VERSION"));

//! Routes of a host in a service that is not the host's own.

use std::net::SocketAddr;

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use vitals_servers::Response;

/// A service in this process; it ends when this is dropped.
#[derive(Debug)]
pub struct Mounted {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Mounted {
    /// Serves routes on a free port.
    ///
    /// # Panics
    ///
    /// There is none.
    pub async fn serve(routes: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let serving = tokio::spawn(async move {
            axum::serve(listener, routes)
                .await
                .expect("it accepts connections");
        });
        Self { address, serving }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Gets a page.
    ///
    /// # Panics
    ///
    /// There is no answer.
    pub async fn get(&self, path: &str) -> Response {
        vitals_servers::get(self.address, path)
            .await
            .unwrap_or_else(|error| panic!("{error}"))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

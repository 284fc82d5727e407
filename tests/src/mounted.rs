//! Routes in a service of the test.

use std::net::SocketAddr;

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use vitals_servers::Response;

/// A service in this process, which ends on drop.
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
    /// Panics if there is none.
    pub async fn serve(routes: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let serving = tokio::spawn(async move {
            let served = axum::serve(listener, routes).await;
            served.expect("it accepts connections");
        });
        Self { address, serving }
    }

    /// The address on which it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Gets a page.
    ///
    /// # Panics
    ///
    /// Panics if there is no response.
    pub async fn get(&self, path: &str) -> Response {
        let response = vitals_servers::get(self.address, path).await;
        response.unwrap_or_else(|error| panic!("{error}"))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

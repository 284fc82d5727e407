//! The accept loop: many connections, each of them bounded in time and size.
//!
//! It serves whatever router it is given and knows no page.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::stall::Unstalled;

/// Serves `router` until `stop`; then closes idle connections at once, gives those that are being
/// answered `grace`, and answers how many it had to cut off.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
    grace: Duration,
) -> usize {
    serve_within(ServerLimits::default(), listener, router, stop, grace).await
}

/// What connections may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServerLimits {
    /// Connections at once; further ones wait to be accepted.
    pub(super) connections: usize,
    /// Time until the headers of a request are there, from the connection or the last answer on:
    /// a connection that asks for nothing is closed after it too.
    pub(super) header_time: Duration,
    /// Size of the headers of a request, its first line included, in bytes; 8 KiB at least.
    pub(super) header_bytes: usize,
    /// Time for which a client may take nothing of an answer.
    pub(super) stall_time: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            connections: 1024,
            header_time: Duration::from_secs(10),
            header_bytes: 16 << 10,
            stall_time: Duration::from_secs(10),
        }
    }
}

/// [`serve`] under other limits.
pub(super) async fn serve_within(
    limits: ServerLimits,
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
    grace: Duration,
) -> usize {
    let server = Arc::new(Server::new(router, stop, limits));
    let connections = TaskTracker::new();
    let free = Arc::new(Semaphore::new(limits.connections));
    let mut trouble = Trouble::default();
    loop {
        let accepted = async {
            let place = Arc::clone(&free).acquire_owned().await;
            (
                place.expect("the semaphore is never closed"),
                listener.accept().await,
            )
        };
        let (place, accepted) = tokio::select! {
            accepted = accepted => accepted,
            () = server.stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, _)) => {
                trouble.over();
                let server = Arc::clone(&server);
                connections.spawn(async move {
                    server.talk(stream).await;
                    drop(place);
                });
            }
            Err(error) => tokio::select! {
                () = tokio::time::sleep(trouble.meet(&error)) => {}
                () = server.stop.cancelled() => break,
            },
        }
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(grace, connections.wait())
        .await
        .is_ok()
    {
        return 0;
    }
    let late = connections.len();
    server.cut.cancel();
    connections.wait().await;
    late
}

struct Server {
    http: http1::Builder,
    router: TowerToHyperService<Router>,
    /// From here on no further request is taken.
    stop: CancellationToken,
    /// From here on no answer is finished.
    cut: CancellationToken,
    stall_time: Duration,
}

impl Server {
    fn new(router: Router, stop: CancellationToken, limits: ServerLimits) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(limits.header_time)
            .max_header_size(limits.header_bytes)
            .max_buf_size(limits.header_bytes);
        Self {
            http,
            router: TowerToHyperService::new(router),
            stop,
            cut: CancellationToken::new(),
            stall_time: limits.stall_time,
        }
    }

    /// Answers the requests of one client.
    async fn talk(&self, stream: TcpStream) {
        // Without it an answer may wait for the client's acknowledgement of the one before.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(error = error.to_string(), "cannot set TCP_NODELAY");
        }
        let stream = Unstalled::new(TokioIo::new(stream), self.stall_time);
        let mut connection = pin!(self.http.serve_connection(stream, self.router.clone()));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    ended = connection => ended,
                    () = self.cut.cancelled() => return,
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(
                error = error.to_string(),
                "connection ended in the middle of a request"
            );
        }
    }
}

/// Accepting fails, over and over: most likely there are no file descriptors left.
#[derive(Debug, Default)]
struct Trouble {
    last_wait: Option<Duration>,
}

impl Trouble {
    /// How long to wait before the next attempt; says why once.
    fn meet(&mut self, error: &io::Error) -> Duration {
        if is_the_clients(error) {
            return Duration::ZERO;
        }
        if self.last_wait.is_none() {
            tracing::error!(
                error = error.to_string(),
                "connections cannot be accepted, trying on"
            );
        }
        let wait = self
            .last_wait
            .map_or(FIRST_WAIT, |last| (last * 2).min(LONGEST_WAIT));
        *self.last_wait.insert(wait)
    }

    fn over(&mut self) {
        if self.last_wait.take().is_some() {
            tracing::info!("connections are accepted again");
        }
    }
}

/// Whether it is just that one client went away before it was accepted.
fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

const FIRST_WAIT: Duration = Duration::from_millis(10);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;

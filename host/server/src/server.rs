//! The accept loop, with limits on time and size for each connection.
//!
//! It serves any router and knows no page.

mod body;
mod connections;

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::response::Response;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::process::{Resource, getrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use self::body::RequestBody;
use self::connections::{Connection, Connections};
use super::answer;
use super::write_timeout::WriteTimeout;

/// Serves `router` until `stop`. Then closes idle connections at once, waits for the others for at
/// most `grace`, and returns how many it had to cut off.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
    grace: Duration,
) -> usize {
    serve_within(ServerLimits::default(), listener, router, stop, grace).await
}

/// The limits of connections.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServerLimits {
    /// Concurrent connections. A further one evicts another.
    pub(super) connections: usize,
    /// Concurrent connections of one client address.
    pub(super) share: usize,
    /// Time limit for the headers of a request, from the connection or the previous response on. It
    /// also limits idle connections.
    pub(super) header_time: Duration,
    /// Size limit for the headers of a request, including the request line, in bytes; at least 8
    /// KiB.
    pub(super) header_bytes: usize,
    /// Time limit for the body of a request, from the moment that the router waits for it.
    pub(super) body_time: Duration,
    /// Size limit for the body of a request, in bytes.
    pub(super) body_bytes: usize,
    /// Time during which a client may read almost nothing of a response.
    pub(super) stall_time: Duration,
    /// Limit on response bytes that wait to be read, over all connections.
    pub(super) answer_bytes: u64,
}

impl Default for ServerLimits {
    fn default() -> Self {
        let descriptors = getrlimit(Resource::Nofile).current;
        let descriptors = descriptors.and_then(|it| usize::try_from(it).ok());
        // Half of the descriptors are left for everything else that the process does.
        let connections =
            descriptors.map_or(MAX_CONNECTIONS, |it| (it / 2).clamp(1, MAX_CONNECTIONS));
        Self {
            connections,
            share: connections.div_ceil(2),
            header_time: Duration::from_secs(10),
            header_bytes: 16 << 10,
            body_time: Duration::from_secs(30),
            body_bytes: 2 << 20,
            stall_time: Duration::from_secs(10),
            answer_bytes: 128 << 20,
        }
    }
}

/// [`serve`] with other limits.
pub(super) async fn serve_within(
    limits: ServerLimits,
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
    grace: Duration,
) -> usize {
    let server = Arc::new(Server::new(router, stop, limits));
    let open = Connections::new(limits.connections, limits.share, limits.answer_bytes);
    let tasks = TaskTracker::new();
    let mut backoff = AcceptBackoff::default();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = server.stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                backoff.reset();
                let server = Arc::clone(&server);
                let connection = Arc::new(open.admit(peer.ip()));
                tasks.spawn(async move { server.serve_connection(stream, &connection).await });
            }
            Err(error) => tokio::select! {
                () = tokio::time::sleep(backoff.next_wait(&error)) => {}
                () = server.stop.cancelled() => break,
            },
        }
    }
    drop(listener);
    tasks.close();
    if tokio::time::timeout(grace, tasks.wait()).await.is_ok() {
        return 0;
    }
    let late = tasks.len();
    server.cut.cancel();
    tasks.wait().await;
    late
}

struct Server {
    http: http1::Builder,
    router: Router,
    /// Once cancelled, no further request is read.
    stop: CancellationToken,
    /// Once cancelled, no response is completed.
    cut: CancellationToken,
    limits: ServerLimits,
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
            // Prepared for the clones that answer requests.
            router: router.with_state(()),
            stop,
            cut: CancellationToken::new(),
            limits,
        }
    }

    /// Answers the requests of one client, until the connection ends or is evicted.
    async fn serve_connection(&self, stream: TcpStream, connection: &Arc<Connection>) {
        tokio::select! {
            () = self.serve_requests(stream, connection) => {}
            () = connection.evicted() => tracing::debug!("connection evicted for another one"),
        }
    }

    async fn serve_requests(&self, stream: TcpStream, connection: &Arc<Connection>) {
        // Without it a response may wait for the client's acknowledgement of the previous one.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(error = error.to_string(), "cannot set TCP_NODELAY");
        }
        let flushed = || connection.flushed();
        let stream = WriteTimeout::new(TokioIo::new(stream), self.limits.stall_time, flushed);
        let service = service_fn(|request| self.answer(request, Arc::clone(connection)));
        let mut served = pin!(self.http.serve_connection(stream, service));
        let ended = tokio::select! {
            ended = served.as_mut() => ended,
            () = self.stop.cancelled() => {
                served.as_mut().graceful_shutdown();
                tokio::select! {
                    ended = served => ended,
                    () = self.cut.cancelled() => return,
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(
                error = error.to_string(),
                "connection ended during a request"
            );
        }
    }

    /// Passes a request on to the router, with limits on its body.
    async fn answer(
        &self,
        request: Request<Incoming>,
        connection: Arc<Connection>,
    ) -> Result<Response<impl HttpBody<Data = Bytes, Error = axum::Error> + use<>>, Infallible>
    {
        connection.request_started();
        let ServerLimits {
            body_bytes,
            body_time,
            ..
        } = self.limits;
        let response = if request.body().size_hint().lower() > body_bytes as u64 {
            answer::error(StatusCode::PAYLOAD_TOO_LARGE, TOO_LARGE)
        } else {
            let bounded = |body| Body::new(RequestBody::new(body, body_bytes, body_time));
            self.router.clone().oneshot(request.map(bounded)).await?
        };
        // A response of unknown length is streamed and not held in memory.
        connection.response_started(response.body().size_hint().exact().unwrap_or(0));
        // Dropped with the body, when hyper has read all of it.
        let answered = ResponseGuard(connection);
        Ok(response.map(|body| {
            body.map_err(move |error| {
                let _ = &answered;
                error
            })
        }))
    }
}

/// Records on drop that a response is complete.
struct ResponseGuard(Arc<Connection>);

impl Drop for ResponseGuard {
    fn drop(&mut self) {
        self.0.response_completed();
    }
}

/// The back-off while accepting fails, usually because no file descriptors are left.
#[derive(Debug, Default)]
struct AcceptBackoff {
    last_wait: Option<Duration>,
}

impl AcceptBackoff {
    /// Returns how long to wait before the next attempt. Logs the first failure.
    fn next_wait(&mut self, error: &io::Error) -> Duration {
        if is_the_clients(error) {
            return Duration::ZERO;
        }
        if self.last_wait.is_none() {
            tracing::error!(
                error = error.to_string(),
                "connections cannot be accepted, retrying"
            );
        }
        let wait = self
            .last_wait
            .map_or(MIN_WAIT, |last| (last * 2).min(MAX_WAIT));
        *self.last_wait.insert(wait)
    }

    fn reset(&mut self) {
        if self.last_wait.take().is_some() {
            tracing::info!("connections are accepted again");
        }
    }
}

/// Returns whether the error only means that a client disconnected before it was accepted.
fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

/// The limit on connections if the process has enough descriptors.
const MAX_CONNECTIONS: usize = 1024;
const TOO_LARGE: &str = "the body of the request is longer than 2 MiB";
const MIN_WAIT: Duration = Duration::from_millis(10);
const MAX_WAIT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;

//! The accept loop: many connections, each of them bounded in time and size.
//!
//! It serves whatever router it is given and knows no page.

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
use super::stall::Unstalled;

/// Serves `router` until `stop`; then closes idle connections at once, gives those that are being
/// answered `grace`, and answers how many it had to cut off.
pub async fn serve(
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
    /// Connections at once; for a further one another one is closed.
    pub(super) connections: usize,
    /// Connections of one client address at once.
    pub(super) share: usize,
    /// Time until the headers of a request are there, from the connection or the last answer on:
    /// a connection that asks for nothing is closed after it too.
    pub(super) header_time: Duration,
    /// Size of the headers of a request, its first line included, in bytes; 8 KiB at least.
    pub(super) header_bytes: usize,
    /// Time until the body of a request is there, from the moment that the router waits for it.
    pub(super) body_time: Duration,
    /// Size of the body of a request, in bytes.
    pub(super) body_bytes: usize,
    /// Time for which a client may take next to nothing of an answer.
    pub(super) stall_time: Duration,
    /// Bytes of answers that wait to be taken, over all connections.
    pub(super) answer_bytes: u64,
}

impl Default for ServerLimits {
    fn default() -> Self {
        let descriptors = getrlimit(Resource::Nofile).current;
        let descriptors = descriptors.and_then(|it| usize::try_from(it).ok());
        // Half of the descriptors are left to all else that the process does.
        let connections = descriptors.map_or(CONNECTIONS, |it| (it / 2).clamp(1, CONNECTIONS));
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

/// [`serve`] under other limits.
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
    let mut trouble = Trouble::default();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = server.stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                trouble.over();
                let server = Arc::clone(&server);
                let connection = Arc::new(open.admit(peer.ip()));
                tasks.spawn(async move { server.talk(stream, &connection).await });
            }
            Err(error) => tokio::select! {
                () = tokio::time::sleep(trouble.meet(&error)) => {}
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
    /// From here on no further request is taken.
    stop: CancellationToken,
    /// From here on no answer is finished.
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
            // Ready for the clone that each request is answered by.
            router: router.with_state(()),
            stop,
            cut: CancellationToken::new(),
            limits,
        }
    }

    /// Answers the requests of one client, until another one needs the place.
    async fn talk(&self, stream: TcpStream, connection: &Arc<Connection>) {
        tokio::select! {
            () = self.converse(stream, connection) => {}
            () = connection.evicted() => tracing::debug!("connection made room for another one"),
        }
    }

    async fn converse(&self, stream: TcpStream, connection: &Arc<Connection>) {
        // Without it an answer may wait for the client's acknowledgement of the one before.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(error = error.to_string(), "cannot set TCP_NODELAY");
        }
        let flushed = || connection.flushed();
        let stream = Unstalled::new(TokioIo::new(stream), self.limits.stall_time, flushed);
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
                "connection ended in the middle of a request"
            );
        }
    }

    /// Hands a request to the router, within the bounds of its body.
    async fn answer(
        &self,
        request: Request<Incoming>,
        connection: Arc<Connection>,
    ) -> Result<Response<impl HttpBody<Data = Bytes, Error = axum::Error> + use<>>, Infallible>
    {
        connection.asked();
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
        // What does not say how long it is comes piece by piece, and is not held.
        connection.answers(response.body().size_hint().exact().unwrap_or(0));
        // Dropped with the body, which is when hyper has taken all of it.
        let answered = Answered(connection);
        Ok(response.map(|body| {
            body.map_err(move |error| {
                let _ = &answered;
                error
            })
        }))
    }
}

/// Says when it is dropped that an answer is complete.
struct Answered(Arc<Connection>);

impl Drop for Answered {
    fn drop(&mut self) {
        self.0.answered();
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

/// Connections at once, where the process may have enough descriptors.
const CONNECTIONS: usize = 1024;
const TOO_LARGE: &str = "the body of the request is longer than 2 MiB";
const FIRST_WAIT: Duration = Duration::from_millis(10);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;

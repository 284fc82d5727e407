//! One request on a connection of its own, up to the head of its response, and then its body.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, HeaderValue, Request, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::rt::Executor;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout_at;

use super::error::{broken, invalid, no_handshake, too_large_head, too_large_trailers, unreached};
use super::request::Hop;
use crate::contract::{
    Exchange, Family, HttpError, HttpOptions, Phase, Phases, Verification, VersionOption,
};
use crate::egress::Egress;
use crate::egress::budgeted::{BudgetedStream, Stream, Traffic};
use crate::egress::http_error::MAX_HEAD_BYTES;
use crate::egress::tls::{HandshakeOptions, untrusted_message};
use crate::grants::{Channel, Host};

/// A response whose body has not been read. Dropping it closes the connection.
pub(super) struct OpenExchange {
    pub(super) head: Parts,
    body: Incoming,
    driver: Driver,
    traffic: Traffic,
}

/// A body as it was received.
pub(super) struct Body {
    pub(super) bytes: Vec<u8>,
    /// Whether there is more.
    pub(super) is_cut: bool,
    /// Empty if there is more.
    pub(super) trailers: HeaderMap,
}

impl Egress {
    /// Connects, sends the request, and waits for the head of the response.
    pub(super) async fn open(
        &self,
        hop: &Hop,
        cookie: Option<HeaderValue>,
        options: &HttpOptions,
        deadline: Instant,
        exchange: &mut Exchange,
    ) -> Result<OpenExchange, HttpError> {
        let (mut stream, version) = self.connect_hop(hop, options, deadline, exchange).await?;
        if version == Version::HTTP_2 {
            // Frames that belong to no body never end otherwise.
            stream = stream.limited(self.0.http_body.saturating_add(HTTP2_OVERHEAD));
        }
        let request = hop.wire(version, cookie)?;
        let (body_size, traffic) = (hop.body.len() as u64, stream.traffic());
        let started = Instant::now();
        let sent = send(stream, version, request, &traffic);
        let sent = timeout_at(deadline.into(), sent).await;
        // Nothing is written after the request before its response begins, except by HTTP/2.
        let last_written = traffic.last_written().max(started);
        exchange.phases.request += (last_written - started).as_secs_f64();
        exchange.phases.first_byte += last_written.elapsed().as_secs_f64();
        sent.unwrap_or_else(|_| {
            let is_sent = traffic.written() > body_size;
            let phase = if is_sent {
                Phase::FirstByte
            } else {
                Phase::Request
            };
            Err(HttpError::Timeout(phase))
        })
    }

    /// Connects, with TLS if the scheme asks for it. Returns the version of HTTP to speak.
    async fn connect_hop(
        &self,
        hop: &Hop,
        options: &HttpOptions,
        deadline: Instant,
        exchange: &mut Exchange,
    ) -> Result<(BudgetedStream<Box<dyn Stream>>, Version), HttpError> {
        let identity = hop.client_certificate.as_deref();
        let identity = identity.map(|name| self.identity(name)).transpose();
        let identity = identity.map_err(|error| unreached(error, Phase::Connect))?;
        let (family, phases) = (options.family, &mut exchange.phases);
        let stream = match &options.proxy {
            Some(proxy) => {
                let connecting = self.connect_by_proxy(proxy, &hop.peer, family, deadline, phases);
                connecting
                    .await
                    .map_err(|(phase, error)| unreached(error, phase))?
            }
            None => self.connect_directly(hop, family, deadline, phases).await?,
        };
        exchange.remote_address = stream.peer_addr().ok().map(|address| address.to_string());

        if hop.peer.channel != Channel::Https {
            let version = match options.version {
                VersionOption::Auto | VersionOption::Http1 => Version::HTTP_11,
                VersionOption::Http2PriorKnowledge => Version::HTTP_2,
                VersionOption::Http2 => {
                    return Err(invalid(
                        "HTTP/2 without TLS is only possible with prior knowledge",
                    ));
                }
            };
            return Ok((BudgetedStream::new(Box::new(stream)), version));
        }
        let handshake = HandshakeOptions {
            alpn: match options.version {
                VersionOption::Auto => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
                VersionOption::Http1 => vec![b"http/1.1".to_vec()],
                VersionOption::Http2 | VersionOption::Http2PriorKnowledge => vec![b"h2".to_vec()],
            },
            verification: hop.verification.clone(),
            describes_chain: true,
            identity,
        };
        let shaking = self.tls_handshake(stream, &hop.server, handshake, deadline);
        let session = timed(&mut phases.tls, shaking)
            .await
            .map_err(no_handshake)?;
        let handshake = session.describe();
        let is_http2 = handshake.alpn.as_deref() == Some("h2");
        exchange.handshake = Some(handshake);
        match &session.verification_error {
            Some(reason) if hop.verification != Verification::None => {
                return Err(HttpError::Tls(untrusted_message(&hop.server, reason)));
            }
            _ => {}
        }
        let version = if is_http2 {
            Version::HTTP_2
        } else if matches!(options.version, VersionOption::Auto | VersionOption::Http1) {
            Version::HTTP_11
        } else {
            return Err(HttpError::Tls(
                "the server does not select HTTP/2".to_owned(),
            ));
        };
        Ok((BudgetedStream::new(Box::new(session.stream)), version))
    }
}

impl Egress {
    async fn connect_directly(
        &self,
        hop: &Hop,
        family: Family,
        deadline: Instant,
        phases: &mut Phases,
    ) -> Result<TcpStream, HttpError> {
        let resolving = self.permitted_addresses_of(family, &hop.peer, deadline);
        let addresses = match hop.peer.host {
            Host::Name(_) => timed(&mut phases.resolve, resolving).await,
            Host::Address(_) => resolving.await,
        };
        let addresses = addresses.map_err(|error| unreached(error, Phase::Resolve))?;
        let connecting = self.connect_permitted(&hop.peer, &addresses, deadline);
        let stream = timed(&mut phases.connect, connecting).await;
        stream.map_err(|error| unreached(error, Phase::Connect))
    }
}

impl OpenExchange {
    /// Reads the body, but no more than `max` bytes of it, and the trailers after its end.
    pub(super) async fn read_body(
        &mut self,
        max: u64,
        deadline: Instant,
    ) -> Result<Body, HttpError> {
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        let (mut bytes, mut is_cut) = (Vec::new(), false);
        if max == 0 {
            let is_cut = !self.body.is_end_stream();
            return Ok(Body {
                bytes,
                is_cut,
                trailers: HeaderMap::new(),
            });
        }
        let (mut trailers, mut frame_bytes) = (None, 0);
        let body = &mut self.body;
        let reading = self.driver.drive(async {
            while let Some(frame) = body.frame().await {
                let data = match frame?.into_data() {
                    Ok(data) => data,
                    Err(frame) => {
                        trailers = frame.into_trailers().ok();
                        continue;
                    }
                };
                frame_bytes += (FRAME_HEAD_BYTES + data.len()) as u64;
                let room = max - bytes.len();
                is_cut = data.len() > room;
                bytes.extend_from_slice(&data[..data.len().min(room)]);
                if is_cut {
                    break;
                }
            }
            Ok(())
        });
        match timeout_at(deadline.into(), reading).await {
            Err(_) => Err(HttpError::Timeout(Phase::Body)),
            Ok(Err(error)) => Err(broken(&error, false)),
            Ok(Ok(())) => {
                let trailers = trailers.map(|trailers| self.whole(trailers, frame_bytes));
                Ok(Body {
                    bytes,
                    is_cut,
                    trailers: trailers.transpose()?.unwrap_or_default(),
                })
            }
        }
    }

    /// Returns trailers that are complete and within the limits. The body was in `frame_bytes` bytes
    /// of frames.
    fn whole(&self, trailers: HeaderMap, frame_bytes: u64) -> Result<HeaderMap, HttpError> {
        // The library leaves out trailers of HTTP/2 beyond its limit without an error. The first of
        // these has more than 40 KiB in any encoding, which nothing else accounts for.
        let is_partial = self.head.version == Version::HTTP_2 && {
            let known = list_size(&self.head.headers) + list_size(&trailers);
            let known = frame_bytes + known as u64;
            self.traffic.received() > known + UNKNOWN_BYTES
        };
        if is_partial || exceeds_limits(&trailers) {
            return Err(too_large_trailers());
        }
        Ok(trailers)
    }
}

/// Whether headers or trailers exceed the limits. The library for HTTP/1.1 has the same.
fn exceeds_limits(headers: &HeaderMap) -> bool {
    headers.len() > MAX_HEADERS || list_size(headers) > MAX_HEAD_BYTES
}

/// The size of a list of headers (RFC 9113, section 6.5.2).
fn list_size(headers: &HeaderMap) -> usize {
    let sizes = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 32);
    sizes.sum()
}

/// Sends a request, and waits for the head of the response.
async fn send(
    stream: BudgetedStream<Box<dyn Stream>>,
    version: Version,
    request: Request<Full<Bytes>>,
    traffic: &Traffic,
) -> Result<OpenExchange, HttpError> {
    let broken = |error: hyper::Error| broken(&error, true);
    let stream = TokioIo::new(stream);
    let (mut driver, sending): (Driver, Sending) = if version == Version::HTTP_2 {
        let tasks = Tasks::default();
        let (mut sender, connection) = http2::Builder::new(tasks.clone())
            .timer(TokioTimer::new())
            .max_header_list_size(HTTP2_LIST_BYTES)
            .initial_stream_window_size(WINDOW_BYTES)
            .initial_connection_window_size(WINDOW_BYTES)
            .handshake(stream)
            .await
            .map_err(broken)?;
        let sending = async move { sender.send_request(request).await };
        (Driver::new(connection, Some(tasks)), Box::pin(sending))
    } else {
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(MAX_HEAD_BYTES)
            .max_headers(MAX_HEADERS)
            // Lenient where the field is: RFC 9112, sections 5.1 and 5.2.
            .allow_obsolete_multiline_headers_in_responses(true)
            .allow_spaces_after_header_name_in_responses(true)
            .handshake(stream)
            .await
            .map_err(broken)?;
        let sending = async move { sender.send_request(request).await };
        (Driver::new(connection, None), Box::pin(sending))
    };
    // Without a response so far, all bytes belong to its head or to informational responses. Not so in
    // HTTP/2, whose library may pass on the head after it has read some of the body.
    let is_head_only = version != Version::HTTP_2;
    let mut sending = driver.drive(sending);
    let response = poll_fn(|context| match sending.as_mut().poll(context) {
        Poll::Ready(response) => Poll::Ready(response.map_err(broken)),
        Poll::Pending if is_head_only && traffic.received() > MAX_HEAD_BYTES as u64 => {
            Poll::Ready(Err(too_large_head()))
        }
        Poll::Pending => Poll::Pending,
    });
    let (head, body) = response.await?.into_parts();
    drop(sending);
    if version == Version::HTTP_2 && exceeds_limits(&head.headers) {
        return Err(too_large_head());
    }
    Ok(OpenExchange {
        head,
        body,
        driver,
        traffic: traffic.clone(),
    })
}

type Sending = Pin<Box<dyn Future<Output = hyper::Result<hyper::Response<Incoming>>> + Send>>;

/// What moves the bytes of a connection while something else waits for them.
struct Driver {
    /// `None` when the connection has ended.
    connection: Option<Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>>,
    /// Ends with the driver.
    _tasks: Option<TaskGuard>,
}

impl Driver {
    fn new(
        connection: impl Future<Output = hyper::Result<()>> + Send + 'static,
        tasks: Option<Tasks>,
    ) -> Self {
        Self {
            connection: Some(Box::pin(connection)),
            _tasks: tasks.map(TaskGuard),
        }
    }

    /// Does work that waits for the connection. An error of the connection says more than what the
    /// work would notice of it.
    fn drive<'a, T: 'a>(
        &'a mut self,
        work: impl Future<Output = hyper::Result<T>> + Send + 'a,
    ) -> Pin<Box<dyn Future<Output = hyper::Result<T>> + Send + 'a>> {
        Box::pin(async move {
            let mut work = std::pin::pin!(work);
            poll_fn(|context| {
                if let Poll::Ready(done) = work.as_mut().poll(context) {
                    return Poll::Ready(done);
                }
                if let Some(connection) = &mut self.connection
                    && let Poll::Ready(ended) = connection.as_mut().poll(context)
                {
                    self.connection = None;
                    ended?;
                }
                // The connection may have ended after the last bytes arrived.
                work.as_mut().poll(context)
            })
            .await
        })
    }
}

/// Runs what HTTP/2 does beside its connection.
#[derive(Clone, Default)]
struct Tasks(Arc<Mutex<JoinSet<()>>>);

impl<F> Executor<F> for Tasks
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn execute(&self, task: F) {
        self.0.lock().spawn(async move {
            task.await;
        });
    }
}

/// Ends all tasks when it is dropped.
struct TaskGuard(Tasks);

impl Drop for TaskGuard {
    fn drop(&mut self) {
        self.0.0.lock().abort_all();
    }
}

/// Adds the time that work takes.
async fn timed<T>(seconds: &mut f64, work: impl Future<Output = T>) -> T {
    let started = Instant::now();
    let done = work.await;
    *seconds += started.elapsed().as_secs_f64();
    done
}

/// The maximum number of headers of a response, and of trailers.
const MAX_HEADERS: usize = 1000;
/// The limit of the library on headers and trailers in HTTP/2. It is twice the host's own, so that
/// the host sees what exceeds that.
const HTTP2_LIST_BYTES: u32 = 128 << 10;
/// What a server may send in HTTP/2 beside headers, trailers and the frames of a body.
const UNKNOWN_BYTES: u64 = 32 << 10;
/// The head of a frame in HTTP/2.
const FRAME_HEAD_BYTES: usize = 9;
/// How much more than a body a server may send in HTTP/2.
const HTTP2_OVERHEAD: u64 = 1 << 20;
/// What a server may send in HTTP/2 before the host asks for more.
const WINDOW_BYTES: u32 = 256 << 10;

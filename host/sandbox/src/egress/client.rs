//! The HTTP client for the requests of guests.
//!
//! It uses one connection for each request, HTTP/1.1, no redirects, no proxy and no decompression:
//! the guest reads what the server sent. The guest's timeouts apply, but never beyond the deadline
//! of the run.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use http::header::{CONNECTION, HOST, HeaderValue};
use http::uri::{PathAndQuery, Scheme};
use http::{Request, Response, Uri, Version};
use http_body_util::BodyExt;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::timeout_at;
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error, RequestOptions, WasiBody, WasiHttpHooks,
};

use super::body::BoundedBody;
use super::budgeted::{BudgetedStream, Stream};
use super::connect::connect;
use super::http_error::{MAX_HEAD_BYTES, from_hyper, head_too_large, internal};
use super::resolver::ResolveError;
use super::tls::{HandshakeOptions, untrusted_message};
use super::{AddressError, ConnectionError, Egress, tls};
use crate::contract::Verification;
use crate::grants::{Channel, Peer};

impl WasiHttpHooks for Egress {
    /// The client sets the header from the host that was permitted.
    fn set_host_header(&mut self) -> bool {
        false
    }

    /// A body on its way out takes host memory outside of the guest's limit: at most two of these
    /// chunks for each request.
    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK_BYTES
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _reading: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<OpenResponse, Error>> + Send> {
        let egress = self.clone();
        Box::new(async move { egress.send(request, options.unwrap_or_default()).await })
    }
}

/// A response, and the future that drives its connection while the body is read. Dropping the
/// future closes the connection.
type OpenResponse = (
    Response<WasiBody>,
    Box<dyn Future<Output = Result<(), Error>> + Send>,
);

impl Egress {
    async fn send(
        self,
        request: Request<WasiBody>,
        options: RequestOptions,
    ) -> Result<OpenResponse, Error> {
        let peer = parse_peer(request.uri())?;
        self.record_if_denied(self.0.grants.permit(&peer))
            .map_err(address_error)?;
        let request = wire_request(request, &peer)?;
        let stream = self
            .connect_peer(&peer, self.deadline_for(options.connect_timeout))
            .await?;
        let traffic = stream.traffic();

        let mut builder = http1::Builder::new();
        builder.max_buf_size(MAX_HEAD_BYTES);
        let (mut sender, connection) = builder
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| from_hyper(&error))?;
        let mut connection = Some(connection);
        let first_byte_deadline = self.deadline_for(options.first_byte_timeout);
        let mut sending = std::pin::pin!(sender.send_request(request));
        let response = poll_fn(|context| {
            if let Poll::Ready(response) = sending.as_mut().poll(context) {
                return Poll::Ready(response.map_err(|error| from_hyper(&error)));
            }
            if let Some(pending_connection) = &mut connection {
                let ended = Pin::new(pending_connection).poll(context);
                // The connection may end when the response has arrived.
                if let Poll::Ready(ended) = ended {
                    connection = None;
                    ended.map_err(|error| from_hyper(&error))?;
                }
            }
            match sending.as_mut().poll(context) {
                Poll::Ready(response) => Poll::Ready(response.map_err(|error| from_hyper(&error))),
                // Without a response so far, all bytes belong to its head or to informational
                // responses.
                Poll::Pending if traffic.received() > MAX_HEAD_BYTES as u64 => {
                    Poll::Ready(Err(head_too_large()))
                }
                Poll::Pending => Poll::Pending,
            }
        });
        let response = match timeout_at(first_byte_deadline.into(), response).await {
            Ok(response) => response?,
            Err(_) => return Err(Error::HttpResponseTimeout),
        };

        let idle_timeout = self.deadline_for(options.between_bytes_timeout) - Instant::now();
        let response = response.map(|body| {
            BoundedBody::new(body, self.0.http_body, idle_timeout, self.0.deadline).boxed_unsync()
        });
        let work = async move {
            // The body reports the error.
            if let Some(connection) = connection {
                connection.await.ok();
            }
            Ok(())
        };
        Ok((response, Box::new(work)))
    }

    /// Connects to a granted peer, with TLS if the scheme asks for it.
    async fn connect_peer(
        &self,
        peer: &Peer,
        deadline: Instant,
    ) -> Result<BudgetedStream<Box<dyn Stream>>, Error> {
        // Counted before the lookup, which uses host resources too.
        if !self.take_connection() {
            return Err(Error::ConnectionLimitReached);
        }
        let addresses = self
            .addresses(peer, deadline)
            .await
            .map_err(address_error)?;
        let stream = connect(&addresses, deadline)
            .await
            .map_err(|error| connect_error(&error))?;
        self.permit_connected(peer, &stream)
            .map_err(address_error)?;
        let stream: Box<dyn Stream> = match peer.channel {
            Channel::Https => {
                let options = HandshakeOptions {
                    alpn: vec![b"http/1.1".to_vec()],
                    verification: Verification::ChainAndName,
                    describes_chain: false,
                    identity: None,
                };
                let session = self.tls_handshake(stream, &peer.host, options, deadline);
                let session = session.await.map_err(handshake_error)?;
                if let Some(reason) = &session.verification_error {
                    let text = untrusted_message(&peer.host, reason);
                    return Err(Error::InternalError(Some(text)));
                }
                Box::new(session.stream)
            }
            _ => Box::new(stream),
        };
        Ok(BudgetedStream::new(stream))
    }

    /// The deadline for a timeout of the guest: at least 1 ms from now, and not after the run.
    fn deadline_for(&self, timeout: Option<Duration>) -> Instant {
        let now = Instant::now();
        let left = self
            .0
            .deadline
            .saturating_duration_since(now)
            .max(MIN_TIMEOUT);
        now + timeout.unwrap_or(left).clamp(MIN_TIMEOUT, left)
    }
}

/// The peer of a URI. A URI with a user is rejected, because the host of such a URI can be
/// mistaken.
fn parse_peer(uri: &Uri) -> Result<Peer, Error> {
    let channel = match uri.scheme() {
        Some(scheme) if *scheme == Scheme::HTTP => Channel::Http,
        Some(scheme) if *scheme == Scheme::HTTPS => Channel::Https,
        _ => return Err(Error::HttpProtocolError),
    };
    let authority = uri.authority().ok_or(Error::HttpRequestUriInvalid)?;
    Peer::parse(channel, authority.as_str()).map_err(|_| Error::HttpRequestUriInvalid)
}

/// The request as it is sent: the target is a path, whatever form the guest used; `host` is the
/// permitted one; and the client sets the headers of the connection.
fn wire_request(request: Request<WasiBody>, peer: &Peer) -> Result<Request<WasiBody>, Error> {
    let (mut parts, body) = request.into_parts();
    // In any case, because a lenient server would open a tunnel.
    if parts.method.as_str().eq_ignore_ascii_case("CONNECT") {
        return Err(Error::HttpRequestMethodInvalid);
    }
    let path = match parts.uri.path_and_query().map_or("", PathAndQuery::as_str) {
        path if path.starts_with('/') => path.to_owned(),
        path if path.is_empty() || path.starts_with('?') => format!("/{path}"),
        _ => return Err(Error::HttpRequestUriInvalid),
    };
    parts.uri = path.parse().map_err(|_| Error::HttpRequestUriInvalid)?;
    parts.version = Version::HTTP_11;
    for name in &DEFAULT_FORBIDDEN_HEADERS {
        parts.headers.remove(name);
    }
    let host = HeaderValue::try_from(authority(peer)).map_err(|_| Error::HttpRequestUriInvalid)?;
    parts.headers.insert(HOST, host);
    parts
        .headers
        .insert(CONNECTION, HeaderValue::from_static("close"));
    Ok(Request::from_parts(parts, body))
}

fn authority(peer: &Peer) -> String {
    match (peer.channel.scheme(), &peer.host, peer.port) {
        (Some((_, standard)), host, port) if port == standard => host.to_string(),
        (_, host, port) => format!("{host}:{port}"),
    }
}

fn address_error(address_error: AddressError) -> Error {
    match address_error {
        AddressError::Denied(_) => Error::HttpRequestDenied,
        AddressError::Unresolved(ResolveError::Timeout) => Error::DnsTimeout,
        AddressError::Unresolved(error) => Error::DnsError {
            rcode: Some(error.to_string()),
            info_code: None,
        },
    }
}

fn connect_error(error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Error::ConnectionRefused,
        io::ErrorKind::TimedOut => Error::ConnectionTimeout,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            Error::DestinationIpUnroutable
        }
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => {
            Error::ConnectionTerminated
        }
        // A problem of the host: no sockets left, no permission.
        _ => internal(format_args!("the host cannot connect: {error}")),
    }
}

fn handshake_error(error: ConnectionError) -> Error {
    use rustls::Error::{InvalidCertificate, Other};
    match error {
        ConnectionError::Timeout => Error::ConnectionTimeout,
        ConnectionError::Closed => Error::ConnectionTerminated,
        ConnectionError::Failed(text)
        | ConnectionError::Protocol(InvalidCertificate(_) | Other(_), text) => {
            Error::InternalError(Some(text))
        }
        ConnectionError::Protocol(error, _) => tls::http_error(&error),
    }
}

/// The shortest timeout that a guest can set.
const MIN_TIMEOUT: Duration = Duration::from_millis(1);
/// The size of the chunks in which a guest sends the body of a request.
pub(super) const CHUNK_BYTES: usize = 64 << 10;

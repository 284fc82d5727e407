//! The method CONNECT of HTTP/1.1 (RFC 9110, section 9.3.6).

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{HOST, PROXY_AUTHORIZATION};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::problem::ProxyProblem;
use crate::clients::Proxy;
use crate::egress::budgeted::BudgetedStream;
use crate::egress::http_error::MAX_HEAD_BYTES;
use crate::grants::Peer;

/// Asks the proxy for a tunnel to the peer.
pub(super) async fn open(
    stream: BudgetedStream<TcpStream>,
    proxy: &Proxy,
    peer: &Peer,
) -> Result<BudgetedStream<TcpStream>, ProxyProblem> {
    let request = request(proxy, peer)?;
    let traffic = stream.traffic();
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(MAX_HEAD_BYTES)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| problem(&error))?;
    let mut ending = pin!(connection.without_shutdown());
    let mut ended = None;
    let mut sending = pin!(sender.send_request(request));
    let response = poll_fn(|context| {
        if ended.is_none()
            && let Poll::Ready(parts) = ending.as_mut().poll(context)
        {
            ended = Some(parts.map_err(|error| problem(&error))?);
        }
        match sending.as_mut().poll(context) {
            Poll::Ready(response) => Poll::Ready(response.map_err(|error| problem(&error))),
            // Without a response so far, all bytes belong to its head or to informational responses.
            Poll::Pending if traffic.received() > MAX_HEAD_BYTES as u64 => {
                Poll::Ready(Err(ProxyProblem::TooMuch))
            }
            Poll::Pending => Poll::Pending,
        }
    });
    let status = response.await?.status();
    if status != StatusCode::OK {
        // The reason that the proxy gives is a stranger's.
        return Err(ProxyProblem::Refused(status.to_string()));
    }
    let parts = match ended {
        Some(parts) => parts,
        None => ending.await.map_err(|error| problem(&error))?,
    };
    // Neither a server of HTTP nor one of TLS begins.
    if parts.read_buf.is_empty() {
        Ok(parts.io.into_inner())
    } else {
        Err(ProxyProblem::TooMuch)
    }
}

fn request(proxy: &Proxy, peer: &Peer) -> Result<Request<Empty<Bytes>>, ProxyProblem> {
    let authority = format!("{}:{}", peer.host, peer.port);
    let unusable = || ProxyProblem::Server("the host of the URL cannot be sent");
    let mut request = Request::new(Empty::new());
    *request.method_mut() = Method::CONNECT;
    *request.uri_mut() = authority
        .parse()
        .map_err(|_: http::uri::InvalidUri| unusable())?;
    let host = HeaderValue::try_from(authority).map_err(|_| unusable())?;
    request.headers_mut().insert(HOST, host);
    if let Some((user, password)) = &proxy.credentials {
        let encoded = STANDARD.encode(format!("{user}:{password}"));
        let mut value = HeaderValue::try_from(format!("Basic {encoded}"))
            .expect("base64 has only characters of header values");
        value.set_sensitive(true);
        request.headers_mut().insert(PROXY_AUTHORIZATION, value);
    }
    Ok(request)
}

fn problem(error: &hyper::Error) -> ProxyProblem {
    if error.is_parse_too_large() {
        ProxyProblem::TooMuch
    } else if error.is_parse() {
        ProxyProblem::Protocol("HTTP")
    } else {
        ProxyProblem::Closed
    }
}

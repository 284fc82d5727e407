//! Network access against real sockets: builders and servers that the tests share.

mod fetch;
mod hostile;
mod http;
mod identity;
mod lookups;
mod net;
mod own_machine;
mod proxy;
mod sockets;
mod tls;
mod trailers;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::http::{Request, StatusCode};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wasmtime_wasi::p2::Pollable;
use wasmtime_wasi::p2::bindings::sockets::network::ErrorCode;
use wasmtime_wasi::sockets::SocketAddrUse;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::*;
use crate::grants::{Channel, Grant};
use vitals_model::Root;

/// A way out with everything that a test wants to be different from a run without limits.
struct EgressBuilder {
    entries: Vec<(&'static str, String)>,
    names: Vec<(&'static str, &'static [&'static str])>,
    roots: Vec<Root>,
    time: Duration,
    connections: u32,
    http_body: u64,
}

impl EgressBuilder {
    fn granted(key: &'static str, entry: impl Into<String>) -> Self {
        Self {
            entries: vec![(key, entry.into())],
            names: Vec::new(),
            roots: Vec::new(),
            time: Duration::from_secs(10),
            connections: 64,
            http_body: 1 << 20,
        }
    }

    /// May request one server.
    fn http(server: SocketAddr) -> Self {
        Self::granted("http", format!("http://{server}"))
    }

    fn and(mut self, key: &'static str, entry: impl Into<String>) -> Self {
        self.entries.push((key, entry.into()));
        self
    }

    /// Resolves `name` to `addresses`. Without an address, the look-up is never answered.
    fn resolves(mut self, name: &'static str, addresses: &'static [&'static str]) -> Self {
        self.names.push((name, addresses));
        self
    }

    fn open(self) -> Egress {
        let network = Network::with_names(&self.roots, &self.names);
        self.with_network(network)
    }

    /// Where the kernel is not asked which addresses are this machine's.
    fn open_without_local_check(self) -> Egress {
        let network = Network::with_names(&self.roots, &self.names);
        self.with_network(network.without_local_check())
    }

    fn with_network(self, network: Network) -> Egress {
        let entries = self
            .entries
            .iter()
            .map(|(key, entry)| Grant::allowed(key, entry).unwrap());
        let roots = network.roots(None).unwrap();
        Egress::new(
            Arc::new(network),
            Arc::new(Grants::new(entries, |_| None)),
            "orders-db".parse().unwrap(),
            Instant::now() + self.time,
            self.connections,
            self.http_body,
            roots,
        )
    }
}

impl Egress {
    fn refused(&self) -> Vec<String> {
        self.denials(&Secrets::default())
            .into_iter()
            .map(|denial| denial.message.into())
            .collect()
    }
}

struct HttpReply {
    status: StatusCode,
    body: String,
}

async fn send(
    egress: &Egress,
    request: Request<&'static str>,
    options: Option<RequestOptions>,
) -> Result<HttpReply, Error> {
    let full = |body: &'static str| Full::new(Bytes::from(body));
    let request: Request<WasiBody> =
        request.map(|body| full(body).map_err(|never| match never {}).boxed_unsync());
    let sending = egress
        .clone()
        .send_request(request, options, Box::new(async { Ok(()) }));
    let (response, work) = Box::into_pin(sending).await?;
    let work = tokio::spawn(Box::into_pin(work));
    let (parts, body) = response.into_parts();
    let body = body.collect().await;
    work.abort();
    let body = String::from_utf8(body?.to_bytes().to_vec()).unwrap();
    Ok(HttpReply {
        status: parts.status,
        body,
    })
}

async fn get(egress: &Egress, uri: &str) -> Result<HttpReply, Error> {
    send(egress, Request::get(uri).body("").unwrap(), None).await
}

/// What went wrong, as text: the error type does not compare.
fn error_of(result: Result<HttpReply, Error>) -> String {
    match result {
        Ok(answered) => panic!("answered with {}: {}", answered.status, answered.body),
        Err(error) => format!("{error:?}"),
    }
}

/// All addresses that a look-up answers, waited for as a guest does.
async fn lookup(egress: &Egress, name: &str) -> Result<Vec<String>, ErrorCode> {
    let mut lookup = egress.lookup(name)?;
    lookup.ready().await;
    let mut found = Vec::new();
    while let Some(address) = lookup.next()? {
        found.push(address.to_string());
    }
    Ok(found)
}

/// Whether a guest's own socket may do this.
async fn permitted(egress: &Egress, address: &str, purpose: SocketAddrUse) -> bool {
    egress.socket_check()(address.parse().unwrap(), purpose).await
}

/// A server on a free port of this machine, which does the same with every connection.
async fn serve<F>(handler: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    serve_at(Ipv4Addr::LOCALHOST.into(), handler).await
}

async fn serve_at<F>(at: IpAddr, handler: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind((at, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(handler(stream));
        }
    });
    address
}

/// Reads a request up to the end of its headers.
async fn head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(head).unwrap()
}

/// Answers every request with `answer`, as it stands.
async fn answering(answer: impl Into<String>) -> SocketAddr {
    let answer = answer.into();
    serve(move |mut stream| {
        let answer = answer.clone();
        async move { reply(&mut stream, &answer).await }
    })
    .await
}

async fn reply(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), answer: &str) {
    head(stream).await;
    // The client may be gone already; that is what some tests are about.
    stream.write_all(answer.as_bytes()).await.ok();
    stream.shutdown().await.ok();
}

/// Answers every request with the request itself. A POST has a body of four bytes.
async fn echoing() -> SocketAddr {
    serve(|mut stream| async move {
        let mut request = head(&mut stream).await;
        if request.starts_with("POST ") {
            let mut body = [0; 4];
            stream.read_exact(&mut body).await.unwrap();
            request.push_str(&String::from_utf8_lossy(&body));
        }
        let length = request.len();
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{request}");
        stream.write_all(answer.as_bytes()).await.ok();
    })
    .await
}

fn timeouts(connect: u64, first_byte: u64, between_bytes: u64) -> RequestOptions {
    let ms = |ms| Some(Duration::from_millis(ms));
    RequestOptions {
        connect_timeout: ms(connect),
        first_byte_timeout: ms(first_byte),
        between_bytes_timeout: ms(between_bytes),
    }
}

const EMPTY_ANSWER: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

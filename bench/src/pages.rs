//! `GET /health` with 100 checks against a constant body of that size, on the same server.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Body;
use axum::http::{Request, header};
use axum::routing::get;
use bytes::Bytes;
use tokio::net::TcpListener;
use tower::ServiceExt as _;
use vitals_host::Host;

use crate::fleet::Fleet;
use crate::rounds::Figures;
use crate::table::{Bound, Row};

pub(crate) async fn health_against_constant(guest: &Path) -> Result<Row> {
    let fleet = Fleet::start(guest, 100, Duration::from_secs(1)).await?;
    let constant = fleet.host.health_json();
    let page = move || {
        let body: Bytes = constant.clone();
        async move { ([(header::CONTENT_TYPE, "application/json")], body) }
    };
    let router = fleet
        .host
        .router()
        .merge(Router::new().route("/constant", get(page)));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let Fleet { host, .. } = fleet;
    let serving = tokio::spawn(host.serve_router(router, listener, async {
        // A dropped sender also shuts the server down.
        let _ = ended.await;
    }));
    let (mut constant, mut health) = (Figures::default(), Figures::default());
    for _ in 0..crate::ROUNDS {
        constant.push(requests_per_second(address, "/constant").await?);
        health.push(requests_per_second(address, "/health").await?);
    }
    drop(end);
    serving.await?;
    Ok(Row {
        what: "GET /health with 100 checks / a constant of that size, requests a second",
        unit: "/s",
        measured: health,
        baseline: constant,
        bound: Bound::AtLeast(0.9),
    })
}

/// Requests a second of a few clients, each with one request at a time over a kept connection.
async fn requests_per_second(address: SocketAddr, path: &'static str) -> Result<f64> {
    let started = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| tokio::task::spawn_blocking(move || ask(address, path)))
        .collect();
    let mut answers = 0;
    for client in clients {
        answers += client.await??;
    }
    Ok(f64::from(answers) / started.elapsed().as_secs_f64())
}

fn ask(address: SocketAddr, path: &str) -> Result<u32> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let mut buffer = vec![0; 1 << 20];
    let end = Instant::now() + ROUND;
    let mut answers = 0;
    while Instant::now() < end {
        stream.write_all(request.as_bytes())?;
        read_response(&mut stream, &mut buffer)?;
        answers += 1;
    }
    Ok(answers)
}

/// The body of a page, without a connection.
pub(crate) async fn body_of(host: &Host, path: &str) -> Result<Bytes> {
    let request = Request::get(path).body(Body::empty())?;
    let response = host.router().oneshot(request).await?;
    Ok(axum::body::to_bytes(response.into_body(), usize::MAX).await?)
}

/// Reads a whole response, which must be 200, and returns the range of its body in the buffer.
pub(crate) fn read_response(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<Range<usize>> {
    let mut filled = 0;
    let (head, length) = loop {
        let read = stream.read(&mut buffer[filled..])?;
        anyhow::ensure!(read > 0, "the server closed the connection");
        filled += read;
        if let Some(end) = buffer[..filled]
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
        {
            let head = str::from_utf8(&buffer[..end])?;
            anyhow::ensure!(
                head.starts_with("HTTP/1.1 200"),
                "the server returned {head}"
            );
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length")
                    .then(|| value.trim().parse::<usize>())
            });
            break (
                end + 4,
                length.context("a response without content-length")??,
            );
        }
    };
    let end = head + length;
    if filled < end {
        stream.read_exact(&mut buffer[filled..end])?;
    }
    Ok(head..end)
}

const CLIENTS: usize = 8;
const ROUND: Duration = Duration::from_secs(2);

//! Servers that send without end what an HTTP or TLS client reads before it has anything to hand on.

use std::io::{self, Write as _};
use std::net::TcpStream;
use std::sync::atomic::Ordering;

use rustls::{ServerConnection, StreamOwned};

use super::{ServerBehaviour, chains, head, pour};

pub(super) const BEHAVIOURS: &[(&str, ServerBehaviour)] = &[
    ("hints", |stream, stopped| {
        head(stream)?;
        let hint = format!("HTTP/1.1 103 Early Hints\r\n{}\r\n", "a:\r\n".repeat(90));
        pour(stream, stopped, hint.repeat(100).as_bytes())
    }),
    ("hints-tls", |stream, stopped| {
        let mut stream = begin_tls(stream)?;
        head(&mut stream)?;
        let hint = format!("HTTP/1.1 103 Early Hints\r\n{}\r\n", "a:\r\n".repeat(90));
        while !stopped.load(Ordering::Acquire) {
            stream.write_all(hint.as_bytes())?;
        }
        Ok(())
    }),
    ("all-continues", |stream, stopped| {
        head(stream)?;
        pour(
            stream,
            stopped,
            &b"HTTP/1.1 100 Continue\r\n\r\n".repeat(1000),
        )
    }),
    ("chunk-size", |stream, stopped| {
        head(stream)?;
        stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
        pour(stream, stopped, &[b'0'; 64 << 10])
    }),
    // The head of a handshake message of 64 KiB, of which the rest comes in records of one byte.
    ("tls-crumbs", |stream, stopped| {
        stream.write_all(b"\x16\x03\x03\x00\x04\x02\x00\xff\xf0")?;
        pour(stream, stopped, &b"\x16\x03\x03\x00\x01\x03".repeat(1000))
    }),
];

/// Shakes hands as a server that whoever trusts [`chains::root`] trusts.
fn begin_tls(stream: &TcpStream) -> io::Result<StreamOwned<ServerConnection, TcpStream>> {
    let session = ServerConnection::new(chains::trusted()).map_err(io::Error::other)?;
    Ok(StreamOwned::new(session, stream.try_clone()?))
}

//! Servers that misbehave: what each sends to a client, and how it continues.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use rustix::process::setpriority_process;
use rustix::thread::gettid;
use rustls::{ServerConnection, StreamOwned};

use super::chains::{HEAVY, LONG, TANGLED, TRUSTED, TlsConfig};

/// A server; it stops when this is dropped.
pub(super) struct Server {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
}

/// What a server does with a connection.
pub(super) struct Behaviour {
    tls: Option<&'static TlsConfig>,
    /// Whether it reads the head of a request first.
    reads: bool,
    sends: Vec<u8>,
    then: Then,
}

/// How a server continues.
enum Then {
    /// It closes the connection.
    Closes,
    /// It reads until the client closes the connection.
    Waits,
    /// It responds with the head of the request.
    Echoes,
    /// It sends this again and again, so long apart.
    Repeats(Vec<u8>, Duration),
}

/// Returns the servers of the world.
#[rustfmt::skip]
pub(super) fn behaviours() -> Vec<(&'static str, Behaviour)> {
    use Then::{Closes, Echoes, Waits};
    let hint = format!("HTTP/1.1 103 Early Hints\r\n{}\r\n", "a:\r\n".repeat(90));
    let large = format!("content-length: 0\r\nx-large: {}", "x".repeat(200_000));
    let mut many = String::from("content-length: 0");
    for number in 0..5000 {
        write!(many, "\r\nx-{number}: y").expect("memory takes it");
    }
    vec![
        ("ok", ok()),
        ("echo", after_request("", Echoes)),
        ("stall", response("content-length: 10", "half", Waits)),
        ("short", response("content-length: 10", "half", Closes)),
        ("drip", response("content-length: 100000", "", drips("."))),
        ("drip-head", after_request("HTTP/1.1 200 OK\r\nx-slow: ", drips("x"))),
        ("endless", response("connection: close", "", pours("x".repeat(64 << 10)))),
        ("endless-chunks", response("transfer-encoding: chunked", "", pours("1\r\nx\r\n".repeat(1000)))),
        ("endless-head", after_request("HTTP/1.1 200 OK\r\n", pours("x-more: and more\r\n".repeat(100)))),
        ("endless-trailers", response("transfer-encoding: chunked", "2\r\nok\r\n0\r\n",
            pours("x-more: and more\r\n".repeat(100)))),
        ("large-header", response(&large, "", Closes)),
        ("many-headers", response(&many, "", Closes)),
        ("two-lengths", response("content-length: 2\r\ncontent-length: 2000", "ok", Waits)),
        ("huge-length", response("content-length: 18446744073709551615", "ok", Waits)),
        ("early-end", response("content-length: 2000", "ok", Closes)),
        ("continues", after_request("", pours("HTTP/1.1 100 Continue\r\n\r\n"))),
        ("all-continues", after_request("", pours("HTTP/1.1 100 Continue\r\n\r\n".repeat(1000)))),
        ("hints", after_request("", pours(hint.repeat(100)))),
        ("hints-tls", after_request("", pours(hint)).over(&TRUSTED)),
        ("chunk-size", response("transfer-encoding: chunked", "", pours("0".repeat(64 << 10)))),
        ("redirect", after_request("HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/latest/\r\n\
                                    content-length: 0\r\n\r\n", Closes)),
        ("cookie-loop", after_request(cookie_loop(), Closes)),
        ("gzip-bomb", coded("gzip", gzip(1_000_000_000), Closes)),
        ("zstd-bomb", coded("zstd", zstd(80_000), Closes)),
        // A frame whose window descriptor asks for 1 GiB.
        ("zstd-window", coded("zstd", b"\x28\xb5\x2f\xfd\x00\xa0\x01\x00\x00".to_vec(), Closes)),
        ("gzip-empty", coded("gzip", gzip(0)[..10].to_vec(), pours(b"\x00\x00\x00\xff\xff".repeat(1000)))),
        ("h2-pings", http2(pours(b"\0\0\x08\x06\0\0\0\0\0pingping".repeat(500)))),
        ("h2-settings", http2(pours(b"\0\0\0\x04\0\0\0\0\0".repeat(500)))),
        ("h2-continuations", http2(pours(continuations()))),
        ("h2-trailers", after_request(h2_response(), pours(continuation()))),
        ("h2-resets", http2(pours(b"\0\0\x04\x03\0\0\0\0\x01\0\0\0\x08".repeat(500)))),
        ("silent", at_once("", Waits)),
        ("greedy", at_once("", Waits)),
        // It reads nothing, so that what it is sent piles up.
        ("deaf", at_once("", Then::Repeats(Vec::new(), Duration::from_millis(100)))),
        ("flood", at_once("", pours("x".repeat(64 << 10)))),
        ("no-http", at_once(b"\x16\x03\x01\x02\x00SSH-2.0-\x00\xff\r\n\r\n", Waits)),
        // The head of a TLS record, a handshake message of 16 KiB, the rest of which comes slowly.
        ("tls-drip", at_once(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc", drips("\x03"))),
        // Empty handshake records.
        ("tls-endless", at_once("", pours(b"\x16\x03\x03\x00\x01\x00".repeat(1000)))),
        // The head of a handshake message of 64 KiB, the rest of which comes in records of one
        // byte.
        ("tls-crumbs", at_once(b"\x16\x03\x03\x00\x04\x02\x00\xff\xf0",
            pours(b"\x16\x03\x03\x00\x01\x03".repeat(1000)))),
        ("chain-long", ok().over(&LONG)),
        ("chain-tangled", ok().over(&TANGLED)),
        ("chain-heavy", ok().over(&HEAVY)),
    ]
}

/// Responds with `ok`.
pub(super) fn ok() -> Behaviour {
    response("content-length: 2", "ok", Then::Closes)
}

fn response(headers: &str, body: &str, then: Then) -> Behaviour {
    after_request(format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\n{body}"), then)
}

/// Responds with a body in a coding.
fn coded(coding: &str, body: Vec<u8>, then: Then) -> Behaviour {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: {coding}\r\n\r\n");
    after_request([head.into_bytes(), body].concat(), then)
}

/// So many zeros in gzip.
fn gzip(count: u64) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    io::copy(&mut io::repeat(0).take(count), &mut encoder).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

/// A zstd frame of so many blocks, each of which repeats one byte 128 Ki times (RFC 8878, section
/// 3.1.1.2).
fn zstd(blocks: usize) -> Vec<u8> {
    let block = ((128_u32 << 10) << 3 | 1 << 1).to_le_bytes();
    let block = [block[0], block[1], block[2], b'x'];
    // The window has 8 MiB.
    [&b"\x28\xb5\x2f\xfd\x00\x68"[..], &block.repeat(blocks)].concat()
}

/// A redirect to itself that sets cookies of 60 KB.
fn cookie_loop() -> String {
    let mut head = String::from("HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n");
    for number in 0..15 {
        write!(head, "set-cookie: c{number}={}\r\n", "x".repeat(4000)).expect("memory takes it");
    }
    head + "\r\n"
}

/// Speaks HTTP/2: after its empty settings it continues.
fn http2(then: Then) -> Behaviour {
    at_once(b"\0\0\0\x04\0\0\0\0\0", then)
}

/// The head of a response whose header block never ends: `:status: 200`, and then fields.
fn continuations() -> Vec<u8> {
    [&b"\0\0\x01\x01\0\0\0\0\x01\x88"[..], &continuation()[..]].concat()
}

/// A response in HTTP/2 with empty settings, a body, and the beginning of trailers.
fn h2_response() -> Vec<u8> {
    let head = b"\0\0\x01\x01\x04\0\0\0\x01\x88";
    let trailers = b"\0\0\x06\x01\x01\0\0\0\x01\x00\x01b\x02ok";
    let mut frames = b"\0\0\0\x04\0\0\0\0\0".to_vec();
    frames.extend(head);
    frames.extend(b"\0\0\x02\0\0\0\0\0\x01ok");
    frames.extend(trailers);
    frames
}

/// A frame that continues a header block, with literals without indexing (RFC 7541, section 6.2.2).
fn continuation() -> Vec<u8> {
    let literal = [&b"\x00\x01a\x7f\x81\x01"[..], &[b'x'; 256]].concat();
    let block = literal.repeat(16);
    let length = u32::try_from(block.len())
        .expect("it is short")
        .to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend(b"\x09\0\0\0\0\x01");
    frame.extend(block);
    frame
}

fn after_request(sends: impl Into<Vec<u8>>, then: Then) -> Behaviour {
    let reads = true;
    Behaviour {
        reads,
        ..at_once(sends, then)
    }
}

fn at_once(sends: impl Into<Vec<u8>>, then: Then) -> Behaviour {
    Behaviour {
        tls: None,
        reads: false,
        sends: sends.into(),
        then,
    }
}

fn pours(bytes: impl Into<Vec<u8>>) -> Then {
    Then::Repeats(bytes.into(), Duration::ZERO)
}

fn drips(byte: &str) -> Then {
    Then::Repeats(byte.into(), Duration::from_millis(20))
}

impl Behaviour {
    fn over(self, tls: &'static TlsConfig) -> Self {
        let tls = Some(tls);
        Self { tls, ..self }
    }

    /// Goes on until it fails, which it does when the client is gone.
    fn serve(&self, mut stream: TcpStream, stopped: &AtomicBool) -> io::Result<()> {
        let Some(config) = self.tls else {
            return self.talk(&mut stream, stopped);
        };
        let session = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(session, stream);
        self.talk(&mut stream, stopped)?;
        stream.conn.send_close_notify();
        stream.flush()
    }

    fn talk(&self, stream: &mut (impl Read + Write), stopped: &AtomicBool) -> io::Result<()> {
        let mut head = Vec::new();
        while self.reads && !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            head.extend(byte);
        }
        stream.write_all(&self.sends)?;
        match &self.then {
            Then::Closes => Ok(()),
            Then::Waits => io::copy(stream, &mut io::sink()).map(drop),
            Then::Echoes => {
                let length = head.len();
                write!(
                    stream,
                    "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n"
                )?;
                stream.write_all(&head)
            }
            Then::Repeats(bytes, apart) => {
                while !stopped.load(Ordering::Acquire) {
                    stream.write_all(bytes)?;
                    pause(*apart);
                }
                Ok(())
            }
        }
    }
}

impl Server {
    /// Starts a server on a free port.
    pub(super) fn start(at: IpAddr, behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind((at, 0)).expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let stopped = Arc::new(AtomicBool::new(false));
        let here = Arc::clone(&stopped);
        let behaviour = Arc::new(behaviour);
        thread::spawn(move || {
            // A server that floods sixty connections must not take the processors from the host's
            // guest threads: those of its connections inherit this.
            let _ = setpriority_process(Some(gettid()), NICE);
            for stream in listener.incoming() {
                if here.load(Ordering::Acquire) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let (here, behaviour) = (Arc::clone(&here), Arc::clone(&behaviour));
                // A client that goes away is no failure of the server.
                thread::spawn(move || behaviour.serve(stream, &here).unwrap_or_default());
            }
        });
        Self { address, stopped }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Release);
        // Wakes the thread that accepts.
        drop(TcpStream::connect(self.address));
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "these servers are slow on purpose"
)]
fn pause(time: Duration) {
    thread::sleep(time);
}

/// How much nicer a server is than the suite; guest threads have 10.
const NICE: i32 = 19;

//! A TLS server for checks, with certificates that the test makes.

use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::TLS12;
use rustls::{ALL_VERSIONS, RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use vitals_servers::Identity;

/// How a server begins a connection.
#[derive(Clone, Copy, Debug)]
pub enum Opening {
    /// With the handshake.
    Tls,
    /// With the handshake of TLS 1.2.
    Tls12,
    /// With the handshake, one byte at a time, at this interval.
    Drip(Duration),
    /// In the clear, with a greeting; the line `STARTTLS` begins the handshake.
    Plain,
    /// Reads the first message of the handshake and closes the connection.
    HangUp,
}

/// A server that sends each line back, except for these: `later MS TEXT`, of which it sends the text after
/// that time; `bye`, after which it closes with an alert; `cut`, after which it closes without one; and
/// `flood BYTES`, to which it sends as many.
#[derive(Debug)]
pub struct TlsTarget {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
    accepted: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
}

impl TlsTarget {
    /// Starts a server on a free port of 127.0.0.1.
    ///
    /// # Panics
    ///
    /// Panics if there is no free port.
    pub fn start(identity: &Identity, opening: Opening) -> Self {
        Self::start_with(identity, WebPkiClientVerifier::no_client_auth(), opening)
    }

    /// Starts one that requires a certificate of its clients, signed by this one.
    ///
    /// # Panics
    ///
    /// Panics if there is no free port, or if the certificate cannot sign.
    pub fn start_for_clients(
        identity: &Identity,
        root: &CertificateDer<'static>,
        opening: Opening,
    ) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(root.clone()).expect("a root");
        let provider = Arc::new(ring::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
        Self::start_with(identity, verifier.expect("a root"), opening)
    }

    fn start_with(
        identity: &Identity,
        clients: Arc<dyn ClientCertVerifier>,
        opening: Opening,
    ) -> Self {
        let key = PrivateKeyDer::Pkcs8(identity.key_der().into());
        let key = ring::sign::any_supported_type(&key).expect("a key that can sign");
        // Without a check that they match: a test may use another key than that of the certificate.
        let shown = CertifiedKey::new(identity.chain.clone(), key);
        let versions = match opening {
            Opening::Tls12 => &[&TLS12][..],
            _ => ALL_VERSIONS,
        };
        let provider = Arc::new(ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .expect("ring has all versions")
            .with_client_cert_verifier(clients)
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(shown)));
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let target = Self {
            address: listener.local_addr().expect("it is bound"),
            stopped: Arc::default(),
            accepted: Arc::default(),
            open: Arc::default(),
        };
        let stopped = Arc::clone(&target.stopped);
        let (accepted, open) = (Arc::clone(&target.accepted), Arc::clone(&target.open));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::Acquire) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                accepted.fetch_add(1, Ordering::AcqRel);
                open.fetch_add(1, Ordering::AcqRel);
                let (config, open) = (Arc::clone(&config), Arc::clone(&open));
                thread::spawn(move || {
                    // A client may have gone away.
                    talk(stream, config, opening).unwrap_or_default();
                    open.fetch_sub(1, Ordering::AcqRel);
                });
            }
        });
        target
    }

    /// The address on which it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The number of connections that were made to it.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Acquire)
    }

    /// The number of open connections.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Acquire)
    }
}

impl Drop for TlsTarget {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Release);
        // Wakes the thread that accepts.
        drop(TcpStream::connect(self.address));
    }
}

fn talk(mut stream: TcpStream, config: Arc<ServerConfig>, opening: Opening) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let session = ServerConnection::new(config).map_err(io::Error::other)?;
    match opening {
        Opening::Tls | Opening::Tls12 => echo(StreamOwned::new(session, stream)),
        Opening::Drip(apart) => echo(StreamOwned::new(session, Drip { stream, apart })),
        Opening::HangUp => {
            stream.read_exact(&mut [0; 64])?;
            Ok(())
        }
        Opening::Plain => {
            stream.write_all(b"ready\n")?;
            let mut line = Vec::new();
            // One byte at a time: what follows belongs to the handshake.
            while line.last() != Some(&b'\n') {
                let mut byte = [0];
                stream.read_exact(&mut byte)?;
                line.extend(byte);
            }
            stream.write_all(b"go\n")?;
            echo(StreamOwned::new(session, stream))
        }
    }
}

fn echo<S: Read + Write>(stream: StreamOwned<ServerConnection, S>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    while stream.read_line(&mut line)? > 0 {
        let words: Vec<&str> = line.trim_end().splitn(3, ' ').collect();
        let stream = stream.get_mut();
        match words[..] {
            ["later", ms, text] => {
                thread_pause(ms.parse().unwrap_or(0));
                writeln!(stream, "{text}")?;
            }
            ["flood", bytes] => {
                let bytes = bytes.parse().unwrap_or(0);
                stream.write_all(&vec![b'x'; bytes])?;
            }
            ["bye"] => {
                stream.conn.send_close_notify();
                return stream.flush();
            }
            ["cut"] => return Ok(()),
            _ => stream.write_all(line.as_bytes())?,
        }
        stream.flush()?;
        line.clear();
    }
    Ok(())
}

/// Writes one byte at a time.
struct Drip {
    stream: TcpStream,
    apart: Duration,
}

impl Read for Drip {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl Write for Drip {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        thread_pause(u64::try_from(self.apart.as_millis()).unwrap_or(u64::MAX));
        self.stream.write(&bytes[..bytes.len().min(1)])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the servers sleep on threads of their own"
)]
fn thread_pause(ms: u64) {
    thread::sleep(Duration::from_millis(ms));
}

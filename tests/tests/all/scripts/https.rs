//! A server that speaks HTTPS with a certificate that only a file of roots makes trusted.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use parking_lot::Mutex;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tempfile::TempDir;
use vitals_tests::Authority;

/// A server on a free port of 127.0.0.1. It has a JSON document at each path, and never responds to
/// `/silent`.
pub(crate) struct HttpsServer {
    address: SocketAddr,
    directory: TempDir,
    requests: Arc<Mutex<Vec<String>>>,
    stopped: Arc<AtomicBool>,
}

impl HttpsServer {
    pub(crate) fn start(documents: &'static [(&'static str, &'static str)]) -> Self {
        let authority = Authority::new("Test Root");
        let identity = authority.identity(&["127.0.0.1"], |_| {});
        let key = PrivateKeyDer::Pkcs8(identity.key_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has what TLS needs")
            .with_no_client_auth()
            .with_single_cert(identity.chain.clone(), key)
            .expect("the key is that of the certificate");
        let config = Arc::new(config);
        let directory = TempDir::new().expect("a directory");
        std::fs::write(directory.path().join(ROOTS), authority.pem()).expect("it can be written");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let server = Self {
            address: listener.local_addr().expect("it is bound"),
            directory,
            requests: Arc::default(),
            stopped: Arc::default(),
        };
        let (requests, stopped) = (Arc::clone(&server.requests), Arc::clone(&server.stopped));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::Acquire) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let (config, requests) = (Arc::clone(&config), Arc::clone(&requests));
                // A client that does not trust the certificate goes away.
                thread::spawn(move || {
                    respond(stream, config, documents, &requests).unwrap_or_default();
                });
            }
        });
        server
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }

    /// The file of roots that makes its certificate trusted.
    pub(crate) fn roots(&self) -> PathBuf {
        self.directory.path().join(ROOTS)
    }

    /// The heads of the requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().clone()
    }
}

impl Drop for HttpsServer {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Release);
        // Wakes the thread that accepts.
        drop(TcpStream::connect(self.address));
    }
}

fn respond(
    stream: TcpStream,
    config: Arc<ServerConfig>,
    documents: &[(&str, &str)],
    requests: &Mutex<Vec<String>>,
) -> io::Result<()> {
    let session = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut stream = BufReader::new(StreamOwned::new(session, stream));
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    requests.lock().push(head.clone());
    let path = head.split(' ').nth(1).unwrap_or_default();
    if path == "/silent" {
        // Until the client gives up.
        stream.read_to_end(&mut Vec::new())?;
        return Ok(());
    }
    let document = documents.iter().find(|(known, _)| *known == path);
    let (status, body) = match document {
        Some((_, body)) => ("200 OK", *body),
        None => ("404 Not Found", ""),
    };
    let stream = stream.get_mut();
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{body}",
        body.len()
    )?;
    stream.conn.send_close_notify();
    stream.flush()
}

const ROOTS: &str = "roots.pem";

//! A server for checks, on a free port of 127.0.0.1, whose responses a test chooses.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;

/// What a server does with a connection.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Reads a request and responds with this status (`200 OK`), headers and body.
    Http(String, Vec<(String, String)>, Vec<u8>),
    /// Writes these bytes at once, whatever the request is.
    Bytes(Vec<u8>),
    /// Reads a request, then writes only the beginning of a response.
    Stall,
    /// Accepts and writes nothing.
    Silence,
    /// Responds with a body that comes one byte at a time, at this interval.
    Drip(Duration),
    /// Responds with a body of 128 MiB and never ends it.
    Endless,
}

impl Reply {
    /// 200 with a body.
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::status("200 OK", body)
    }

    /// A status with a body.
    pub fn status(status: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::Http(status.to_owned(), Vec::new(), body.into())
    }

    /// A redirect.
    pub fn redirect(to: &str) -> Self {
        Self::Http(
            "302 Found".into(),
            vec![("location".into(), to.to_owned())],
            Vec::new(),
        )
    }
}

/// A server. Once it is stopped or dropped, connections to it are refused.
#[derive(Debug)]
pub struct Target {
    address: SocketAddr,
    state: Arc<State>,
    accepting: Option<thread::JoinHandle<()>>,
}

#[derive(Debug)]
struct State {
    reply: Mutex<Reply>,
    accepted: AtomicUsize,
    requests: Mutex<Vec<String>>,
    stopped: AtomicBool,
    /// Cleared at the end, which ends every pause.
    ends: Mutex<Vec<mpsc::Sender<()>>>,
}

impl Target {
    /// Starts a server.
    ///
    /// # Panics
    ///
    /// Panics if there is no free port.
    pub fn start(reply: Reply) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let state = Arc::new(State {
            reply: Mutex::new(reply),
            accepted: AtomicUsize::new(0),
            requests: Mutex::default(),
            stopped: AtomicBool::new(false),
            ends: Mutex::default(),
        });
        let here = Arc::clone(&state);
        let accepting = thread::spawn(move || {
            for stream in listener.incoming() {
                if here.stopped.load(Ordering::Acquire) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                here.accepted.fetch_add(1, Ordering::AcqRel);
                let here = Arc::clone(&here);
                // A client may have gone away.
                thread::spawn(move || here.respond(stream).unwrap_or_default());
            }
        });
        Self {
            address,
            state,
            accepting: Some(accepting),
        }
    }

    /// The address on which it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL with a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Changes how it responds to connections from now on.
    pub fn reply(&self, reply: Reply) {
        *self.state.reply.lock() = reply;
    }

    /// The number of connections that were made to it.
    pub fn accepted(&self) -> usize {
        self.state.accepted.load(Ordering::Acquire)
    }

    /// The heads of the requests that came.
    pub fn requests(&self) -> Vec<String> {
        self.state.requests.lock().clone()
    }

    /// Stops it, and returns its address, which refuses connections from here on.
    pub fn stop(mut self) -> SocketAddr {
        self.close();
        self.address
    }

    fn close(&mut self) {
        let Some(accepting) = self.accepting.take() else {
            return;
        };
        self.state.stopped.store(true, Ordering::Release);
        self.state.ends.lock().clear();
        // Wakes the thread that accepts.
        drop(TcpStream::connect(self.address));
        // A panic of that thread has been printed.
        let _ = accepting.join();
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.close();
    }
}

impl State {
    fn respond(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let (sender, end) = mpsc::channel();
        self.ends.lock().push(sender);
        let reply = self.reply.lock().clone();
        match reply {
            Reply::Http(status, headers, body) => {
                self.read_head(&mut stream)?;
                let mut head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n", body.len());
                for (name, value) in headers {
                    head.extend([&name, ": ", &value, "\r\n"]);
                }
                head.push_str("connection: close\r\n\r\n");
                stream.write_all(head.as_bytes())?;
                stream.write_all(&body)?;
            }
            Reply::Bytes(bytes) => {
                stream.write_all(&bytes)?;
                stream.shutdown(Shutdown::Write)?;
                std::io::copy(&mut stream, &mut std::io::sink())?;
            }
            Reply::Stall => {
                self.read_head(&mut stream)?;
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")?;
                pause(&end, FOREVER);
            }
            Reply::Silence => {
                pause(&end, FOREVER);
            }
            Reply::Drip(between) => {
                self.read_head(&mut stream)?;
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")?;
                while pause(&end, between) {
                    stream.write_all(b".")?;
                }
            }
            Reply::Endless => {
                self.read_head(&mut stream)?;
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
                let mebibyte = vec![b' '; 1 << 20];
                for _ in 0..128 {
                    stream.write_all(&mebibyte)?;
                }
                pause(&end, FOREVER);
            }
        }
        Ok(())
    }

    fn read_head(&self, stream: &mut TcpStream) -> std::io::Result<()> {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte)?;
            head.extend(byte);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        self.requests.lock().push(head);
        Ok(())
    }
}

/// Waits, and returns `false` if the server was stopped meanwhile.
fn pause(end: &mpsc::Receiver<()>, time: Duration) -> bool {
    matches!(end.recv_timeout(time), Err(RecvTimeoutError::Timeout))
}

const FOREVER: Duration = Duration::from_hours(1);

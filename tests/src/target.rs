//! What checks look at: a server that does as it is told, on a free port of 127.0.0.1.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// What a server does with a connection.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Reads a request and answers with this status line's end (`200 OK`), headers and body.
    Http(String, Vec<(String, String)>, Vec<u8>),
    /// Writes these bytes at once, whatever is asked.
    Bytes(Vec<u8>),
    /// Reads a request, then writes the beginning of an answer and no more.
    Stall,
    /// Accepts and says nothing.
    Silence,
    /// Answers a request with a body that comes one byte at a time, this long apart.
    Drip(Duration),
    /// Answers a request with a body of 128 MiB that has no end then.
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

/// A server. It stops when it is told to, or dropped: then connections to it are refused.
#[derive(Debug)]
pub struct Target {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<thread::JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    reply: Mutex<Reply>,
    accepted: AtomicUsize,
    requests: Mutex<Vec<String>>,
    stopped: AtomicBool,
    /// Dropped at the end, which ends every pause.
    ends: Mutex<Vec<mpsc::Sender<()>>>,
}

impl Target {
    /// Starts a server.
    ///
    /// # Panics
    ///
    /// There is no free port or thread.
    pub fn start(reply: Reply) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared {
            reply: Mutex::new(reply),
            accepted: AtomicUsize::new(0),
            requests: Mutex::default(),
            stopped: AtomicBool::new(false),
            ends: Mutex::default(),
        });
        let here = Arc::clone(&shared);
        let accepting = thread::spawn(move || {
            for stream in listener.incoming() {
                if here.stopped.load(Ordering::Acquire) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                here.accepted.fetch_add(1, Ordering::AcqRel);
                let here = Arc::clone(&here);
                // A client that has gone away is none of the server's business.
                thread::spawn(move || here.talk(stream).unwrap_or_default());
            }
        });
        Self {
            address,
            shared,
            accepting: Some(accepting),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL, with a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Changes what it does with connections from now on.
    pub fn reply(&self, reply: Reply) {
        *self
            .shared
            .reply
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = reply;
    }

    /// How many connections were made to it.
    pub fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::Acquire)
    }

    /// The heads of the requests that came.
    pub fn requests(&self) -> Vec<String> {
        self.shared
            .requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Stops it: from here on connections are refused.
    pub fn stop(mut self) -> SocketAddr {
        self.close();
        self.address
    }

    fn close(&mut self) {
        let Some(accepting) = self.accepting.take() else {
            return;
        };
        self.shared.stopped.store(true, Ordering::Release);
        self.shared
            .ends
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
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

impl Shared {
    fn talk(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let (sender, end) = mpsc::channel();
        self.ends
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(sender);
        let reply = self
            .reply
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
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
                pause(&end, FOR_EVER);
            }
            Reply::Silence => {
                pause(&end, FOR_EVER);
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
                pause(&end, FOR_EVER);
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
        self.requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(head);
        Ok(())
    }
}

/// Waits; `false` where the server was stopped meanwhile.
fn pause(end: &mpsc::Receiver<()>, time: Duration) -> bool {
    matches!(end.recv_timeout(time), Err(RecvTimeoutError::Timeout))
}

const FOR_EVER: Duration = Duration::from_hours(1);

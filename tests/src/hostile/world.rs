//! What hostile guests reach for: servers that do not behave, files that are none.

mod chains;
mod heads;

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::setpriority_process;
use rustix::thread::gettid;
use tempfile::TempDir;

use crate::enclosed_network::EnclosedNetwork;

/// Servers and files, each by the name that the settings of a case call it.
pub(super) struct World {
    places: BTreeMap<&'static str, String>,
    servers: Vec<Server>,
    _udp: UdpSocket,
    _files: TempDir,
}

struct Server {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
}

/// A name that leads to an address of this machine's that is not loopback.
pub(super) const OWN_NAME: &str = "own.test";

/// What a server does with a connection until it fails, which it does when the client is gone.
type ServerBehaviour = fn(&mut TcpStream, &AtomicBool) -> std::io::Result<()>;

impl World {
    /// Starts every server and makes every file.
    pub(super) fn new() -> Self {
        let mut places = BTreeMap::new();
        let mut servers = Vec::new();
        for (name, behaviour) in [BEHAVIOURS, chains::BEHAVIOURS, heads::BEHAVIOURS].concat() {
            let server = Server::start(Ipv4Addr::LOCALHOST.into(), behaviour);
            places.insert(name, server.address.to_string());
            servers.push(server);
        }
        let own = Server::start(own_address(), |stream, _| {
            head(stream)?;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        });
        places.insert("own", own.address.to_string());
        servers.push(own);
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        places.insert("udp", udp.local_addr().expect("it is bound").to_string());
        // Bound and let go of: nobody listens there.
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|it| it.local_addr());
        places.insert("nobody", free.expect("a free port").to_string());
        places.insert("loopback-name", loopback_name());
        let files = TempDir::with_prefix("vitals-hostile-").expect("a directory");
        lay_out(files.path());
        places.insert("files", files.path().display().to_string());
        let root = files.path().join("root.pem");
        fs::write(&root, chains::root()).expect("the file can be written");
        places.insert("root", root.display().to_string());
        Self {
            places,
            servers,
            _udp: udp,
            _files: files,
        }
    }

    /// The network of a host in which [`OWN_NAME`] leads to the server `own`.
    pub(super) fn network(&self) -> EnclosedNetwork {
        let own = self.places["own"].rsplit_once(':').expect("it has a port");
        EnclosedNetwork::shared().name(OWN_NAME, own.0)
    }

    /// A text with the addresses in it: `{silent}`, or the port alone, `{silent:port}`.
    pub(super) fn fill(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, place) in &self.places {
            text = text.replace(&format!("{{{name}}}"), place);
            if let Some((_, port)) = place.rsplit_once(':') {
                text = text.replace(&format!("{{{name}:port}}"), port);
            }
        }
        text
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for server in &self.servers {
            server.stopped.store(true, Ordering::Release);
            // Wakes the thread that accepts.
            drop(TcpStream::connect(server.address));
        }
    }
}

impl Server {
    fn start(at: IpAddr, behaviour: ServerBehaviour) -> Self {
        let listener = TcpListener::bind((at, 0)).expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let stopped = Arc::new(AtomicBool::new(false));
        let here = Arc::clone(&stopped);
        thread::spawn(move || {
            // A server that floods sixty connections must not take the processors from the host's
            // guest threads: those of its connections inherit this.
            let _ = setpriority_process(Some(gettid()), NICE);
            for stream in listener.incoming() {
                if here.load(Ordering::Acquire) {
                    return;
                }
                let Ok(mut stream) = stream else { continue };
                let here = Arc::clone(&here);
                // A client that has gone away is none of the server's business.
                thread::spawn(move || behaviour(&mut stream, &here).unwrap_or_default());
            }
        });
        Self { address, stopped }
    }
}

/// How much nicer a server is than the suite; guest threads have 10.
const NICE: i32 = 19;

/// The servers of the world.
const BEHAVIOURS: &[(&str, ServerBehaviour)] = &[
    ("ok", |stream, _| {
        head(stream)?;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
    }),
    ("echo", |stream, _| {
        let head = head(stream)?;
        let length = head.len();
        write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{head}"
        )
    }),
    ("silent", |stream, _| wait(stream)),
    ("stall", |stream, _| {
        head(stream)?;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")?;
        wait(stream)
    }),
    ("short", |stream, _| {
        head(stream)?;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")
    }),
    ("drip", |stream, stopped| {
        head(stream)?;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")?;
        drip(stream, stopped, b".")
    }),
    ("drip-head", |stream, stopped| {
        head(stream)?;
        stream.write_all(b"HTTP/1.1 200 OK\r\nx-slow: ")?;
        drip(stream, stopped, b"x")
    }),
    ("endless", |stream, stopped| {
        head(stream)?;
        stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")?;
        pour(stream, stopped, &[b'x'; 64 << 10])
    }),
    ("endless-chunks", |stream, stopped| {
        head(stream)?;
        stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
        pour(stream, stopped, &b"1\r\nx\r\n".repeat(1000))
    }),
    ("endless-head", |stream, stopped| {
        head(stream)?;
        stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
        pour(stream, stopped, &b"x-more: and more\r\n".repeat(100))
    }),
    ("large-header", |stream, _| {
        head(stream)?;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx-large: ")?;
        stream.write_all(&[b'x'; 200_000])?;
        stream.write_all(b"\r\n\r\n")
    }),
    ("many-headers", |stream, _| {
        head(stream)?;
        let mut answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n".to_vec();
        for number in 0..5000 {
            write!(answer, "x-{number}: y\r\n")?;
        }
        answer.extend_from_slice(b"\r\n");
        stream.write_all(&answer)
    }),
    ("two-lengths", |stream, _| {
        head(stream)?;
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2000\r\n\r\nok")?;
        wait(stream)
    }),
    ("huge-length", |stream, _| {
        head(stream)?;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551615\r\n\r\nok")?;
        wait(stream)
    }),
    ("early-end", |stream, _| {
        head(stream)?;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2000\r\n\r\nok")
    }),
    ("no-http", |stream, _| {
        stream.write_all(b"\x16\x03\x01\x02\x00SSH-2.0-\x00\xff\r\n\r\n")?;
        wait(stream)
    }),
    ("continues", |stream, stopped| {
        head(stream)?;
        pour(stream, stopped, b"HTTP/1.1 100 Continue\r\n\r\n")
    }),
    ("redirect", |stream, _| {
        head(stream)?;
        stream.write_all(
            b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/latest/\r\n\
              content-length: 0\r\n\r\n",
        )
    }),
    ("flood", |stream, stopped| {
        pour(stream, stopped, &[b'x'; 64 << 10])
    }),
    // The head of a record of TLS, a handshake of 16 KiB, of which the rest comes slowly.
    ("tls-drip", |stream, stopped| {
        stream.write_all(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc")?;
        drip(stream, stopped, b"\x03")
    }),
    // Empty handshake records for ever.
    ("tls-endless", |stream, stopped| {
        pour(stream, stopped, &b"\x16\x03\x03\x00\x01\x00".repeat(1000))
    }),
    ("greedy", |stream, stopped| {
        // Takes what it is sent and never answers.
        let mut buffer = [0; 16 << 10];
        while !stopped.load(Ordering::Acquire) && stream.read(&mut buffer)? > 0 {}
        Ok(())
    }),
    ("deaf", |_stream, stopped| {
        // Takes nothing at all: what is sent piles up.
        while !stopped.load(Ordering::Acquire) {
            pause(Duration::from_millis(100));
        }
        Ok(())
    }),
];

/// Reads a request up to its body.
fn head(stream: &mut impl Read) -> std::io::Result<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// Says nothing until the client goes.
fn wait(stream: &mut TcpStream) -> std::io::Result<()> {
    std::io::copy(stream, &mut std::io::sink()).map(drop)
}

fn drip(stream: &mut TcpStream, stopped: &AtomicBool, drop: &[u8]) -> std::io::Result<()> {
    while !stopped.load(Ordering::Acquire) {
        stream.write_all(drop)?;
        pause(Duration::from_millis(20));
    }
    Ok(())
}

fn pour(stream: &mut TcpStream, stopped: &AtomicBool, flood: &[u8]) -> std::io::Result<()> {
    while !stopped.load(Ordering::Acquire) {
        stream.write_all(flood)?;
    }
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "these servers are slow on purpose"
)]
fn pause(time: Duration) {
    thread::sleep(time);
}

/// A name other than `localhost` that leads to this machine itself; the machine's own often does.
///
/// # Panics
///
/// `/etc/hosts` has none.
fn loopback_name() -> String {
    let hosts = fs::read_to_string("/etc/hosts").unwrap_or_default();
    let names = hosts.lines().filter_map(|line| {
        let mut words = line.split('#').next()?.split_whitespace();
        let address: std::net::IpAddr = words.next()?.parse().ok()?;
        address
            .is_loopback()
            .then(|| words.find(|name| !name.starts_with("localhost")))?
    });
    let name = names.map(str::to_owned).next();
    name.expect("no name in /etc/hosts leads to 127.0.0.1: write `127.0.0.1 myself` into it")
}

/// An address of this machine's that is not loopback.
///
/// # Panics
///
/// It has none.
fn own_address() -> IpAddr {
    let local = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| {
        // Where packets to somewhere else would come from; none is sent.
        socket.connect((Ipv4Addr::new(198, 51, 100, 1), 9))?;
        socket.local_addr()
    });
    local
        .expect("this machine has a way out: give it an address and a default route")
        .ip()
}

/// What the guests find where files are granted, and beside it.
fn lay_out(directory: &Path) {
    let granted = directory.join("granted");
    let made = fs::create_dir(&granted)
        .and_then(|()| fs::write(directory.join("secret"), "not for you"))
        .and_then(|()| fs::write(granted.join("open"), "for you"))
        .and_then(|()| std::os::unix::fs::symlink("../secret", granted.join("out")))
        .and_then(|()| std::os::unix::fs::symlink("..", granted.join("up")))
        .and_then(|()| std::os::unix::fs::symlink("granted/open", directory.join("inward")))
        .and_then(|()| std::os::unix::fs::symlink("circle", granted.join("circle")))
        .and_then(|()| fs::File::create(granted.join("vast"))?.set_len(64 << 30))
        .and_then(|()| fs::create_dir(granted.join("crowded")))
        .and_then(|()| {
            (0..12_000).try_for_each(|number| {
                fs::File::create(granted.join(format!("crowded/{number}"))).map(drop)
            })
        });
    made.expect("the files can be made");
    fifo(&granted.join("pipe"));
}

/// Makes a pipe with a name, which blocks whoever opens it.
pub(super) fn fifo(path: &Path) {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe can be made");
}

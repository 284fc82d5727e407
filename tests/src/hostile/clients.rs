//! Clients that hold on to a host's connections, and come back at once when they lose one.
//!
//! They have a thread of their own, so that they go on whatever the rest of the suite does.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::SockRef;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::time::sleep;

/// Many clients that do the same.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crowd {
    pub(super) habit: Habit,
    /// From how many addresses they come.
    pub(super) addresses: u32,
}

/// What each of them does with a connection.
#[derive(Clone, Copy, Debug)]
pub(super) enum Habit {
    /// Asks for a page now and then.
    Keeps,
    /// Says nothing.
    IsSilent,
    /// Sends the headers of a request a byte at a time.
    SendsSlowly,
    /// Asks for many pages at once and takes a byte at a time.
    ReadsSlowly,
}

/// A crowd that is at work until this is dropped.
pub(super) struct Gathered {
    _until: oneshot::Sender<()>,
}

impl Crowd {
    /// Sends them to a host, and waits until each has had a connection.
    pub(super) async fn gather(self, host: SocketAddr) -> Gathered {
        let arrived = Arc::<AtomicU32>::default();
        let (until, dispersed) = oneshot::channel();
        let counted = Arc::clone(&arrived);
        thread::spawn(move || {
            raise_descriptors();
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                for number in 0..CLIENTS {
                    tokio::spawn(self.come_and_come_back(number, host, Arc::clone(&counted)));
                }
                // It comes by the end of the sender.
                let _ = dispersed.await;
            });
        });
        let until_all = Instant::now() + ARRIVAL;
        while arrived.load(Ordering::Relaxed) < CLIENTS && Instant::now() < until_all {
            sleep(Duration::from_millis(20)).await;
        }
        sleep(STAY).await;
        Gathered { _until: until }
    }

    async fn come_and_come_back(self, number: u32, host: SocketAddr, arrived: Arc<AtomicU32>) {
        let from = Ipv4Addr::from_bits(FIRST_ADDRESS.to_bits() + number % self.addresses);
        let mut is_new = true;
        loop {
            if let Ok(stream) = connect(from, host).await {
                if std::mem::take(&mut is_new) {
                    arrived.fetch_add(1, Ordering::Relaxed);
                }
                // However it ends, the next one begins.
                let _ = self.habit.indulge(stream).await;
            }
            sleep(PAUSE).await;
        }
    }
}

impl Habit {
    /// Goes on until the host closes the connection.
    async fn indulge(self, mut stream: TcpStream) -> io::Result<()> {
        let mut buffer = [0; 4096];
        match self {
            Self::Keeps => loop {
                stream.write_all(REQUEST).await?;
                if stream.read(&mut buffer).await? == 0 {
                    return Ok(());
                }
                sleep(PAUSE).await;
            },
            Self::IsSilent => stream.read(&mut buffer).await.map(drop),
            Self::SendsSlowly => loop {
                for byte in REQUEST.chunks(1) {
                    stream.write_all(byte).await?;
                    sleep(PAUSE).await;
                }
            },
            Self::ReadsSlowly => {
                stream.write_all(&REQUEST.repeat(AT_ONCE)).await?;
                loop {
                    stream.read_exact(&mut buffer[..1]).await?;
                    sleep(PAUSE / 20).await;
                }
            }
        }
    }
}

async fn connect(from: Ipv4Addr, host: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    // As small as it goes, so that what is not read stays with the host.
    socket.set_recv_buffer_size(1)?;
    SockRef::from(&socket).set_tcp_mss(SMALL_SEGMENT)?;
    socket.bind((from, 0).into())?;
    socket.connect(host).await
}

/// A client is a descriptor here too.
fn raise_descriptors() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    // Where it is not to be, fewer come.
    let _ = setrlimit(Resource::Nofile, raised);
}

/// More than a host has places for.
const CLIENTS: u32 = 1_200;
/// From here on; the host is probed from the one before all.
const FIRST_ADDRESS: Ipv4Addr = Ipv4Addr::LOCALHOST;
const REQUEST: &[u8] = b"GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n";
/// How many pages somebody asks for who does not read them.
const AT_ONCE: usize = 64;
const SMALL_SEGMENT: u32 = 536;
const PAUSE: Duration = Duration::from_secs(1);
/// How long it may take until all are there.
const ARRIVAL: Duration = Duration::from_secs(10);
/// How long they are there before anything else is tried.
const STAY: Duration = Duration::from_secs(3);

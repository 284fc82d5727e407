//! The limits of connections, each tripped over a real socket.

use std::net::SocketAddr;
use std::time::Instant;

use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::*;

struct Running {
    address: SocketAddr,
    stop: CancellationToken,
    server: JoinHandle<usize>,
}

impl Running {
    async fn start(limits: ServerLimits, grace: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let router = Router::new()
            .route("/", get(|| async { "here" }))
            .route(
                "/slow",
                get(|| async { sleep(Duration::from_millis(300)).await }),
            )
            .route(
                "/never",
                get(|| async { std::future::pending::<()>().await }),
            )
            .route("/huge", get(|| async { vec![b'x'; 64 << 20] }));
        let server = serve_within(limits, listener, router, stop.clone(), grace);
        Self {
            address,
            stop,
            server: tokio::spawn(server),
        }
    }

    async fn connect(&self) -> Client {
        Client(TcpStream::connect(self.address).await.unwrap())
    }

    /// Stops it; answers how many connections it cut off, and in what time.
    async fn stop(self) -> (usize, Duration) {
        let begun = Instant::now();
        self.stop.cancel();
        let late = timeout(LONG, self.server)
            .await
            .expect("the server does not stop");
        (late.unwrap(), begun.elapsed())
    }
}

struct Client(TcpStream);

impl Client {
    async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    async fn ask(&mut self, path: &str) -> String {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n"))
            .await;
        self.answer().await
    }

    /// What comes next, if it comes soon.
    async fn answer(&mut self) -> String {
        let mut buffer = [0; 4096];
        let read = timeout(LONG, self.0.read(&mut buffer))
            .await
            .expect("no answer");
        String::from_utf8_lossy(&buffer[..read.unwrap()]).into_owned()
    }

    /// Everything until the server closes the connection, which it has to.
    async fn rest(&mut self) -> String {
        let mut all = Vec::new();
        let read = timeout(LONG, self.0.read_to_end(&mut all)).await;
        // Closed with unread bytes it may end in a reset.
        let _ = read.expect("the connection stays open");
        String::from_utf8_lossy(&all).into_owned()
    }
}

fn limits() -> ServerLimits {
    ServerLimits::default()
}

#[tokio::test]
async fn slow_headers_are_cut_off() {
    let header_time = Duration::from_millis(200);
    let running = Running::start(
        ServerLimits {
            header_time,
            ..limits()
        },
        LONG,
    )
    .await;
    let begun = Instant::now();
    let mut silent = running.connect().await;
    let mut slow = running.connect().await;
    let trickle = async {
        for byte in "GET / HTTP/1.1\r\nx: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy".bytes() {
            if slow.0.write_all(&[byte]).await.is_err() {
                break;
            }
            sleep(Duration::from_millis(50)).await;
        }
        slow.rest().await
    };
    let (trickled, silence) = tokio::join!(trickle, silent.rest());
    assert_eq!((trickled.as_str(), silence.as_str()), ("", ""));
    assert!(begun.elapsed() >= header_time);
    assert!(begun.elapsed() < LONG);
}

#[tokio::test]
async fn large_headers_are_refused() {
    let running = Running::start(limits(), LONG).await;
    let mut client = running.connect().await;
    let header = format!(
        "GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n",
        "y".repeat(17 << 10)
    );
    client.send(&header).await;
    assert!(client.rest().await.starts_with("HTTP/1.1 431 "));
}

#[tokio::test]
async fn a_body_that_nobody_reads_ends_the_connection() {
    let running = Running::start(limits(), LONG).await;
    let mut client = running.connect().await;
    client
        .send("GET / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
        .await;
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    let mut sent = 0;
    while sent < 64 << 20 && client.0.write_all(chunk.as_bytes()).await.is_ok() {
        sent += chunk.len();
    }
    assert!(sent < 64 << 20, "the server reads on and on");
}

#[tokio::test]
async fn connections_are_kept_alive_and_closed_at_shutdown() {
    let running = Running::start(limits(), LONG).await;
    let mut idle = running.connect().await;
    assert!(idle.ask("/").await.ends_with("here"));
    assert!(idle.ask("/").await.ends_with("here"));
    let mut fresh = running.connect().await;
    let address = running.address;
    // So that the fresh one has been accepted too.
    assert!(running.connect().await.ask("/").await.ends_with("here"));
    let (late, took) = running.stop().await;
    assert_eq!(late, 0);
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!(
        (idle.rest().await, fresh.rest().await),
        (String::new(), String::new())
    );
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn an_answer_in_the_making_has_the_grace() {
    let running = Running::start(limits(), LONG).await;
    let mut client = running.connect().await;
    client.send("GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
    sleep(Duration::from_millis(50)).await;
    let (stopped, answer) = tokio::join!(running.stop(), client.rest());
    assert_eq!(stopped.0, 0);
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn an_answer_may_take_longer_than_a_client_may() {
    // A reload takes as long as its compilations do, on a connection that was used before too.
    let patience = Duration::from_millis(50);
    let limits = ServerLimits {
        header_time: patience,
        stall_time: patience,
        ..limits()
    };
    let running = Running::start(limits, LONG).await;
    let mut client = running.connect().await;
    for path in ["/slow", "/", "/slow"] {
        let answer = client.ask(path).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{path}: {answer}");
    }
}

#[tokio::test]
async fn an_answer_that_misses_the_grace_is_cut_off() {
    let running = Running::start(limits(), Duration::from_millis(100)).await;
    let mut client = running.connect().await;
    client.send("GET /never HTTP/1.1\r\nhost: x\r\n\r\n").await;
    sleep(Duration::from_millis(50)).await;
    let (late, took) = running.stop().await;
    assert_eq!(late, 1);
    assert!(
        took >= Duration::from_millis(100) && took < Duration::from_secs(2),
        "{took:?}"
    );
    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn connections_above_the_cap_wait_for_a_place() {
    let running = Running::start(
        ServerLimits {
            connections: 2,
            ..limits()
        },
        LONG,
    )
    .await;
    let mut first = running.connect().await;
    let mut second = running.connect().await;
    assert!(first.ask("/").await.ends_with("here"));
    assert!(second.ask("/").await.ends_with("here"));
    let mut third = running.connect().await;
    third.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let early = timeout(Duration::from_millis(100), third.0.readable()).await;
    assert!(early.is_err(), "answered above the cap");
    drop(first);
    assert!(third.answer().await.ends_with("here"));
}

#[tokio::test]
async fn who_goes_away_while_waiting_leaves_nothing_behind() {
    let running = Running::start(
        ServerLimits {
            connections: 1,
            ..limits()
        },
        LONG,
    )
    .await;
    let mut client = running.connect().await;
    client.send("GET /never HTTP/1.1\r\nhost: x\r\n\r\n").await;
    sleep(Duration::from_millis(50)).await;
    drop(client);
    assert!(running.connect().await.ask("/").await.ends_with("here"));
}

#[tokio::test]
async fn who_takes_nothing_of_an_answer_is_cut_off() {
    let stall_time = Duration::from_millis(500);
    let one = ServerLimits {
        connections: 1,
        stall_time,
        ..limits()
    };
    let running = Running::start(one, LONG).await;
    let mut deaf = running.connect().await;
    deaf.send("GET /huge HTTP/1.1\r\nhost: x\r\n\r\n").await;
    // The only place comes free, although nobody reads.
    assert!(running.connect().await.ask("/").await.ends_with("here"));
    drop(deaf);
    // Who reads, however slowly, gets all of it.
    let mut slow = running.connect().await;
    slow.send("GET /huge HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .await;
    let mut total = 0;
    let mut buffer = vec![0; 256 << 10];
    loop {
        let read = slow.0.read(&mut buffer).await.unwrap();
        total += read;
        if read == 0 {
            break;
        }
        sleep(Duration::from_millis(5)).await;
    }
    assert!(total > 64 << 20, "{total}");
}

#[test]
fn trouble_with_accepting_is_met_with_patience() {
    let mut trouble = Trouble::default();
    let aborted = io::ErrorKind::ConnectionAborted.into();
    assert_eq!(trouble.meet(&aborted), Duration::ZERO);
    let no_descriptors = io::Error::from_raw_os_error(24);
    let waits: Vec<_> = (0..9)
        .map(|_| trouble.meet(&no_descriptors).as_millis())
        .collect();
    assert_eq!(waits, [10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
    trouble.over();
    assert_eq!(trouble.meet(&no_descriptors), FIRST_WAIT);
}

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(5);

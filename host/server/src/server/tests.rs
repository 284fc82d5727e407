//! Tests that trip each limit of connections over a real socket.

use std::net::SocketAddr;
use std::time::Instant;

use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::*;

struct Running {
    address: SocketAddr,
    stop: CancellationToken,
    server: JoinHandle<usize>,
    /// Cancelled when a slow or endless request has reached its page.
    called: CancellationToken,
    /// Cancelled when the first huge response is dropped.
    let_go: CancellationToken,
}

impl Running {
    async fn start(limits: ServerLimits, grace: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let let_go = CancellationToken::new();
        let huge = let_go.clone();
        let called = CancellationToken::new();
        let (slow, never) = (called.clone(), called.clone());
        let router = Router::new()
            .route("/", get(|| async { "here" }))
            .route(
                "/slow",
                get(move || {
                    slow.cancel();
                    sleep(Duration::from_millis(300))
                }),
            )
            .route(
                "/never",
                get(move || {
                    never.cancel();
                    std::future::pending::<()>()
                }),
            )
            .route("/body", post(async |body: Body| read(body).await))
            .route(
                "/huge",
                get(move || {
                    let held = huge.clone().drop_guard();
                    async { Body::new(Body::from(vec![b'x'; 64 << 20]).map_err(keep(held))) }
                }),
            );
        let server = serve_within(limits, listener, router, stop.clone(), grace);
        Self {
            address,
            stop,
            server: tokio::spawn(server),
            called,
            let_go,
        }
    }

    async fn connect(&self) -> Client {
        Client(TcpStream::connect(self.address).await.unwrap())
    }

    /// Stops the server. Returns how many connections it cut off, and the time it took.
    async fn stop(self) -> (usize, Duration) {
        let begun = Instant::now();
        self.stop.cancel();
        let late = timeout(LONG, self.server)
            .await
            .expect("the server does not stop");
        (late.unwrap(), begun.elapsed())
    }
}

/// Passes an error on, and holds a value as long as the body lives.
fn keep<T, E>(held: T) -> impl FnMut(E) -> E {
    move |error| {
        let _ = &held;
        error
    }
}

/// Returns how a body ended.
async fn read(body: Body) -> String {
    match body.collect().await {
        Ok(body) => format!("read {}", body.to_bytes().len()),
        Err(error) => error.to_string(),
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

    /// Returns the next response, if it comes soon.
    async fn answer(&mut self) -> String {
        let mut buffer = [0; 4096];
        let read = timeout(LONG, self.0.read(&mut buffer))
            .await
            .expect("no answer");
        String::from_utf8_lossy(&buffer[..read.unwrap()]).into_owned()
    }

    /// Returns everything until the server closes the connection, and fails if it does not.
    async fn rest(&mut self) -> String {
        let mut all = Vec::new();
        let read = timeout(LONG, self.0.read_to_end(&mut all)).await;
        // Closing with unread bytes may end in a reset.
        let _ = read.expect("the connection stays open");
        String::from_utf8_lossy(&all).into_owned()
    }
}

fn limits() -> ServerLimits {
    ServerLimits::default()
}

/// Limits with this many connections, all of which may belong to one client.
fn few(connections: usize) -> ServerLimits {
    ServerLimits {
        connections,
        share: connections,
        ..limits()
    }
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
    // Makes sure that the new connection has been accepted too.
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
async fn a_response_in_progress_gets_the_grace_period() {
    let running = Running::start(limits(), LONG).await;
    let mut client = running.connect().await;
    client.send("GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
    running.called.cancelled().await;
    let (stopped, answer) = tokio::join!(running.stop(), client.rest());
    assert_eq!(stopped.0, 0);
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn a_response_may_take_longer_than_the_client_limits() {
    // A reload takes as long as its compilations, also on a reused connection.
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
async fn a_response_beyond_the_grace_period_is_cut_off() {
    let running = Running::start(limits(), Duration::from_millis(100)).await;
    let mut client = running.connect().await;
    client.send("GET /never HTTP/1.1\r\nhost: x\r\n\r\n").await;
    running.called.cancelled().await;
    let (late, took) = running.stop().await;
    assert_eq!(late, 1);
    assert!(
        took >= Duration::from_millis(100) && took < Duration::from_secs(2),
        "{took:?}"
    );
    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn a_new_connection_evicts_the_longest_idle_one() {
    let running = Running::start(few(2), LONG).await;
    let mut first = running.connect().await;
    let mut second = running.connect().await;
    for client in [&mut second, &mut first] {
        assert!(client.ask("/").await.ends_with("here"));
    }
    let mut third = running.connect().await;
    assert_eq!(second.rest().await, "");
    for client in [&mut first, &mut third] {
        assert!(client.ask("/").await.ends_with("here"));
    }
}

#[tokio::test]
async fn an_unanswered_request_does_not_block_other_clients() {
    let running = Running::start(few(1), LONG).await;
    let mut busy = running.connect().await;
    busy.send("GET /never HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(running.connect().await.ask("/").await.ends_with("here"));
    assert_eq!(busy.rest().await, "");
}

#[tokio::test]
async fn request_bodies_are_bounded_for_any_router() {
    let body_time = Duration::from_millis(200);
    let bounded = ServerLimits {
        body_bytes: 100,
        body_time,
        ..limits()
    };
    let running = Running::start(bounded, LONG).await;
    let post = |length: &str| format!("POST /body HTTP/1.1\r\nhost: x\r\n{length}\r\n\r\n");
    let mut client = running.connect().await;
    client.send(&post("content-length: 100")).await;
    client.send(&"x".repeat(100)).await;
    assert!(client.answer().await.ends_with("read 100"));
    client.send(&post("content-length: 101")).await;
    assert!(client.rest().await.starts_with("HTTP/1.1 413 "));
    // A body of unknown length, and one that does not arrive in time.
    let mut client = running.connect().await;
    client.send(&post("transfer-encoding: chunked")).await;
    client
        .send(&format!("65\r\n{}\r\n0\r\n\r\n", "x".repeat(0x65)))
        .await;
    assert!(client.answer().await.ends_with("length limit exceeded"));
    let begun = Instant::now();
    let mut client = running.connect().await;
    client.send(&post("content-length: 100")).await;
    let (mut reading, mut writing) = client.0.split();
    let mut all = Vec::new();
    let trickle = async {
        while writing.write_all(b"x").await.is_ok() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        () = trickle => {}
        read = reading.read_to_end(&mut all) => drop(read),
        () = sleep(LONG) => panic!("a body may take for ever"),
    }
    let answer = String::from_utf8_lossy(&all);
    assert!(answer.contains("did not arrive within 200ms"), "{answer}");
    assert!(begun.elapsed() >= body_time);
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_cut_off() {
    let stall_time = Duration::from_millis(500);
    let running = Running::start(
        ServerLimits {
            stall_time,
            ..limits()
        },
        LONG,
    )
    .await;
    let mut deaf = running.connect().await;
    deaf.send("GET /huge HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let let_go = timeout(LONG, running.let_go.cancelled()).await;
    let_go.expect("the response is kept for a client that does not read");
    // A client that keeps reading, however slowly, gets the whole response.
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

#[tokio::test]
async fn unread_responses_are_bounded_overall() {
    let answer_bytes = 100 << 20;
    let running = Running::start(
        ServerLimits {
            answer_bytes,
            ..limits()
        },
        LONG,
    )
    .await;
    let mut deaf = Vec::new();
    for _ in 0..3 {
        let mut client = running.connect().await;
        client.send("GET /huge HTTP/1.1\r\nhost: x\r\n\r\n").await;
        // The response has started.
        client.0.readable().await.unwrap();
        deaf.push(client);
    }
    let evicted = tokio::spawn(async move { deaf.remove(0).rest().await.len() });
    assert!(evicted.await.unwrap() < 64 << 20);
}

#[test]
fn accepting_backs_off_after_errors() {
    let mut backoff = AcceptBackoff::default();
    let aborted = io::ErrorKind::ConnectionAborted.into();
    assert_eq!(backoff.next_wait(&aborted), Duration::ZERO);
    let no_descriptors = io::Error::from_raw_os_error(24);
    let waits: Vec<_> = (0..9)
        .map(|_| backoff.next_wait(&no_descriptors).as_millis())
        .collect();
    assert_eq!(waits, [10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
    backoff.reset();
    assert_eq!(backoff.next_wait(&no_descriptors), MIN_WAIT);
}

/// Longer than any step of these tests.
const LONG: Duration = Duration::from_secs(5);

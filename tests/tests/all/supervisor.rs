//! The messages of the host to its service manager. A socket of the test takes the place of systemd.

use std::ffi::OsString;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::time::Duration;

use vitals_host::config::Supervision;
use vitals_host::supervisor::Supervisor;
use vitals_tests::{Vitals, eventually, guests, when};

use super::liveness::host_with_gate;

/// The end of systemd.
struct Manager {
    socket: UnixDatagram,
    received: Vec<String>,
}

impl Manager {
    fn at(path: &Path) -> Self {
        Self::on(UnixDatagram::bind(path).expect("a free path"))
    }

    fn abstractly(name: &str) -> Self {
        let address = SocketAddr::from_abstract_name(name).expect("a name");
        Self::on(UnixDatagram::bind_addr(&address).expect("a free name"))
    }

    fn on(socket: UnixDatagram) -> Self {
        socket.set_nonblocking(true).expect("a socket");
        let received = Vec::new();
        Self { socket, received }
    }

    /// How often a message has come since the beginning.
    fn count(&mut self, message: &str) -> usize {
        let mut datagram = [0; 4096];
        while let Ok(length) = self.socket.recv(&mut datagram) {
            let text = String::from_utf8_lossy(&datagram[..length]);
            self.received.push(text.into_owned());
        }
        let received = self.received.iter();
        received.filter(|received| *received == message).count()
    }

    /// Waits until a message has come so often.
    async fn has(&mut self, message: &str, count: usize) {
        eventually(&format!("{message} has come {count} times"), async || {
            let is_there = self.count(message) >= count;
            when(is_there, self.received.join("\n"))
        })
        .await;
    }

    /// The index of the first message from `from` on that begins so.
    fn place(&self, message: &str, from: usize) -> usize {
        let mut received = self.received[from..].iter();
        let found = received.position(|received| received.starts_with(message));
        let found = found.map(|at| from + at);
        found.unwrap_or_else(|| panic!("no {message} from {from} on in {:#?}", self.received))
    }
}

const CONFIG: &str = "[server]\nlisten = '127.0.0.1:0'\n[checks.a]\nplugin = 'hello'\n\
                      [checks.b]\nplugin = 'none'\n";

/// The life of a host by the protocol of `Type=notify-reload`.
async fn lives(mut manager: Manager, vitals: Vitals) {
    let vitals = vitals.config(CONFIG).guests([guests::HELLO]);
    let mut host = vitals.serve().await;
    manager.has("READY=1", 1).await;
    let live = host.get("/health/live").await.expect("a response");
    assert_eq!(live.status, 200);
    manager
        .has("STATUS=2 checks: 1 healthy, 1 unhealthy", 1)
        .await;
    manager.has("WATCHDOG=1", 3).await;

    host.hang_up();
    manager.has("READY=1", 2).await;
    let reloading = manager.place("RELOADING=1\n", 0);
    let ready = manager.place("READY=1", reloading);
    assert!(manager.place("READY=1", 0) < reloading, "{ready}");
    let message = &manager.received[reloading];
    let (_, micros) = message.split_once("\nMONOTONIC_USEC=").expect("when");
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let micros: i64 = micros.parse().expect("a number");
    let age = now.tv_sec - micros / 1_000_000;
    assert!((0..120).contains(&age), "{age} s ago");

    host.terminate();
    assert!(host.ended().await.success());
    assert_eq!(manager.count("STOPPING=1"), 1);
    assert!(manager.place("STOPPING=1", 0) > ready);
}

fn supervised(socket: &str) -> Vitals {
    Vitals::new(["serve"])
        .env("NOTIFY_SOCKET", socket)
        .env("WATCHDOG_USEC", "500000")
}

#[tokio::test]
async fn a_service_manager_is_notified_of_start_reload_and_end() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("notify");
    let manager = Manager::at(&path);
    lives(manager, supervised(path.to_str().expect("a text"))).await;
}

#[tokio::test]
async fn a_service_manager_may_listen_at_an_abstract_name() {
    let name = format!("vitals-test-{}", std::process::id());
    let manager = Manager::abstractly(&name);
    lives(manager, supervised(&format!("@{name}"))).await;
}

#[tokio::test]
async fn a_host_runs_even_if_it_cannot_notify_its_service_manager() {
    for (socket, why) in [
        ("/nowhere/notify", "No such file"),
        ("vsock:2:1", "it is not the name of a Unix socket"),
    ] {
        let host = supervised(socket).config(CONFIG).serve().await;
        let live = host.get("/health/live").await.expect("a response");
        assert_eq!(live.status, 200);
        let line = host.eventually_logs("cannot notify the service manager");
        assert!(line.await.contains(why));
    }
}

#[tokio::test]
async fn the_watchdog_is_fed_only_while_no_loop_of_the_host_is_stalled() {
    let (host, place, gate) = host_with_gate().await;
    let path = place.path().join("notify");
    let mut manager = Manager::at(&path);
    let supervisor = Supervisor::new(&Supervision {
        socket: Some(OsString::from(&path)),
        watchdog: Some(Duration::from_millis(200)),
    });
    let status = host.status();
    let supervisor = supervisor.expect("a socket");
    let reporting = tokio::spawn(async move { supervisor.report_status(status).await });
    manager.has("WATCHDOG=1", 3).await;

    // The guest threads are blocked from here on, and count as stalled after 10 s.
    gate.blocks(2).await;
    eventually("it is no longer fed", async || {
        let before = manager.count("WATCHDOG=1");
        tokio::time::sleep(Duration::from_secs(1)).await;
        match manager.count("WATCHDOG=1") - before {
            0 if host.status().stalled_loop() == Some("guests") => Ok(()),
            fed => Err(format!("{fed} times in a second, {:?}", host.status())),
        }
    })
    .await;
    let starved = manager.count("WATCHDOG=1");
    gate.open();
    manager.has("WATCHDOG=1", starved + 3).await;
    reporting.abort();
    host.shutdown().await;
}

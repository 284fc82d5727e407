//! What the host tells the service manager that started it: a socket of the test is systemd's.

use std::ffi::OsString;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use vitals_host::config::Supervision;
use vitals_host::supervisor::Supervisor;
use vitals_tests::{Serving, TestHost, Vitals, eventually, guests};

use super::liveness::Gate;

/// Systemd's end of the socket.
struct Manager {
    socket: UnixDatagram,
    heard: Vec<String>,
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
        let heard = Vec::new();
        Self { socket, heard }
    }

    /// All that came since the beginning, a message each.
    fn hear(&mut self) -> &[String] {
        let mut message = [0; 4096];
        while let Ok(length) = self.socket.recv(&mut message) {
            let text = String::from_utf8_lossy(&message[..length]);
            self.heard.push(text.into_owned());
        }
        &self.heard
    }

    fn count(&mut self, message: &str) -> usize {
        let heard = self.hear().iter();
        heard.filter(|heard| *heard == message).count()
    }

    /// Waits until a message has come so often.
    async fn has(&mut self, message: &str, count: usize) {
        eventually(&format!("{message} has come {count} times"), async || {
            let found = self.count(message);
            if found >= count {
                Ok(())
            } else {
                Err(format!("{:#?}", self.heard))
            }
        })
        .await;
    }

    /// Where a message that begins so stands among all, from a place on.
    fn place(&self, message: &str, from: usize) -> usize {
        let heard = self.heard.iter().enumerate().skip(from);
        let mut found = heard.filter(|(_, heard)| heard.starts_with(message));
        let found = found.next().map(|(at, _)| at);
        found.unwrap_or_else(|| panic!("no {message} from {from} on in {:#?}", self.heard))
    }
}

const CONFIG: &str = "[server]\nlisten = '127.0.0.1:0'\n[checks.a]\nplugin = 'hello'\n\
                      [checks.b]\nplugin = 'none'\n";

/// From the start to the end, as `Type=notify-reload` has it.
async fn lives(mut manager: Manager, vitals: Vitals) {
    let mut host: Serving = vitals
        .plugin("hello", guests::HELLO)
        .config(CONFIG)
        .serve()
        .await;
    manager.has("READY=1", 1).await;
    assert_eq!(
        host.get("/health/live").await.expect("an answer").status,
        200
    );
    manager
        .has("STATUS=2 checks: 1 healthy, 1 unhealthy", 1)
        .await;
    manager.has("WATCHDOG=1", 3).await;

    host.hang_up();
    manager.has("READY=1", 2).await;
    let reloading = manager.place("RELOADING=1\n", 0);
    let ready = manager.place("READY=1", reloading);
    assert!(manager.place("READY=1", 0) < reloading, "{ready}");
    let (_, micros) = manager.heard[reloading]
        .split_once("\nMONOTONIC_USEC=")
        .expect("when");
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
async fn a_service_manager_hears_of_start_reload_and_end() {
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
async fn a_service_manager_that_can_not_be_told_is_no_reason_not_to_run() {
    for (socket, why) in [
        ("/nowhere/notify", "No such file"),
        ("vsock:2:1", "it is not the name of a Unix socket"),
    ] {
        let host = supervised(socket).config(CONFIG).serve().await;
        assert_eq!(
            host.get("/health/live").await.expect("an answer").status,
            200
        );
        eventually("it is said", async || {
            let log = host.log().join("\n");
            let said = log.contains("cannot notify the service manager") && log.contains(why);
            if said { Ok(()) } else { Err(log) }
        })
        .await;
    }
}

#[tokio::test]
async fn the_watchdog_is_fed_only_while_the_loops_of_the_host_turn() {
    let gate = Arc::new(Gate::default());
    let config = "[engine]\nguest_threads = 2\n[defaults]\ninterval = '5s'\ntimeout = '5s'\n\
                  [checks.a]\nplugin = 'log'\n[checks.b]\nplugin = 'log'";
    let given = Arc::clone(&gate);
    let (host, place) = TestHost::builder()
        .library("log", guests::LOG)
        .config(config)
        .with(|host| host.error_tracker(given))
        .build()
        .await;
    let path = place.path().join("notify");
    let mut manager = Manager::at(&path);
    let supervisor = Supervisor::new(&Supervision {
        socket: Some(OsString::from(&path)),
        watchdog: Some(Duration::from_millis(200)),
    });
    let signs = host.status();
    let supervisor = supervisor.expect("a socket");
    let telling = tokio::spawn(async move { supervisor.report_status(signs).await });
    manager.has("WATCHDOG=1", 3).await;

    // The threads of guests stand still from here on, which is judged after 10 s.
    gate.has(2).await;
    eventually("it is not fed any more", async || {
        let before = manager.count("WATCHDOG=1");
        let looked = Instant::now();
        while looked.elapsed() < Duration::from_secs(1) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        match manager.count("WATCHDOG=1") - before {
            0 if host.status().stalled_loop() == Some("guests") => Ok(()),
            fed => Err(format!("{fed} times in a second, {:?}", host.status())),
        }
    })
    .await;
    let starved = manager.count("WATCHDOG=1");
    gate.open();
    manager.has("WATCHDOG=1", starved + 3).await;
    telling.abort();
    host.shutdown().await;
}

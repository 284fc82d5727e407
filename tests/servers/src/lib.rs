//! Real servers for checks: those of the distribution, each in a directory and on a port of its
//! own, which a test can stop and restart.
//!
//! Each file starts one kind of server. `cargo xtask test` and `cargo xtask bench` install the
//! servers for tests that declare them in `tests/needs.txt`. This crate is shared by tests and
//! benchmarks and must not know the host.

mod answer;
mod celery;
mod certificates;
mod etcd;
mod eventually;
mod grpc;
mod installed;
mod nginx;
mod nsd;
mod postfix;
mod postgres;
mod process;
mod prometheus;
mod redis;
mod websocket;

use std::fmt;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use rustix::process::{Pid, Signal, geteuid, kill_process_group};
use tempfile::TempDir;
use tokio::net::TcpStream;

pub use answer::{Response, ask, get};
pub use celery::Celery;
pub use certificates::{Authority, Identity};
pub use etcd::etcd;
pub use eventually::{DEADLINE, eventually, within};
pub use grpc::{grpc, grpc_tls};
use installed::cannot_run;
pub use installed::{check_need, installed, run_with_input, tool};
pub use nginx::{nginx, nginx_with};
pub use nsd::nsd;
pub use postfix::{POSTFIX_USER, postfix};
pub use postgres::Postgres;
pub use process::Process;
pub use prometheus::{Prometheus, Series, check_metrics};
pub use redis::Redis;
pub use websocket::websocket;

/// A server in a directory and on a port of its own, stopped on drop.
#[derive(Debug)]
pub struct Server {
    name: &'static str,
    directory: TempDir,
    address: SocketAddr,
    child: Option<Child>,
    start: Start,
    ends_by: Signal,
}

/// How a server is started.
struct Start(Box<StartFn>);

type StartFn = dyn Fn(&Path, SocketAddr) -> Command + Send + Sync;

impl fmt::Debug for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Start")
    }
}

impl Server {
    /// Starts a server and waits until it accepts connections. `start` returns the command, given a
    /// directory that it may write to and the address to listen on; it may be called again.
    ///
    /// # Panics
    ///
    /// Panics if it is not installed or does not start.
    pub async fn start(
        name: &'static str,
        start: impl Fn(&Path, SocketAddr) -> Command + Send + Sync + 'static,
    ) -> Self {
        Self::start_ended_by(Signal::KILL, name, start).await
    }

    /// The same for a server that must clean up, and does so at once on the signal `ends_by`.
    async fn start_ended_by(
        ends_by: Signal,
        name: &'static str,
        start: impl Fn(&Path, SocketAddr) -> Command + Send + Sync + 'static,
    ) -> Self {
        let directory = TempDir::with_prefix(format!("vitals-{name}-"));
        let mut server = Self {
            name,
            directory: directory.expect("cannot make a directory"),
            address: free_address(),
            child: None,
            start: Start(Box::new(start)),
            ends_by,
        };
        server.restart().await;
        server
    }

    /// Returns the address on which it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns its directory.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Returns the file with the issuer of its certificate, if it has one.
    pub fn root(&self) -> PathBuf {
        self.directory().join("root.pem")
    }

    /// Stops it. Connections are refused from here on.
    pub fn stop(&mut self) {
        let Some(mut child) = self.child.take() else {
            return;
        };
        // Includes its children, even frozen ones. They may already have ended.
        for signal in [self.ends_by, Signal::CONT] {
            let _ = signal_group(&child, signal);
        }
        let _ = child.wait();
    }

    /// Freezes it: the kernel accepts connections, but the server does not respond.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it continue.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// Starts it at the same address, after [`Server::stop`].
    ///
    /// # Panics
    ///
    /// Panics if it does not start.
    pub async fn restart(&mut self) {
        let log = self.directory.path().join("log");
        let out = File::create(&log).expect("the directory is there");
        let err = out.try_clone().expect("a file can be shared");
        let mut command = (self.start.0)(self.directory.path(), self.address);
        command
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            // Its process group ends its children too.
            .process_group(0);
        let name = self.name;
        let child = command.spawn();
        let child = child.unwrap_or_else(|error| cannot_run(&command, &error));
        self.child = Some(child);
        let address = self.address;
        eventually(&format!("{name} takes connections"), async || {
            let log_text = || fs::read_to_string(&log).unwrap_or_default();
            TcpStream::connect(address)
                .await
                .map(drop)
                .map_err(|_| log_text())
        })
        .await;
    }

    fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("it runs");
        signal_group(child, signal).expect("it runs");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Sends a signal to a process and its children, which are in a process group of their own.
fn signal_group(child: &Child, signal: Signal) -> rustix::io::Result<()> {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    kill_process_group(group.expect("a process has a number"), signal)
}

/// Runs a command as an unprivileged user, who must own the directory: some servers insist on that.
fn unprivileged(mut command: Command, directory: &Path) -> Command {
    if geteuid().is_root() {
        chown(directory, Some(NOBODY), Some(NOBODY)).expect("root can give it away");
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// Finds a program that may not be in `PATH`.
fn program(name: &str, directories: &[&str]) -> PathBuf {
    let candidates = directories
        .iter()
        .map(|directory| Path::new(directory).join(name));
    let found = candidates.into_iter().find(|path| path.exists());
    found.unwrap_or_else(|| name.into())
}

/// Makes sure that the directory contains `chain.pem` and `key.pem` for a name, and `root.pem`,
/// their issuer.
fn certificate(directory: &Path, name: &str) {
    if directory.join("root.pem").exists() {
        return;
    }
    let authority = Authority::new("Test Root");
    let identity = authority.identity(&[name, "127.0.0.1"], |params| {
        let now = SystemTime::now();
        params.not_before = (now - Duration::from_hours(24)).into();
        params.not_after = (now + Duration::from_hours(80 * 24 + 1)).into();
    });
    write(directory, "chain.pem", identity.pem());
    write(directory, "key.pem", &identity.key_pem());
    write(directory, "root.pem", &authority.pem());
}

/// Writes a file of a server and returns its path.
fn write(directory: &Path, name: &str, text: &str) -> PathBuf {
    let path = directory.join(name);
    fs::write(&path, text).expect("the directory is there");
    path
}

/// Returns a free address. Another process may take it before the server does; that is unlikely,
/// and not every server can choose a port itself.
///
/// # Panics
///
/// Panics if there is none.
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
    listener.local_addr().expect("it is bound")
}

/// The user and group `nobody` of most systems.
pub const NOBODY: u32 = 65534;

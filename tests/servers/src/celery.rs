//! Celery: a broker, workers, and Flower, which monitors them.

use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::Signal;

use crate::installed::root;
use crate::redis::redis_server;
use crate::{Server, signal_group, tool};

/// A broker, a Flower with the user `ops` and the password `secret`, and workers that start and
/// stop.
#[derive(Debug)]
pub struct Celery {
    /// Redis, with the queues.
    pub broker: Server,
    /// The monitoring server.
    pub flower: Server,
}

/// A worker, killed on drop.
#[derive(Debug)]
pub struct Worker(Child);

impl Celery {
    /// Starts a broker, and a Flower that monitors it.
    ///
    /// # Panics
    ///
    /// Panics if they are not installed or do not start.
    pub async fn start() -> Self {
        let broker = Server::start("broker", |directory, address| {
            let mut command = redis_server(directory, address);
            command.args(["--port", &address.port().to_string()]);
            command
        });
        let broker = broker.await;
        let at = broker.address();
        let flower = Server::start("flower", move |_, address| {
            let mut command = celery(at);
            command.args(["flower", "--basic-auth=ops:secret"]);
            command.arg(format!("--address={}", address.ip()));
            command.arg(format!("--port={}", address.port()));
            command
        });
        Self {
            flower: flower.await,
            broker,
        }
    }

    /// Starts a worker with this name that consumes these queues: `mail,sms`. It is online some
    /// time later.
    ///
    /// # Panics
    ///
    /// Panics if it cannot be started.
    pub fn worker(&self, name: &str, queues: &str) -> Worker {
        let mut command = celery(self.broker.address());
        command
            .args(["worker", "--pool=solo", "--without-mingle"])
            .args(["-n", name, "-Q", queues])
            .current_dir(self.broker.directory())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        Worker(command.spawn().expect("the program can be started"))
    }

    /// Sends messages to a queue.
    ///
    /// # Panics
    ///
    /// Panics if they cannot be sent.
    pub fn send(&self, queue: &str, count: u32) {
        let mut command = of_tools("python", self.broker.address());
        command
            .arg(scripts().join("shop.py"))
            .args([queue, &count.to_string()]);
        let output = command.output().expect("the program can be started");
        let problem = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{problem}");
    }
}

impl Worker {
    /// Kills the worker without a clean shutdown.
    pub fn kill(self) {
        drop(self);
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may already have ended.
        let _ = signal_group(&self.0, Signal::KILL);
        let _ = self.0.wait();
    }
}

/// Returns the program `celery` for the tests' application.
fn celery(broker: SocketAddr) -> Command {
    let mut command = of_tools("celery", broker);
    command.args(["-A", "shop"]);
    command
}

/// Returns a program of the environment in which Celery is installed.
fn of_tools(name: &str, broker: SocketAddr) -> Command {
    let mut command = Command::new(tool("celery", &format!("bin/{name}")));
    command
        .env("PYTHONPATH", scripts())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("CELERY_BROKER", format!("redis://{broker}/0"));
    command
}

fn scripts() -> PathBuf {
    root().join("tests/celery")
}

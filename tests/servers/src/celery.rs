//! Celery: a broker, workers and the Flower that tells of them.

use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::installed::root;
use crate::{Server, installed, tool};

/// A broker and a Flower with the user `ops` and the password `secret`, and workers that come and go.
#[derive(Debug)]
pub struct Celery {
    /// Redis, with the queues.
    pub broker: Server,
    /// What tells of the workers.
    pub flower: Server,
}

/// A worker. Killed when it is dropped.
#[derive(Debug)]
pub struct Worker(Child);

impl Celery {
    /// Starts a broker, and a Flower that looks at it.
    ///
    /// # Panics
    ///
    /// They are not installed, or do not come up.
    pub async fn start() -> Self {
        let broker = Server::start("broker", |_, address| {
            let mut command = installed("redis-server", "redis-server");
            command.args(["--port", &address.port().to_string(), "--save", ""]);
            command.args(["--bind", &address.ip().to_string()]);
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

    /// Starts a worker of this name that takes messages from these queues: `mail,sms`. It is online some
    /// time later.
    ///
    /// # Panics
    ///
    /// It can't be started.
    pub fn worker(&self, name: &str, queues: &str) -> Worker {
        let mut command = celery(self.broker.address());
        command
            .args([
                "worker",
                "--pool=solo",
                "--without-mingle",
                "-n",
                name,
                "-Q",
                queues,
            ])
            .current_dir(self.broker.directory())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        Worker(command.spawn().expect("it can be started"))
    }

    /// Sends messages to a queue.
    ///
    /// # Panics
    ///
    /// They can't be sent.
    pub fn send(&self, queue: &str, count: u32) {
        let mut command = of_tools("python", self.broker.address());
        command
            .arg(scripts().join("shop.py"))
            .args([queue, &count.to_string()]);
        let output = command.output().expect("it can be started");
        let problem = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{problem}");
    }
}

impl Worker {
    /// Ends it in the middle of whatever it does, without a word to anybody.
    pub fn kill(self) {
        drop(self);
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let group = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw);
        // It may have ended; there is nobody to tell of it.
        let _ = kill_process_group(group.expect("a process has a number"), Signal::KILL);
        let _ = self.0.wait();
    }
}

/// The program `celery` for the application of the tests.
fn celery(broker: SocketAddr) -> Command {
    let mut command = of_tools("celery", broker);
    command.args(["-A", "shop"]);
    command
}

/// A program of the environment that Celery is installed in.
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

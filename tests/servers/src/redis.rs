//! Redis, a master or a replica, over plain TCP or over TLS.

use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::process::Command;

use crate::{Server, certificate, installed};

/// A running Redis that stores nothing on disk.
#[derive(Debug)]
pub struct Redis(Server);

impl Redis {
    /// Starts one with these additional arguments: `["--maxmemory", "2mb"]`.
    ///
    /// # Panics
    ///
    /// Panics if it is not installed or does not start.
    pub async fn start(arguments: &[&str]) -> Self {
        let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
        let start = move |directory: &Path, address: SocketAddr| {
            let mut command = redis_server(directory, address);
            command.args(["--port", &address.port().to_string()]);
            command.args(&arguments);
            command
        };
        let redis = Self(Server::start("redis", start).await);
        // It accepts connections before it has loaded its data, and responds after that.
        redis.say(&["PING"]);
        redis
    }

    /// Starts a replica of `master`.
    ///
    /// # Panics
    ///
    /// Panics if it is not installed or does not start.
    pub async fn replica_of(master: &Self) -> Self {
        let address = master.address();
        let (ip, port) = (address.ip().to_string(), address.port().to_string());
        Self::start(&["--replicaof", &ip, &port, "--repl-ping-replica-period", "1"]).await
    }

    /// Starts one that accepts only TLS, with a certificate for 127.0.0.1.
    ///
    /// # Panics
    ///
    /// Panics if it is not installed or does not start.
    pub async fn start_tls() -> Self {
        let start = |directory: &Path, address: SocketAddr| {
            certificate(directory, "redis.test");
            let mut command = redis_server(directory, address);
            command.args(["--port", "0", "--tls-auth-clients", "no"]);
            command.args(["--tls-port", &address.port().to_string()]);
            command.args(["--tls-cert-file", "chain.pem", "--tls-key-file", "key.pem"]);
            command
        };
        Self(Server::start("redis", start).await)
    }

    /// Runs `redis-cli` with these arguments and returns its output.
    ///
    /// # Panics
    ///
    /// Panics if it fails.
    pub fn say(&self, words: &[&str]) -> String {
        let port = self.address().port().to_string();
        let output = installed("redis-server", "redis-cli")
            .args(["-p", &port])
            .args(words)
            .output()
            .expect("it comes with the server");
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

/// Returns the program, which listens on this address but still needs a port.
pub(crate) fn redis_server(directory: &Path, address: SocketAddr) -> Command {
    let mut command = installed("redis-server", "redis-server");
    command.args(["--bind", &address.ip().to_string(), "--save", ""]);
    command.arg("--dir").arg(directory);
    command
}

impl Deref for Redis {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.0
    }
}

impl DerefMut for Redis {
    fn deref_mut(&mut self) -> &mut Server {
        &mut self.0
    }
}

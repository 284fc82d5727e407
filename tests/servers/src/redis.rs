//! Redis, a master or a replica, over plain TCP or over TLS.

use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::process::Command;

use crate::{Identity, Server, installed};

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
            let mut command = command(directory, address);
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

    /// Starts one that accepts only TLS, with this certificate.
    ///
    /// # Panics
    ///
    /// Panics if it is not installed or does not start.
    pub async fn start_tls(identity: &Identity) -> Self {
        let (certificate, key) = (identity.pem().to_owned(), identity.key_pem());
        let start = move |directory: &Path, address: SocketAddr| {
            let file = |name: &str, content: &str| -> OsString {
                let path = directory.join(name);
                fs::write(&path, content).expect("the directory is there");
                path.into()
            };
            let mut command = command(directory, address);
            command.args(["--port", "0", "--tls-auth-clients", "no"]);
            command.args(["--tls-port", &address.port().to_string()]);
            command.arg("--tls-cert-file");
            command.arg(file("server.crt", &certificate));
            command.arg("--tls-key-file");
            command.arg(file("server.key", &key));
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

fn command(directory: &Path, address: SocketAddr) -> Command {
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

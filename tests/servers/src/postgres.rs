//! PostgreSQL, a primary or a standby, over TCP with and without TLS.

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::process::Command;

use rustix::process::{Signal, geteuid};

use crate::{
    Authority, Identity, NOBODY, Server, cannot_run, eventually, installed, program,
    run_with_input, unprivileged,
};

/// A running PostgreSQL with a certificate for 127.0.0.1 and these users, each with the password
/// [`PASSWORD`](Postgres::PASSWORD):
///
/// | user | by |
/// |---|---|
/// | `vitals` | SCRAM |
/// | `hashed` | MD5 |
/// | `clear` | the password itself |
/// | `secured` | SCRAM, over TLS alone |
#[derive(Debug)]
pub struct Postgres {
    server: Server,
    authority: String,
}

impl Postgres {
    /// The password of all users.
    pub const PASSWORD: &str = "correct-horse";

    /// Starts a primary and creates its users, each with a database of the same name.
    ///
    /// # Panics
    ///
    /// Panics if it is not installed or does not start.
    pub async fn start() -> Self {
        let authority = Authority::new("PostgreSQL's Root");
        let identity = authority.identity(&["127.0.0.1"], |_| {});
        let postgres = Self::start_with(authority.pem(), &identity, |directory, _| {
            let mut initdb = tool("initdb");
            initdb.args(["-U", ADMIN, "-A", "trust", "-E", "UTF8", "--locale=C"]);
            // Smaller than the default of 16 MB.
            initdb.args(["--no-sync", "--no-instructions", "--wal-segsize=1"]);
            run(initdb.arg("-D").arg("data"), directory);
            fs::write(directory.join("data/pg_hba.conf"), HBA).expect("it is there");
        })
        .await;
        let users = ["vitals", "hashed", "clear", "secured"].map(|user| {
            let encryption = if user == "hashed" {
                "md5"
            } else {
                "scram-sha-256"
            };
            format!(
                "SET password_encryption = '{encryption}'; CREATE ROLE {user} LOGIN PASSWORD '{}';\n\
                 CREATE DATABASE {user} OWNER {user};\n",
                Self::PASSWORD
            )
        });
        postgres.sql(&users.concat());
        postgres
    }

    /// Starts a standby of this server, with the same users.
    ///
    /// # Panics
    ///
    /// Panics if it does not start.
    pub async fn standby(&self) -> Self {
        let authority = Authority::new("The Standby's Root");
        let identity = authority.identity(&["127.0.0.1"], |_| {});
        let primary = self.address();
        Self::start_with(authority.pem(), &identity, move |directory, _| {
            let mut backup = tool("pg_basebackup");
            backup.args([
                "-h",
                &primary.ip().to_string(),
                "-p",
                &primary.port().to_string(),
            ]);
            backup.args([
                "-U",
                ADMIN,
                "-D",
                "data",
                "-R",
                "-X",
                "stream",
                "-c",
                "fast",
                "--no-sync",
            ]);
            run(&mut backup, directory);
        })
        .await
    }

    async fn start_with(
        authority: String,
        identity: &Identity,
        prepare: impl Fn(&Path, SocketAddr) + Send + Sync + 'static,
    ) -> Self {
        let (certificate, key) = (identity.pem().to_owned(), identity.key_pem());
        let start = move |directory: &Path, address: SocketAddr| {
            if !directory.join("data").exists() {
                private(directory, "server.crt", &certificate);
                private(directory, "server.key", &key);
                prepare(directory, address);
            }
            let mut command = tool("postgres");
            command.args(["-D", "data", "-p", &address.port().to_string(), "-h"]);
            command
                .arg(address.ip().to_string())
                .arg("-k")
                .arg(directory);
            for setting in SETTINGS {
                command.args(["-c", setting]);
            }
            unprivileged(command, directory)
        };
        // It must clean up its children and shared memory.
        let server = Server::start_ended_by(Signal::QUIT, "postgres", start).await;
        let postgres = Self { server, authority };
        // It accepts connections before it can run statements.
        eventually("PostgreSQL answers", async || postgres.ask("SELECT 1")).await;
        postgres
    }

    /// Returns the issuer of its certificate.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Runs statements as superuser, one by one, and returns the output.
    ///
    /// # Panics
    ///
    /// Panics if a statement fails.
    pub fn sql(&self, sql: &str) -> String {
        self.ask(sql)
            .unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    fn ask(&self, sql: &str) -> Result<String, String> {
        let mut psql = tool("psql");
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", ADMIN]);
        psql.args(["-p", &self.address().port().to_string(), "-h"]);
        psql.arg(self.directory());
        let output = run_with_input(&mut psql, sql);
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }
}

impl Deref for Postgres {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl DerefMut for Postgres {
    fn deref_mut(&mut self) -> &mut Server {
        &mut self.server
    }
}

/// Debian installs each version into a directory of its own; this takes the newest.
fn tool(name: &str) -> Command {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut directories: Vec<String> = versions
        .filter_map(|version| Some(version.ok()?.path().join("bin").to_str()?.to_owned()))
        .collect();
    directories.sort_by(|a, b| b.cmp(a));
    let directories: Vec<&str> = directories.iter().map(String::as_str).collect();
    installed("postgresql", program(name, &directories))
}

/// Writes a file that only its owner can read, as the server requires.
fn private(directory: &Path, name: &str, content: &str) {
    let path = directory.join(name);
    fs::write(&path, content).expect("the directory is there");
    fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("it was written");
    if geteuid().is_root() {
        chown(&path, Some(NOBODY), Some(NOBODY)).expect("root can give it away");
    }
}

fn run(command: &mut Command, directory: &Path) {
    let mut command = unprivileged(std::mem::replace(command, Command::new("true")), directory);
    let output = command.current_dir(directory).output();
    let output = output.unwrap_or_else(|error| cannot_run(&command, &error));
    assert!(output.status.success(), "{command:?}: {output:?}");
}

const ADMIN: &str = "postgres";
const HBA: &str = "\
local all all trust
host replication all 127.0.0.1/32 trust
host all hashed 127.0.0.1/32 md5
host all clear 127.0.0.1/32 password
hostssl all secured 127.0.0.1/32 scram-sha-256
hostnossl all secured 127.0.0.1/32 reject
host all all 127.0.0.1/32 scram-sha-256
";
const SETTINGS: &[&str] = &[
    "fsync=off",
    "ssl=on",
    "ssl_cert_file=../server.crt",
    "ssl_key_file=../server.key",
    "max_connections=20",
    "shared_buffers=8MB",
    "wal_receiver_status_interval=1s",
    "wal_retrieve_retry_interval=100ms",
    "hot_standby_feedback=off",
];

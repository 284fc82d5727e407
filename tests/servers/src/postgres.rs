//! PostgreSQL, a primary or a standby, over TCP with and without TLS.

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::process::Command;

use rustix::process::{Signal, geteuid};

use crate::{
    NOBODY, Server, cannot_run, certificate, eventually, installed, run_with_input, unprivileged,
    write,
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
pub struct Postgres(Server);

impl Postgres {
    /// The password of all users.
    pub const PASSWORD: &str = "correct-horse";

    /// Starts a primary and creates its users, each with a database of the same name.
    ///
    /// # Panics
    ///
    /// Panics if it is not installed or does not start.
    pub async fn start() -> Self {
        let postgres = Self::start_with(|directory| {
            let mut initdb = tool("initdb");
            initdb.args(["-U", ADMIN, "-A", "trust", "-E", "UTF8", "--locale=C"]);
            // Smaller than the default of 16 MB.
            initdb.args(["--no-sync", "--no-instructions", "--wal-segsize=1"]);
            run(initdb.arg("-D").arg("data"), directory);
            write(&directory.join("data"), "pg_hba.conf", HBA);
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
        let primary = self.address();
        Self::start_with(move |directory| {
            let mut backup = tool("pg_basebackup");
            backup.args(["-h", &primary.ip().to_string()]);
            backup.args(["-p", &primary.port().to_string()]);
            backup.args(["-U", ADMIN, "-D", "data", "-R", "-X", "stream"]);
            run(backup.args(["-c", "fast", "--no-sync"]), directory);
        })
        .await
    }

    async fn start_with(prepare: impl Fn(&Path) + Send + Sync + 'static) -> Self {
        let start = move |directory: &Path, address: SocketAddr| {
            if !directory.join("data").exists() {
                certificate(directory, "postgres.test");
                make_private(&directory.join("key.pem"));
                prepare(directory);
            }
            let mut command = tool("postgres");
            command.args(["-D", "data", "-p", &address.port().to_string()]);
            command.args(["-h", &address.ip().to_string(), "-k"]);
            command.arg(directory);
            for setting in SETTINGS {
                command.args(["-c", setting]);
            }
            unprivileged(command, directory)
        };
        // It must clean up its children and shared memory.
        let postgres = Self(Server::start_ended_by(Signal::QUIT, "postgres", start).await);
        // It accepts connections before it can run statements.
        eventually("PostgreSQL answers", async || postgres.ask("SELECT 1")).await;
        postgres
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
        &self.0
    }
}

impl DerefMut for Postgres {
    fn deref_mut(&mut self) -> &mut Server {
        &mut self.0
    }
}

/// Debian installs each version into a directory of its own; this takes the newest.
fn tool(name: &str) -> Command {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let programs = versions.filter_map(|version| Some(version.ok()?.path().join("bin").join(name)));
    let newest = programs.filter(|program| program.exists()).max();
    installed("postgresql", newest.unwrap_or_else(|| name.into()))
}

/// Makes a file readable only by its owner, the server, as it requires.
fn make_private(path: &Path) {
    fs::set_permissions(path, Permissions::from_mode(0o600)).expect("it was written");
    if geteuid().is_root() {
        chown(path, Some(NOBODY), Some(NOBODY)).expect("root can give it away");
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
    "ssl_cert_file=../chain.pem",
    "ssl_key_file=../key.pem",
    "max_connections=20",
    "shared_buffers=8MB",
    "wal_receiver_status_interval=1s",
    "wal_retrieve_retry_interval=100ms",
    "hot_standby_feedback=off",
];

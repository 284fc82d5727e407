//! Bugsink: a server with Sentry's protocol, in one process with a database of its own.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use vitals_servers::tool;

use crate::guests;

/// A running bugsink with one project, killed on drop.
#[derive(Debug)]
pub struct Bugsink {
    directory: TempDir,
    server: Child,
    dsn: String,
}

/// An event as bugsink digested it.
#[derive(Clone, Debug)]
pub struct Digested {
    /// The issue that it was grouped into.
    pub issue: String,
    /// Its id.
    pub id: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The title that bugsink shows.
    pub title: String,
    /// The innermost frame of its stack trace.
    pub last_frame: String,
    /// Everything that was sent.
    pub data: Value,
}

impl Bugsink {
    /// Starts it and waits until it listens.
    ///
    /// # Panics
    ///
    /// Panics if it is not installed, or does not come up.
    pub fn start() -> Self {
        let directory = TempDir::with_prefix("vitals-bugsink-").expect("cannot make a directory");
        let mut server = python(directory.path(), "serve.py")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it can be started");
        let stdout = server.stdout.take().expect("it is piped");
        let mut line = String::new();
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("it writes text");
        let mut words = line.split_whitespace();
        let (Some(port), Some(project), Some(key)) = (words.next(), words.next(), words.next())
        else {
            let script = scripts().join("serve.py");
            panic!(
                "bugsink does not come up: see what {} says",
                script.display()
            );
        };
        Self {
            directory,
            server,
            dsn: format!("http://{key}@127.0.0.1:{port}/{project}"),
        }
    }

    /// The address for events.
    pub fn dsn(&self) -> &str {
        &self.dsn
    }

    /// The events that it has digested so far, in order.
    ///
    /// # Panics
    ///
    /// Panics if its database cannot be read.
    pub fn events(&self) -> Vec<Digested> {
        let database = self.directory.path().join("db.sqlite3");
        let output = python(self.directory.path(), "read_events.py")
            .arg(database)
            .output()
            .expect("it can be started");
        let problem = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{problem}");
        let events: Vec<Value> = serde_json::from_slice(&output.stdout).expect("it writes JSON");
        events.into_iter().map(digested).collect()
    }
}

impl Drop for Bugsink {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn digested(mut event: Value) -> Digested {
    let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
    let tags = event["tags"].as_object().into_iter().flatten();
    let tags = tags.map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().into()));
    Digested {
        issue: text("issue"),
        id: text("event_id"),
        tags: tags.collect(),
        title: format!("{}: {}", text("type"), text("value")),
        last_frame: text("last_frame"),
        data: event["data"].take(),
    }
}

/// A script in the environment that bugsink is installed in.
fn python(directory: &Path, script: &str) -> Command {
    let mut command = Command::new(tool("bugsink", "bin/python"));
    command
        .arg(scripts().join(script))
        .current_dir(directory)
        .env("PYTHONPATH", scripts())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("BUGSINK_DIRECTORY", directory)
        .stdin(Stdio::null());
    command
}

fn scripts() -> PathBuf {
    guests::root().join("tests/bugsink")
}

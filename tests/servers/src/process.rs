//! Processes that log the address on which they listen: Prometheus, Alertmanager and the node
//! exporter.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::thread;

use serde_json::Value;

use crate::{cannot_run, installed};

/// A running process that listens; killed on drop.
#[derive(Debug)]
pub struct Process {
    child: Child,
    address: SocketAddr,
}

impl Process {
    /// Starts Debian's `prometheus-node-exporter` on a free port.
    ///
    /// # Panics
    ///
    /// Panics if it is not installed or does not start.
    pub fn node_exporter() -> Self {
        Self::start(
            installed("prometheus-node-exporter", "prometheus-node-exporter")
                .arg("--web.listen-address=127.0.0.1:0"),
        )
    }

    /// Starts a command and waits until it listens.
    ///
    /// # Panics
    ///
    /// Panics if it is not installed or does not start.
    pub fn start(command: &mut Command) -> Self {
        let command = command
            .arg("--log.format=json")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let child = command.spawn();
        let mut child = child.unwrap_or_else(|error| cannot_run(command, &error));
        let stderr = child.stderr.take().expect("it is piped");
        let mut lines = BufReader::new(stderr).lines().map_while(Result::ok);
        let mut log_lines = Vec::new();
        let address = lines.by_ref().find_map(|line| {
            let address = listening(&line);
            log_lines.push(line);
            address
        });
        let address = address.unwrap_or_else(|| panic!("it does not start: {log_lines:#?}"));
        // The process would block on a full pipe.
        thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }

    /// Returns the address on which it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may already have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listening(line: &str) -> Option<SocketAddr> {
    let line: Value = serde_json::from_str(line).ok()?;
    let listens = line["msg"] == "Listening on";
    listens.then(|| line["address"].as_str()?.parse().ok())?
}

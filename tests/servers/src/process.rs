//! A process of Prometheus's family, all of which say in their log where they listen: Prometheus itself,
//! Alertmanager, the exporter of the machine's own numbers.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::thread;

use serde_json::Value;

use crate::{cannot_run, installed};

/// A running process that listens; killed when this is dropped.
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
    /// It is not installed, or does not come up.
    pub fn node_exporter() -> Self {
        Self::start(
            installed("prometheus-node-exporter", "prometheus-node-exporter")
                .arg("--web.listen-address=127.0.0.1:0"),
        )
    }

    /// Starts a command of the family, and waits until it listens.
    ///
    /// # Panics
    ///
    /// It is not installed, or does not come up.
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
        let mut said = Vec::new();
        let address = lines.by_ref().find_map(|line| {
            let address = listening(&line);
            said.push(line);
            address
        });
        let address = address.unwrap_or_else(|| panic!("it does not come up: {said:#?}"));
        // Or it would block once the pipe is full.
        thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended; there is nobody to tell of it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listening(line: &str) -> Option<SocketAddr> {
    let line: Value = serde_json::from_str(line).ok()?;
    let listens = line["msg"] == "Listening on";
    listens.then(|| line["address"].as_str()?.parse().ok())?
}

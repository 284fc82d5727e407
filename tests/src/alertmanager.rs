//! Alertmanager: the real one, with nothing in its memory.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::thread;

use serde_json::Value;
use tempfile::TempDir;

/// A running Alertmanager; killed when this is dropped.
#[derive(Debug)]
pub struct Alertmanager {
    server: Child,
    address: SocketAddr,
    _directory: TempDir,
}

impl Alertmanager {
    /// Starts one on a free port that posts each alert by itself to `receiver`, and waits until it
    /// listens.
    ///
    /// # Panics
    ///
    /// It is not installed, or does not come up.
    pub fn notifying(receiver: &str) -> Self {
        Self::start(&passing_on(receiver))
    }

    /// Starts one there that does as [`Alertmanager::notifying`].
    ///
    /// # Panics
    ///
    /// It is not installed, or does not come up.
    pub fn notifying_at(address: SocketAddr, receiver: &str) -> Self {
        Self::start_at(address, &passing_on(receiver))
    }

    /// Starts one on a free port with this configuration, and waits until it listens.
    ///
    /// # Panics
    ///
    /// It is not installed, or does not come up.
    pub fn start(config: &str) -> Self {
        Self::start_at("127.0.0.1:0".parse().expect("an address"), config)
    }

    fn start_at(address: SocketAddr, config: &str) -> Self {
        let directory =
            TempDir::with_prefix("vitals-alertmanager-").expect("cannot make a directory");
        let file = directory.path().join("alertmanager.yml");
        std::fs::write(&file, config).expect("the directory was made a moment ago");
        let mut command = Command::new("prometheus-alertmanager");
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.path={}", directory.path().display()))
            .arg(format!("--web.listen-address={address}"))
            // No cluster, and no port for one.
            .args(["--cluster.listen-address=", "--log.format=json"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut server = command.spawn().unwrap_or_else(|error| {
            panic!(
                "cannot run `prometheus-alertmanager`: {error}; type `apt-get install \
                 prometheus-alertmanager` as root"
            )
        });
        let stderr = server.stderr.take().expect("it is piped");
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
        Self {
            server,
            address,
            _directory: directory,
        }
    }

    /// A port on which nobody listens yet.
    ///
    /// # Panics
    ///
    /// There is none.
    pub fn free_address() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.local_addr().expect("it is bound")
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The alerts that it has, also those that it tells nobody of.
    ///
    /// # Errors
    ///
    /// It does not answer.
    pub async fn alerts(&self) -> Result<Vec<Value>, String> {
        let answer = vitals_servers::get(self.address, "/api/v2/alerts").await?;
        let alerts = answer.json();
        alerts.as_array().cloned().ok_or(answer.body)
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        // It may have ended; there is nobody to tell of it.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// A configuration that passes each alert on by itself, and soon.
fn passing_on(receiver: &str) -> String {
    format!(
        "route: {{ receiver: test, group_by: ['...'], group_wait: 50ms, group_interval: 200ms, \
         repeat_interval: 24h }}\n\
         receivers:\n- {{ name: test, webhook_configs: [ {{ url: '{receiver}', send_resolved: true }} ] }}\n"
    )
}

fn listening(line: &str) -> Option<SocketAddr> {
    let line: Value = serde_json::from_str(line).ok()?;
    let listens = line["msg"] == "Listening on";
    listens.then(|| line["address"].as_str()?.parse().ok())?
}

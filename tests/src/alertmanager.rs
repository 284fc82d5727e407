//! A real Alertmanager with an empty database.

use std::net::SocketAddr;

use serde_json::Value;
use tempfile::TempDir;
use vitals_servers::{Process, installed};

/// A running Alertmanager, killed on drop.
#[derive(Debug)]
pub struct Alertmanager {
    server: Process,
    _directory: TempDir,
}

impl Alertmanager {
    /// Starts one on a free port that sends each alert to `receiver` in a request of its own, and waits
    /// until it listens.
    ///
    /// # Panics
    ///
    /// Panics if it is not installed, or does not come up.
    pub fn notifying(receiver: &str) -> Self {
        Self::start(&passing_on(receiver))
    }

    /// Starts one like [`Alertmanager::notifying`] at this address.
    ///
    /// # Panics
    ///
    /// Panics if it is not installed, or does not come up.
    pub fn notifying_at(address: SocketAddr, receiver: &str) -> Self {
        Self::start_at(address, &passing_on(receiver))
    }

    /// Starts one on a free port with this configuration, and waits until it listens.
    ///
    /// # Panics
    ///
    /// Panics if it is not installed, or does not come up.
    pub fn start(config: &str) -> Self {
        Self::start_at("127.0.0.1:0".parse().expect("an address"), config)
    }

    fn start_at(address: SocketAddr, config: &str) -> Self {
        let directory =
            TempDir::with_prefix("vitals-alertmanager-").expect("cannot make a directory");
        let file = directory.path().join("alertmanager.yml");
        std::fs::write(&file, config).expect("the directory was made a moment ago");
        let mut command = installed("prometheus-alertmanager", "prometheus-alertmanager");
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.path={}", directory.path().display()))
            .arg(format!("--web.listen-address={address}"))
            // No cluster, and no port for one.
            .arg("--cluster.listen-address=");
        Self {
            server: Process::start(&mut command),
            _directory: directory,
        }
    }

    /// The address on which it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Its alerts, including those that it suppresses.
    ///
    /// # Errors
    ///
    /// Returns an error if it does not respond.
    pub async fn alerts(&self) -> Result<Vec<Value>, String> {
        let answer = vitals_servers::get(self.address(), "/api/v2/alerts").await?;
        let alerts = answer.json();
        alerts.as_array().cloned().ok_or(answer.body)
    }
}

/// A configuration that sends each alert on its own, and soon.
fn passing_on(receiver: &str) -> String {
    format!(
        "route: {{ receiver: test, group_by: ['...'], group_wait: 50ms, group_interval: 200ms, \
         repeat_interval: 24h }}\n\
         receivers:\n- {{ name: test, webhook_configs: [ {{ url: '{receiver}', send_resolved: true }} ] }}\n"
    )
}

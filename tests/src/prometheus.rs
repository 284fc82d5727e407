//! Prometheus: the real one, on a free port, with a database of its own.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::thread;

use serde_json::Value;
use tempfile::TempDir;
use url::form_urlencoded::byte_serialize;

use crate::answer;

/// A running Prometheus; killed when this is dropped.
#[derive(Debug)]
pub struct Prometheus {
    server: Child,
    address: SocketAddr,
    _directory: TempDir,
}

/// A series as a query answers it.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its labels, the name as `__name__`.
    pub labels: BTreeMap<String, String>,
    /// Its value now.
    pub value: f64,
}

impl Prometheus {
    /// Starts one that scrapes `target` each second as the job `vitals`, and waits until it listens.
    ///
    /// # Panics
    ///
    /// It is not installed, or does not come up.
    pub fn scraping(target: SocketAddr) -> Self {
        let directory =
            TempDir::with_prefix("vitals-prometheus-").expect("cannot make a directory");
        let config = directory.path().join("prometheus.yml");
        let text = format!(
            "global: {{ scrape_interval: 1s, scrape_timeout: 1s }}\n\
             scrape_configs:\n- {{ job_name: vitals, static_configs: [ {{ targets: ['{target}'] }} ] }}\n"
        );
        std::fs::write(&config, text).expect("the directory was made a moment ago");
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                directory.path().display()
            ))
            .args(["--web.listen-address=127.0.0.1:0", "--log.format=json"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut server = command.spawn().unwrap_or_else(|error| {
            panic!("cannot run `prometheus`: {error}; type `apt-get install prometheus` as root")
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

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What a PromQL query answers at this moment.
    ///
    /// # Errors
    ///
    /// Prometheus refuses the query, or does not answer.
    pub async fn query(&self, query: &str) -> Result<Vec<Series>, String> {
        let query: String = byte_serialize(query.as_bytes()).collect();
        let answer = answer::get(self.address, &format!("/api/v1/query?query={query}")).await?;
        if answer.status != 200 {
            return Err(answer.body);
        }
        let answer = answer.json();
        let series = answer["data"]["result"].as_array();
        Ok(series.into_iter().flatten().map(series_of).collect())
    }

    /// The value of the one series that a query answers; nothing where there are none, or several.
    ///
    /// # Errors
    ///
    /// Prometheus refuses the query, or does not answer.
    pub async fn value(&self, query: &str) -> Result<Option<f64>, String> {
        let series = self.query(query).await?;
        Ok(match &series[..] {
            [one] => Some(one.value),
            _ => None,
        })
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may have ended; there is nobody to tell of it.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn listening(line: &str) -> Option<SocketAddr> {
    let line: Value = serde_json::from_str(line).ok()?;
    let listens = line["msg"] == "Listening on";
    listens.then(|| line["address"].as_str()?.parse().ok())?
}

fn series_of(result: &Value) -> Series {
    let labels = result["metric"].as_object().into_iter().flatten();
    let label = |(name, value): (&String, &Value)| {
        (name.clone(), value.as_str().unwrap_or_default().to_owned())
    };
    let value = result["value"][1]
        .as_str()
        .and_then(|value| value.parse().ok());
    Series {
        labels: labels.map(label).collect(),
        value: value.unwrap_or(f64::NAN),
    }
}

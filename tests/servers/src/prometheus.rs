//! A real Prometheus on a free port, with a database of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::SystemTime;

use serde_json::Value;
use tempfile::TempDir;
use url::form_urlencoded::byte_serialize;

use crate::process::Process;
use crate::{answer, installed, run_with_input};

/// A running Prometheus; killed on drop.
#[derive(Debug)]
pub struct Prometheus {
    server: Process,
    started: SystemTime,
    _directory: TempDir,
}

/// A series in the result of a query.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its labels, with the name as `__name__`.
    pub labels: BTreeMap<String, String>,
    /// Its current value.
    pub value: f64,
}

impl Prometheus {
    /// Starts one that scrapes `target` every second as the job `vitals`, and waits until it
    /// listens.
    ///
    /// # Panics
    ///
    /// Panics if it is not installed or does not start.
    pub fn scraping(target: SocketAddr) -> Self {
        let directory =
            TempDir::with_prefix("vitals-prometheus-").expect("cannot make a directory");
        let text = format!(
            "global: {{ scrape_interval: 1s, scrape_timeout: 1s }}\n\
             scrape_configs:\n- {{ job_name: vitals, static_configs: [ {{ targets: ['{target}'] }} ] }}\n"
        );
        std::fs::write(directory.path().join("prometheus.yml"), text)
            .expect("the directory was made a moment ago");
        Self::configured(directory, (Ipv4Addr::LOCALHOST, 0).into())
    }

    /// Starts one that reads `prometheus.yml` in a directory, which it keeps, and waits until it
    /// listens.
    ///
    /// # Panics
    ///
    /// Panics if it is not installed or does not start.
    pub fn configured(directory: TempDir, listen: SocketAddr) -> Self {
        let path = directory.path().display();
        let mut command = installed("prometheus", "prometheus");
        command
            .arg(format!("--config.file={path}/prometheus.yml"))
            .arg(format!("--storage.tsdb.path={path}/data"))
            .arg(format!("--web.listen-address={listen}"));
        Self {
            started: SystemTime::now(),
            server: Process::start(&mut command),
            _directory: directory,
        }
    }

    /// Returns the address on which it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Runs a PromQL query at the current time.
    ///
    /// # Errors
    ///
    /// Prometheus rejects the query or does not respond.
    pub async fn query(&self, query: &str) -> Result<Vec<Series>, String> {
        let data = self.ask(&format!("query?query={}", encoded(query))).await?;
        let series = data["result"].as_array();
        Ok(series.into_iter().flatten().map(series_of).collect())
    }

    /// Returns the value of the only series of a query, or `None` if there are none or several.
    ///
    /// # Errors
    ///
    /// Prometheus rejects the query or does not respond.
    pub async fn value(&self, query: &str) -> Result<Option<f64>, String> {
        let series = self.query(query).await?;
        Ok(match &series[..] {
            [one] => Some(one.value),
            _ => None,
        })
    }

    /// Returns whether a PromQL query had a number at any time since Prometheus started, in steps
    /// of half a second.
    ///
    /// # Errors
    ///
    /// Prometheus rejects the query or does not respond.
    pub async fn ever(&self, query: &str) -> Result<bool, String> {
        let seconds = |at: SystemTime| {
            let since = at.duration_since(SystemTime::UNIX_EPOCH);
            since.expect("it is later").as_secs_f64()
        };
        let (start, end) = (seconds(self.started), seconds(SystemTime::now()));
        let query = encoded(query);
        let path = format!("query_range?query={query}&start={start:.3}&end={end:.3}&step=0.5");
        let data = self.ask(&path).await?;
        let mut series = data["result"].as_array().into_iter().flatten();
        let is_number = |sample: &Value| number(&sample[1]).is_finite();
        let has_number = |series: &Value| {
            let mut samples = series["values"].as_array().into_iter().flatten();
            samples.any(is_number)
        };
        Ok(series.any(has_number))
    }

    /// Returns all values of a label, including past ones.
    ///
    /// # Errors
    ///
    /// Prometheus does not respond.
    pub async fn values_of(&self, label: &str) -> Result<BTreeSet<String>, String> {
        let data = self.ask(&format!("label/{label}/values")).await?;
        let values = data.as_array().into_iter().flatten();
        Ok(values
            .filter_map(|value| Some(value.as_str()?.to_owned()))
            .collect())
    }

    async fn ask(&self, path: &str) -> Result<Value, String> {
        let answer = answer::get(self.address(), &format!("/api/v1/{path}")).await?;
        if answer.status != 200 {
            return Err(answer.body);
        }
        Ok(answer.json()["data"].take())
    }
}

/// Returns the output of `promtool check metrics` for a page, which is empty without problems.
///
/// # Panics
///
/// Panics if it is not installed.
pub fn check_metrics(page: &str) -> String {
    let mut promtool = installed("prometheus", "promtool");
    let ended = run_with_input(promtool.args(["check", "metrics"]), page);
    let output = String::from_utf8_lossy(&[ended.stdout, ended.stderr].concat()).into_owned();
    if ended.status.success() {
        output
    } else {
        format!("{output}{}", ended.status)
    }
}

fn encoded(query: &str) -> String {
    byte_serialize(query.as_bytes()).collect()
}

fn series_of(result: &Value) -> Series {
    let labels = result["metric"].as_object().into_iter().flatten();
    let label = |(name, value): (&String, &Value)| {
        (name.clone(), value.as_str().unwrap_or_default().to_owned())
    };
    Series {
        labels: labels.map(label).collect(),
        value: number(&result["value"][1]),
    }
}

/// Parses a number in Prometheus' text form.
fn number(value: &Value) -> f64 {
    let value = value.as_str().and_then(|value| value.parse().ok());
    value.unwrap_or(f64::NAN)
}

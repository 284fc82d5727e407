//! The files of `deploy/monitoring`.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;
use vitals_tests::{guests, repository};

use super::CASES;

/// The rules.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) alerts: Vec<Alert>,
    pub(super) records: Vec<Record>,
}

/// A rule that alerts.
#[derive(Clone, Debug)]
pub(super) struct Alert {
    pub(super) name: String,
    pub(super) severity: String,
    /// How long it is pending. Empty if it fires at once.
    pub(super) after: String,
    pub(super) query: String,
    pub(super) runbook: String,
}

/// A rule that records.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) name: String,
    pub(super) query: String,
}

/// A dashboard.
#[derive(Debug)]
pub(super) struct Dashboard {
    /// The name of its file.
    pub(super) file: String,
    pub(super) json: Value,
}

impl Rules {
    /// The rules of the directory.
    pub(super) fn shipped() -> Self {
        let mut rules = Self {
            alerts: Vec::new(),
            records: Vec::new(),
        };
        for file in ["rules/recording.yml", "rules/alerts.yml"] {
            let groups = yaml(file);
            let groups = list(&groups["groups"]).iter();
            for rule in groups.flat_map(|group| list(&group["rules"])) {
                let query = string(&rule["expr"]);
                if let Some(name) = rule["record"].as_str() {
                    let name = name.to_owned();
                    rules.records.push(Record { name, query });
                    continue;
                }
                rules.alerts.push(Alert {
                    name: string(&rule["alert"]),
                    severity: string(&rule["labels"]["severity"]),
                    after: rule["for"].as_str().unwrap_or_default().to_owned(),
                    query,
                    runbook: string(&rule["annotations"]["runbook_url"]),
                });
            }
        }
        assert!(
            rules.alerts.len() > 10 && !rules.records.is_empty(),
            "{rules:#?}"
        );
        rules
    }
}

impl Dashboard {
    /// The dashboards of the directory.
    pub(super) fn shipped() -> Vec<Self> {
        let files = ["check.json", "host.json", "overview.json", "plugin.json"];
        let there = fs::read_dir(directory().join("grafana/dashboards"));
        assert_eq!(there.expect("a directory").count(), files.len());
        let read = |file: &str| {
            let text = text(&format!("grafana/dashboards/{file}"));
            let json = serde_json::from_str(&text);
            let json = json.unwrap_or_else(|error| panic!("{file}: {error}"));
            let file = file.to_owned();
            Self { file, json }
        };
        files.map(read).into()
    }

    pub(super) fn panels(&self) -> &[Value] {
        list(&self.json["panels"])
    }

    pub(super) fn variables(&self) -> &[Value] {
        list(&self.json["templating"]["list"])
    }

    /// The queries of its panels, each with the panel's title.
    pub(super) fn queries(&self) -> Vec<(String, String)> {
        let panels = self.panels().iter();
        let queries = panels.flat_map(|panel| {
            let title = string(&panel["title"]);
            let targets = panel["targets"].as_array().into_iter().flatten();
            targets.map(move |target| (title.clone(), string(&target["expr"])))
        });
        queries.collect()
    }
}

pub(super) fn directory() -> PathBuf {
    guests::root().join("deploy/monitoring")
}

/// A file of the directory.
pub(super) fn text(file: &str) -> String {
    repository::read(directory().join(file))
}

/// A file of the directory in YAML.
pub(super) fn yaml(file: &str) -> Value {
    serde_norway::from_str(&text(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// A copy of the files that Prometheus reads, with a token.
pub(super) fn copy() -> TempDir {
    let copy = TempDir::with_prefix("vitals-monitoring-").expect("cannot make a directory");
    fs::create_dir_all(copy.path().join("rules/tests")).expect("the directory is new");
    let rules = ["prometheus.yml", "rules/recording.yml", "rules/alerts.yml"];
    for file in rules.iter().chain(&CASES[2..]) {
        let text = text(file).replace(CREDENTIALS, "metrics-token");
        fs::write(copy.path().join(file), text).expect("the directory is new");
    }
    fs::write(copy.path().join("metrics-token"), "a-token").expect("the directory is new");
    copy
}

/// The file with the token of the metrics.
pub(super) const CREDENTIALS: &str = "/run/secrets/metrics-token";

/// Replaces parts of a text, which must be there.
pub(super) fn replaced(text: &str, parts: &[(&str, &str)]) -> String {
    let mut text = text.to_owned();
    for (from, to) in parts {
        assert!(text.contains(from), "there is no `{from}` in:\n{text}");
        text = text.replace(from, to);
    }
    text
}

pub(super) fn list(value: &Value) -> &[Value] {
    value
        .as_array()
        .unwrap_or_else(|| panic!("no list: {value}"))
}

pub(super) fn string(value: &Value) -> String {
    let text = value.as_str();
    text.unwrap_or_else(|| panic!("no text: {value}"))
        .to_owned()
}

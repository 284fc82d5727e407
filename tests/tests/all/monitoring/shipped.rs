//! The files of `deploy/monitoring`, read as those read them who use them.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;
use vitals_tests::guests;

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
    /// How long it has to hold; empty where it counts at once.
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
    /// Those that are shipped.
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
    /// Those that are shipped.
    pub(super) fn shipped() -> Vec<Self> {
        let files = fs::read_dir(directory().join("grafana/dashboards"));
        let files = files.expect("there are dashboards");
        let mut boards: Vec<_> = files
            .map(|entry| {
                let file = entry.expect("an entry").file_name();
                let file = file.into_string().expect("a name");
                let text = text(&format!("grafana/dashboards/{file}"));
                let json = serde_json::from_str(&text);
                let json = json.unwrap_or_else(|error| panic!("{file}: {error}"));
                Self { file, json }
            })
            .collect();
        boards.sort_by(|one, other| one.file.cmp(&other.file));
        boards
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

/// The directory that is shipped.
pub(super) fn directory() -> PathBuf {
    guests::root().join("deploy/monitoring")
}

/// A file of it.
pub(super) fn text(file: &str) -> String {
    let path = directory().join(file);
    let text = fs::read_to_string(&path);
    text.unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

/// A file of it in YAML.
pub(super) fn yaml(file: &str) -> Value {
    serde_norway::from_str(&text(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// A copy of what Prometheus reads, with a token.
pub(super) fn copy() -> TempDir {
    let copy = TempDir::with_prefix("vitals-monitoring-").expect("cannot make a directory");
    fs::create_dir_all(copy.path().join("rules/tests")).expect("the directory is new");
    for file in [
        "prometheus.yml",
        "rules/recording.yml",
        "rules/alerts.yml",
        "rules/tests/checks.yml",
        "rules/tests/host.yml",
        "rules/tests/recording.yml",
    ] {
        let text = text(file).replace(CREDENTIALS, "metrics-token");
        fs::write(copy.path().join(file), text).expect("the directory is new");
    }
    fs::write(copy.path().join("metrics-token"), "a-token").expect("the directory is new");
    copy
}

/// Where the shipped Prometheus finds the token of the metrics.
pub(super) const CREDENTIALS: &str = "/run/secrets/metrics-token";

/// A text with others in the place of some of its parts, each of which has to be there.
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

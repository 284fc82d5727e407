//! Holds what a probe was answered against what may be true.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::Part;
use super::model::{Check, Model};
use super::versions::{Foundry, Version};
use vitals_servers::Response;

/// A page that probes ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Page {
    Health,
    Check(String),
    Plugins,
    Ready,
    Live,
    Startup,
    Tools,
    Metrics,
}

/// The newest version that one probe has seen of each check or plugin: nothing goes back.
#[derive(Debug, Default)]
pub(super) struct Memory(BTreeMap<String, Version>);

/// Knows what may be true.
pub(super) struct Judge<'a> {
    pub(super) model: &'a Model,
    pub(super) foundry: &'a Foundry,
    /// Whether the machine stood still, so that results may be too old and runs have had no time.
    pub(super) is_faint: bool,
    pub(super) without: &'a [Part],
}

impl Page {
    pub(super) fn path(&self) -> String {
        match self {
            Self::Check(name) => format!("/health/checks/{name}"),
            fixed => fixed.route().to_owned(),
        }
    }

    /// What a summary calls it.
    pub(super) fn route(&self) -> &'static str {
        match self {
            Self::Health => "/health",
            Self::Check(_) => "/health/checks/{name}",
            Self::Plugins => "/plugins",
            Self::Ready => "/health/ready",
            Self::Live => "/health/live",
            Self::Startup => "/health/startup",
            Self::Tools => "/health/tools",
            Self::Metrics => "/metrics",
        }
    }
}

impl Judge<'_> {
    /// What of an answer can't be true.
    pub(super) fn faults(
        &self,
        page: &Page,
        answer: &Response,
        memory: &mut Memory,
    ) -> Vec<String> {
        let status = answer.status;
        let is_expected = match page {
            Page::Ready => status == 200 || status == 503 && self.may_be_unready(),
            Page::Check(name) => status == 200 || status == 404 && self.may_be_away(name),
            _ => status == 200,
        };
        if !is_expected {
            return vec![format!("status {status}: {}", answer.text())];
        }
        if *page == Page::Metrics {
            return metrics(answer.text());
        }
        let Ok(body) = serde_json::from_str::<Value>(answer.text()) else {
            return vec![format!("no JSON: {}", answer.text())];
        };
        match page {
            Page::Health => self.health(&body, memory),
            Page::Check(_) if status == 404 => Vec::new(),
            Page::Check(name) => self.check_page(name, &body, memory),
            Page::Plugins => self.plugins(&body, memory),
            Page::Ready => {
                let (word, health) = (&body["status"], &body["health"]);
                let expected = if status == 200 { "ready" } else { "not_ready" };
                let is_so = word == expected && (status == 503) == (health == "unhealthy");
                differs(is_so, &body)
            }
            Page::Live => differs(body == json!({"status": "alive"}), &body),
            Page::Startup => differs(body.is_object(), &body),
            Page::Tools => {
                let none = json!({"flower": null, "grafana": null, "prometheus": null});
                differs(body == none, &body)
            }
            Page::Metrics => Vec::new(),
        }
    }

    fn may_be_unready(&self) -> bool {
        self.is_faint || self.model.may_be_unready()
    }

    fn may_be_away(&self, check: &str) -> bool {
        let check = self.model.checks.get(check);
        check.is_none_or(|check| check.may_be_away)
    }

    fn health(&self, body: &Value, memory: &mut Memory) -> Vec<String> {
        let Some(checks) = body["checks"].as_array() else {
            return vec![format!("there are no checks in {body}")];
        };
        let mut faults = Vec::new();
        if !body["timestamp"].is_string() {
            faults.push(format!("the timestamp is {}", body["timestamp"]));
        }
        let mut seen = BTreeSet::new();
        let mut versions: BTreeMap<&str, BTreeSet<Version>> = BTreeMap::new();
        for check in checks {
            let name = check["name"].as_str().unwrap_or_default();
            let keys = check.as_object().into_iter().flatten().map(|(key, _)| key);
            let shape: Vec<_> = keys.filter(|key| *key != "error").collect();
            if shape != SHAPE || !seen.insert(name) {
                faults.push(format!(
                    "no check has this shape, or it is there twice: {check}"
                ));
            }
            match self.model.checks.get(name) {
                None => faults.push(format!("nobody asked for check {name}: {check}")),
                Some(expected) => match self.check(name, expected, check, memory) {
                    Err(fault) => faults.push(fault),
                    Ok(None) => {}
                    Ok(Some(version)) => {
                        let all = versions.entry(&expected.plugin).or_default();
                        all.insert(version);
                    }
                },
            }
        }
        for (name, check) in &self.model.checks {
            if !check.may_be_away && !seen.contains(name.as_str()) {
                faults.push(format!("check {name} is missing"));
            }
        }
        for (plugin, versions) in versions {
            if versions.len() > 1 && !self.without.contains(&Part::Unity) {
                let versions: Vec<_> = versions.iter().map(ToString::to_string).collect();
                let versions = versions.join(", ");
                faults.push(format!("one answer has {versions} of plugin {plugin}"));
            }
        }
        faults.extend(self.verdict(&body["status"], checks));
        faults
    }

    /// The state of one check; answers the version that it shows.
    fn check(
        &self,
        name: &str,
        expected: &Check,
        check: &Value,
        memory: &mut Memory,
    ) -> Result<Option<Version>, String> {
        let message = check["message"].as_str().unwrap_or_default();
        let is_so = match check["status"].as_str() {
            Some("healthy") => {
                let Some(version) = Version::of_message(message) else {
                    return Err(format!("{name} says what no version says: {check}"));
                };
                let plugin = self.model.plugins.get(&expected.plugin);
                if plugin.is_none_or(|plugin| !plugin.versions.contains(&version)) {
                    return Err(format!("{name} shows {version}, which can't serve now"));
                }
                memory.newer(name, version)?;
                return Ok(Some(version));
            }
            Some("unknown") => {
                expected.may_be_new && check["checked_at"].is_null() && message == "not run yet"
            }
            Some("unhealthy") => expected.may_fail && check["error"]["code"] == "load",
            _ => false,
        };
        let is_excused =
            self.is_faint && (message == TOO_OLD || check["error"]["code"] == "timeout");
        if is_so || is_excused {
            Ok(None)
        } else {
            Err(format!("{name} can't be so now: {check}"))
        }
    }

    fn verdict(&self, verdict: &Value, checks: &[Value]) -> Option<String> {
        let of_checks = checks.iter().fold("healthy", |worst, check| {
            let name = check["name"].as_str().unwrap_or_default();
            let known = self.model.checks.get(name);
            match check["status"].as_str() {
                Some("healthy") => worst,
                Some("unhealthy") if known.is_none_or(|known| known.critical) => "unhealthy",
                _ if worst == "unhealthy" => worst,
                _ => "degraded",
            }
        });
        let is_so = verdict == of_checks
            || of_checks == "healthy" && verdict == "degraded" && self.model.is_directory_unsure;
        (!is_so).then(|| format!("the verdict is {verdict} where the checks are {of_checks}"))
    }

    /// Everything known of one check.
    fn check_page(&self, name: &str, page: &Value, memory: &mut Memory) -> Vec<String> {
        let Some(expected) = self.model.checks.get(name) else {
            return vec![format!("nobody asked for check {name}: {page}")];
        };
        let version = match self.check(name, expected, page, memory) {
            Ok(None) => return Vec::new(),
            Ok(Some(version)) => version,
            Err(fault) => return vec![fault],
        };
        let mut faults = Vec::new();
        let plugin = &page["plugin"];
        if plugin["name"] != *expected.plugin || page["critical"] != expected.critical {
            faults.push(format!("{name} has another plugin, or weight: {page}"));
        }
        faults.extend(self.not_of(version, plugin));
        faults
    }

    /// What of a plugin's facts is not that of this version.
    fn not_of(&self, version: Version, facts: &Value) -> Option<String> {
        let digest = self.foundry.digest(version).unwrap_or_default();
        let is_so = facts["version"] == version.described() && facts["digest"] == digest;
        (!is_so).then(|| format!("{version} has digest {digest}, and is shown as {facts}"))
    }

    fn plugins(&self, body: &Value, memory: &mut Memory) -> Vec<String> {
        let Some(plugins) = body["plugins"].as_array() else {
            return vec![format!("there are no plugins in {body}")];
        };
        let mut faults = Vec::new();
        if body["directory"]["readable"] != true && !self.model.is_directory_unsure {
            faults.push(format!("the directory is {}", body["directory"]));
        }
        let mut seen = BTreeSet::new();
        for plugin in plugins {
            let name = plugin["name"].as_str().unwrap_or_default();
            seen.insert(name);
            faults.extend(self.plugin(name, plugin, memory));
        }
        for (name, plugin) in &self.model.plugins {
            if !plugin.may_be_away && !seen.contains(name.as_str()) {
                faults.push(format!("plugin {name} is missing"));
            }
        }
        faults
    }

    fn plugin(&self, name: &str, plugin: &Value, memory: &mut Memory) -> Option<String> {
        let Some(expected) = self.model.plugins.get(name) else {
            return Some(format!("nobody asked for plugin {name}: {plugin}"));
        };
        if !plugin["last_error"].is_null() && !expected.may_be_refused {
            return Some(format!("nothing was to be refused of {name}: {plugin}"));
        }
        let described = plugin["version"].as_str().unwrap_or_default();
        let mut served = expected.versions.iter();
        match served.find(|version| version.described() == described) {
            Some(&version) => {
                let fault = self.not_of(version, plugin);
                fault.or_else(|| memory.newer(name, version).err())
            }
            None if expected.may_be_away && plugin["digest"].is_null() => None,
            None => Some(format!("{name} can't be so now: {plugin}")),
        }
    }
}

impl Memory {
    /// Notes what is seen of a check or plugin.
    fn newer(&mut self, name: &str, version: Version) -> Result<(), String> {
        let last = self.0.insert(name.to_owned(), version);
        match last {
            Some(last) if last > version => {
                Err(format!("{name} went back from {last} to {version}"))
            }
            _ => Ok(()),
        }
    }
}

fn differs(is_so: bool, body: &Value) -> Vec<String> {
    if is_so {
        Vec::new()
    } else {
        vec![format!("{body}")]
    }
}

fn metrics(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let series = text.lines().filter(|line| !line.starts_with('#'));
    for line in series {
        let value = line.rsplit_once(' ').map(|(_, value)| value.parse::<f64>());
        if !matches!(value, Some(Ok(_))) {
            faults.push(format!("no series of a metric: {line}"));
        }
        if line.starts_with("vitals_host_panics_total") && !line.ends_with(" 0") {
            faults.push(format!("the host panicked: {line}"));
        }
    }
    if !text.contains("vitals_build_info{") {
        faults.push("`vitals_build_info` is missing".to_owned());
    }
    faults
}

/// What a check says whose last run is too long ago.
const TOO_OLD: &str = "the last result is too old: the check has not run since";
/// The keys of a check in `GET /health`, by name, but for `error`.
const SHAPE: [&str; 6] = [
    "checked_at",
    "details",
    "latency_ms",
    "message",
    "name",
    "status",
];

#[cfg(test)]
mod tests;

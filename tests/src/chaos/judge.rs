//! Compares a response with what may be true.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Value, json};

use super::Part;
use super::metrics::samples;
use super::model::{Check, Model};
use super::versions::{Version, Versions};
use vitals_servers::Response;

/// A page that probes request.
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

/// Judges one response.
pub(super) struct Judge<'a> {
    pub(super) model: &'a Model,
    pub(super) versions: &'a Versions,
    /// Whether the machine stalled, so that results may be stale and runs too slow.
    pub(super) is_stalled: bool,
    pub(super) without: &'a [Part],
    pub(super) seen: &'a mut SeenVersions,
    pub(super) faults: Faults,
}

/// The newest version of each check or plugin that one probe has seen. None goes back.
pub(super) type SeenVersions = BTreeMap<String, Version>;

/// The rules that do not hold.
#[derive(Debug, Default)]
pub(super) struct Faults(pub(super) Vec<String>);

impl Faults {
    /// Adds a rule that does not hold.
    pub(super) fn require(&mut self, holds: bool, rule: &str, subject: impl fmt::Display) {
        if !holds {
            self.0.push(format!("{rule}: {subject}"));
        }
    }
}

impl Page {
    /// Its route, by which requests are counted.
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

    pub(super) fn path(&self) -> String {
        match self {
            Self::Check(name) => self.route().replace("{name}", name),
            _ => self.route().to_owned(),
        }
    }
}

impl Judge<'_> {
    /// What in a response cannot be true.
    pub(super) fn faults(mut self, page: &Page, response: &Response) -> Vec<String> {
        let (status, text) = (response.status, response.text());
        let other_status = match page {
            Page::Ready if self.is_stalled || self.model.may_be_unready() => 503,
            Page::Check(name) => {
                let check = self.model.checks.get(name);
                check.map_or(404, |check| if check.may_be_absent { 404 } else { 200 })
            }
            _ => 200,
        };
        if status != 200 && status != other_status {
            return vec![format!("status {status}: {text}")];
        }
        let body: Value = serde_json::from_str(text).unwrap_or_default();
        let is_page = match page {
            Page::Ready if status == 200 => {
                body["status"] == "ready" && body["health"] != "unhealthy"
            }
            Page::Ready => body["status"] == "not_ready" && body["health"] == "unhealthy",
            Page::Live => body == json!({"status": "alive"}),
            Page::Tools => body == json!({"flower": null, "grafana": null, "prometheus": null}),
            Page::Metrics => text.contains("vitals_build_info{"),
            _ => body.is_object(),
        };
        self.faults.require(is_page, "this is not the page", text);
        match page {
            Page::Health => self.health(&body),
            Page::Check(name) if status == 200 => self.check_page(name, &body),
            Page::Plugins => self.plugins(&body),
            Page::Metrics => self.metrics(text),
            _ => {}
        }
        self.faults.0
    }

    fn health(&mut self, body: &Value) {
        let (model, mut verdict) = (self.model, "healthy");
        let mut versions = BTreeMap::<&str, BTreeSet<Version>>::new();
        let checks = self.listed(&body["checks"], &model.checks, |it| it.may_be_absent);
        for (name, expected, check) in checks {
            let keys = check.as_object().into_iter().flatten().map(|(key, _)| key);
            let has_keys = keys.filter(|key| *key != "error").eq(KEYS);
            self.faults.require(has_keys, "other keys", check);
            if let Some(version) = self.check(name, expected, check) {
                let of_plugin = versions.entry(&expected.plugin).or_default();
                of_plugin.insert(version);
            }
            verdict = match check["status"].as_str() {
                Some("healthy") => verdict,
                Some("unhealthy") if expected.critical => "unhealthy",
                _ if verdict == "unhealthy" => verdict,
                _ => "degraded",
            };
        }
        let status = &body["status"];
        let may_degrade = verdict == "healthy" && model.directory_may_be_absent;
        let is_verdict = status == verdict || may_degrade && status == "degraded";
        let is_one = versions.values().all(|versions| versions.len() == 1);
        let is_unity = is_one || self.without.contains(&Part::Unity);
        let is_timed = body["timestamp"].is_string();
        self.faults.require(is_verdict, "not the verdict", body);
        self.faults
            .require(is_unity, "two versions of a plugin", body);
        self.faults.require(is_timed, "no timestamp", body);
    }

    fn check_page(&mut self, name: &str, page: &Value) {
        let expected = self.model.checks.get(name);
        let is_expected = expected.is_some();
        self.faults.require(is_expected, "not expected", page);
        let Some(expected) = expected else { return };
        if let Some(version) = self.check(name, expected, page) {
            let is_plugin = page["plugin"]["name"] == *expected.plugin;
            let is_weight = page["critical"] == expected.critical;
            self.faults.require(is_plugin, "another plugin", page);
            self.faults.require(is_weight, "another weight", page);
            self.file(version, &page["plugin"]);
        }
    }

    fn plugins(&mut self, body: &Value) {
        let (model, directory) = (self.model, &body["directory"]);
        let is_right = directory["readable"] == true || model.directory_may_be_absent;
        self.faults.require(is_right, "unreadable", directory);
        let plugins = self.listed(&body["plugins"], &model.plugins, |it| it.may_be_absent);
        for (name, expected, plugin) in plugins {
            let mut versions = expected.versions.iter();
            let version = versions.find(|version| plugin["version"] == version.described());
            let may_be_unloaded = expected.may_be_absent && plugin["digest"].is_null();
            let may_be = version.is_some() || may_be_unloaded;
            let may_fail = plugin["last_error"].is_null() || expected.may_be_rejected;
            self.faults.require(may_be, "may not serve", plugin);
            self.faults.require(may_fail, "may not be rejected", plugin);
            if let Some(version) = version {
                self.file(*version, plugin);
                self.see(name, *version);
            }
        }
    }

    fn metrics(&mut self, text: &str) {
        for (series, value) in samples(text) {
            let is_panics = series.starts_with("vitals_host_panics_total");
            let has_panicked = is_panics && value != Some(0.0);
            self.faults.require(value.is_some(), "no sample", series);
            self.faults
                .require(!has_panicked, "the host panicked", series);
        }
    }

    /// Judges the state of a check, and returns the version that it shows.
    fn check(&mut self, name: &str, expected: &Check, check: &Value) -> Option<Version> {
        let message = check["message"].as_str().unwrap_or_default();
        let code = &check["error"]["code"];
        let status = check["status"].as_str().unwrap_or_default();
        let version = Version::of_message(message).filter(|_| status == "healthy");
        let plugin = self.model.plugins.get(&expected.plugin);
        let is_new = check["checked_at"].is_null() && message == "not run yet";
        let may_be = match (status, version) {
            ("healthy", Some(version)) => plugin.is_some_and(|it| it.versions.contains(&version)),
            ("unknown", _) => expected.may_be_new && is_new,
            ("unhealthy", _) => expected.may_fail && code == "load",
            _ => false,
        };
        let is_excused = self.is_stalled && (message == STALE || code == "timeout");
        let is_state = may_be || is_excused;
        self.faults.require(is_state, "wrong state", check);
        version.inspect(|version| self.see(name, *version))
    }

    /// Requires that no version of a check or plugin goes back.
    fn see(&mut self, name: &str, version: Version) {
        let last = self.seen.insert(name.to_owned(), version);
        let is_later = last.is_none_or(|last| last <= version);
        let subject = format_args!("{name} from {last:?} to {version:?}");
        self.faults
            .require(is_later, "a version went back", subject);
    }

    /// Judges what is shown about the file of a version.
    fn file(&mut self, version: Version, file: &Value) {
        let digest = self.versions.digest(version).unwrap_or_default();
        let is_file = file["version"] == version.described() && file["digest"] == digest;
        let subject = format_args!("{version:?} {digest} {file}");
        self.faults.require(is_file, "another file", subject);
    }

    /// Judges the names in a list, and returns the entries that are expected.
    fn listed<'v, E>(
        &mut self,
        list: &'v Value,
        expected: &'v BTreeMap<String, E>,
        may_be_absent: impl Fn(&E) -> bool,
    ) -> Vec<(&'v str, &'v E, &'v Value)> {
        let (mut names, mut known) = (BTreeSet::new(), Vec::new());
        for entry in list.as_array().into_iter().flatten() {
            let name = entry["name"].as_str().unwrap_or_default();
            let (is_first, found) = (names.insert(name), expected.get(name));
            self.faults.require(is_first, "listed twice", entry);
            self.faults.require(found.is_some(), "not expected", entry);
            known.extend(found.map(|found| (name, found, entry)));
        }
        for (name, entry) in expected {
            let is_right = names.contains(name.as_str()) || may_be_absent(entry);
            self.faults.require(is_right, "missing", name);
        }
        known
    }
}

/// The message of a check whose last run is too long ago.
const STALE: &str = "the last result is too old: the check has not run since";
/// The keys of a check in `GET /health`, except for `error`.
const KEYS: [&str; 6] = [
    "checked_at",
    "details",
    "latency_ms",
    "message",
    "name",
    "status",
];

#[cfg(test)]
mod tests;

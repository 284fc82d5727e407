//! Reads one `[checks.NAME]` table, with the values of `[defaults]` where it has none.

use super::schedule::validate_schedule;
use crate::checks::{Allow, CheckConfig, Defaults, Schedule, Settings};
use crate::decode::decode;
use crate::diagnostic::Diagnostic;
use crate::diagnostics_collector::DiagnosticsCollector;
use crate::raw::{RawCheck, RawLimits};
use crate::settings::to_settings;
use crate::tree::{KeyPath, Node, Value};
use vitals_model::{CheckName, Limits};

/// Reads one `[checks.NAME]` table.
pub(super) struct CheckReader<'a> {
    pub(super) root: &'a Node,
    pub(super) name: &'a str,
    pub(super) node: &'a Node,
    pub(super) path: KeyPath<'a>,
    pub(super) defaults: &'a Defaults,
    pub(super) collector: &'a DiagnosticsCollector,
}

impl CheckReader<'_> {
    pub(super) fn read(&self, diagnostics: Vec<Diagnostic>) -> Option<(CheckName, CheckConfig)> {
        let (node, path) = (self.node, &self.path);
        let name = self.name();
        let before = self.collector.len();
        let raw: RawCheck = decode(node, path, self.collector)?;
        let schedule = self.schedule(&raw);
        if self.collector.len() == before {
            self.validate(&raw, &schedule);
        }
        let config = node.find(&["config"]).filter(|_| raw.config.is_some());
        let settings = match config {
            Some(config) => to_settings(config, &KeyPath::Key(path, "config"), diagnostics),
            None => Ok(Settings::default()),
        };
        let check = CheckConfig {
            plugin: raw.plugin,
            schedule,
            limits: limits(&raw.limits, &self.defaults.limits),
            sha256: raw.sha256,
            dir: raw.dir.unwrap_or(self.defaults.dir),
            enabled: raw.enabled.unwrap_or(true),
            allow: located(raw.allow, node),
            roots: raw.tls.roots,
            settings,
            location: node.location.clone(),
        };
        Some((name?, check))
    }

    /// Returns the name of the check, if a check of the file can have it.
    fn name(&self) -> Option<CheckName> {
        let problem = match self.name.parse::<CheckName>() {
            Ok(parsed) => match self.name.strip_prefix("module:") {
                None => return Some(parsed),
                Some(plugin) => format!(
                    "it is the name of a plugin that runs by itself: choose another name, and set \
                     `plugin = \"{plugin}\"` in the check"
                ),
            },
            Err(error) => error.to_string(),
        };
        let (path, location) = (&self.path, self.node.location.clone());
        let message = format!("`[{path}]` cannot be the table of a check: {problem}");
        self.collector
            .report_at(location, path.to_string(), message);
        None
    }

    fn schedule(&self, raw: &RawCheck) -> Schedule {
        let defaults = &self.defaults.schedule;
        let interval = raw.interval.map_or(defaults.interval, |period| period.0);
        let retry = match self.root.find(&["defaults", "retry_interval"]) {
            Some(_) => defaults.retry_interval,
            None => interval,
        };
        Schedule {
            interval,
            timeout: raw.timeout.map_or(defaults.timeout, |period| period.0),
            critical: raw.critical.unwrap_or(defaults.critical),
            fall: raw.fall.map_or(defaults.fall, Into::into),
            rise: raw.rise.map_or(defaults.rise, Into::into),
            retry_interval: raw.retry_interval.map_or(retry, |period| period.0),
            trial: raw.trial.unwrap_or(defaults.trial),
            notify: raw.notify.unwrap_or(defaults.notify),
        }
    }

    /// Validates the keys of a check against each other.
    fn validate(&self, raw: &RawCheck, schedule: &Schedule) {
        let (name, path, collector) = (self.name, &self.path, self.collector);
        let own = |key: &str| self.node.find(&[key]).map(|node| &node.location);
        let inherited = |key: &str| self.root.find(&["defaults", key]).is_some();
        let durations = ["interval", "timeout", "retry_interval"];
        if durations.iter().any(|key| own(key).is_some()) {
            let whose = format!("of check `{name}`");
            validate_schedule(schedule, &whose, path, &own, &inherited, collector);
        }
        if raw.plugin.is_some() {
            return;
        }
        for key in ["config", "dir", "sha256", "allow", "limits", "tls"] {
            if let Some(node) = self.node.find(&[key]) {
                let message =
                    format!("`{key}` of check `{name}` needs a plugin, and the check names none");
                let remedy = format!("set `plugin = \"…\"`, or remove `{key}`");
                collector.report(node, &KeyPath::Key(path, key), message, remedy);
            }
        }
    }
}

fn limits(raw: &RawLimits, defaults: &Limits) -> Limits {
    Limits {
        fuel: raw.fuel.map_or(defaults.fuel, Into::into),
        memory: raw.memory.map_or(defaults.memory, Into::into),
        output: raw.output.map_or(defaults.output, Into::into),
        connections: raw.connections.map_or(defaults.connections, Into::into),
        http_body: raw.http_body.map_or(defaults.http_body, Into::into),
    }
}

/// Adds where the entries are written.
fn located(mut allow: Allow, check: &Node) -> Allow {
    let lists = check.find(&["allow"]).and_then(Node::table);
    for (key, list) in lists.into_iter().flatten() {
        if let (Some(entries), Value::List(items)) = (allow.entries_mut(key), &list.value) {
            for (entry, item) in entries.iter_mut().zip(items) {
                entry.location = item.location.clone();
            }
        }
    }
    allow
}

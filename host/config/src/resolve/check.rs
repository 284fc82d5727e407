//! Reads one `[checks.NAME]` table, with the values of `[defaults]` where it has none.

use super::schedule::validate_schedule;
use crate::checks::{Allow, AllowEntry, CheckConfig, Defaults, Schedule, Settings};
use crate::decode::decode;
use crate::diagnostic::{Diagnostic, Location};
use crate::diagnostics_collector::DiagnosticsCollector;
use crate::raw::{RawAllow, RawCheck, RawLimits};
use crate::settings::to_settings;
use crate::tree::{KeyPath, Node, Value};
use vitals_model::CheckName;
use vitals_model::Limits;

/// Reads one `[checks.NAME]` table.
pub(super) struct CheckReader<'a> {
    pub(super) name: &'a str,
    pub(super) node: &'a Node,
    pub(super) defaults: &'a Defaults,
    pub(super) collector: &'a DiagnosticsCollector,
}

impl CheckReader<'_> {
    pub(super) fn read(
        &self,
        root: &Node,
        diagnostics: Vec<Diagnostic>,
    ) -> Option<(CheckName, CheckConfig)> {
        let Self {
            name,
            node,
            collector,
            ..
        } = *self;
        let checks = KeyPath::Key(&KeyPath::Top, "checks");
        let path = KeyPath::Key(&checks, name);
        let name = self.name(&path);
        let before = collector.len();
        let raw: RawCheck = decode(node, &path, collector)?;
        let retry = root.find(&["defaults", "retry_interval"]).is_some();
        let schedule = self.schedule(&raw, retry);
        if collector.len() == before {
            self.validate(&raw, &schedule, &path, root);
        }
        let config = node.find(&["config"]).filter(|_| raw.config.is_some());
        let settings = match config {
            Some(config) => to_settings(config, &KeyPath::Key(&path, "config"), diagnostics),
            None => Ok(Settings::default()),
        };
        let check = CheckConfig {
            plugin: raw.plugin,
            schedule,
            limits: limits(&raw.limits, &self.defaults.limits),
            sha256: raw.sha256,
            dir: raw.dir.unwrap_or(self.defaults.dir),
            enabled: raw.enabled.unwrap_or(true),
            allow: allow(raw.allow, node),
            roots: raw.tls.roots,
            settings,
            location: node.location.clone(),
        };
        Some((name?, check))
    }

    /// Returns the name of the check, if a check of the file can have it.
    fn name(&self, path: &KeyPath<'_>) -> Option<CheckName> {
        let Self {
            name,
            node,
            collector,
            ..
        } = *self;
        let problem = match name.parse::<CheckName>() {
            Ok(parsed) => match name.strip_prefix("module:") {
                None => return Some(parsed),
                Some(plugin) => format!(
                    "it is the name of a plugin that runs by itself: choose another name, and set \
                     `plugin = \"{plugin}\"` in the check"
                ),
            },
            Err(error) => error.to_string(),
        };
        let message = format!("`[{path}]` cannot be the table of a check: {problem}");
        collector.report_at(node.location.clone(), path.to_string(), message);
        None
    }

    fn schedule(&self, raw: &RawCheck, retry_by_default: bool) -> Schedule {
        let defaults = &self.defaults.schedule;
        let interval = raw.interval.map_or(defaults.interval, |period| period.0);
        let retry = if retry_by_default {
            defaults.retry_interval
        } else {
            interval
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
    fn validate(&self, raw: &RawCheck, schedule: &Schedule, path: &KeyPath<'_>, root: &Node) {
        let Self {
            name,
            node,
            collector,
            ..
        } = *self;
        let own = |key: &str| node.find(&[key]).map(|node| &node.location);
        let inherited = |key: &str| root.find(&["defaults", key]).map(|node| &node.location);
        if ["interval", "timeout", "retry_interval"]
            .iter()
            .any(|key| own(key).is_some())
        {
            let whose = format!("of check `{name}`");
            validate_schedule(
                schedule,
                &whose,
                &path.to_string(),
                &own,
                &inherited,
                collector,
            );
        }
        if raw.plugin.is_none() {
            for key in ["config", "dir", "sha256", "allow", "limits", "tls"] {
                if let Some(node) = node.find(&[key]) {
                    let message = format!(
                        "`{key}` of check `{name}` needs a plugin, and the check names none"
                    );
                    let remedy = format!("set `plugin = \"…\"`, or remove `{key}`");
                    collector.report(node, &KeyPath::Key(path, key), message, remedy);
                }
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

fn allow(raw: RawAllow, check: &Node) -> Allow {
    let entries = |key: &str, texts: Vec<String>| {
        let items = match check.find(&["allow", key]).map(|node| &node.value) {
            Some(Value::List(items)) => items.as_slice(),
            _ => &[],
        };
        let places = items.iter().map(|item| &item.location);
        let entry = |(text, location): (String, &Location)| AllowEntry {
            text,
            location: location.clone(),
        };
        texts.into_iter().zip(places).map(entry).collect()
    };
    Allow {
        http: entries("http", raw.http),
        tcp: entries("tcp", raw.tcp),
        udp: entries("udp", raw.udp),
        tls: entries("tls", raw.tls),
        names: entries("names", raw.names),
        files: entries("files", raw.files),
        env: entries("env", raw.env),
        system: entries("system", raw.system),
    }
}

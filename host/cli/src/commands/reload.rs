//! `vitals reload`: reloads configuration and plugins of a running host, and prints the changes.
//!
//! This file formats the report of the host, for the command and for the log.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use reqwest::Method;
use vitals_host::check::{CheckName, Text};
use vitals_host::reload::{ConfigurationState, PluginOutcome, PluginReload, ReloadReport};

use super::client::HostOptions;
use super::output::{Format, NO_RESPONSE, REJECTED, fail_with, print};

#[derive(Debug, Args)]
pub(crate) struct Reload {
    #[command(flatten)]
    host: HostOptions,
    /// Lets a new plugin file widen the grants of this check, for this reload only. May be
    /// repeated.
    #[arg(long, value_name = "CHECK")]
    accept_grants: Vec<CheckName>,
    /// Output format.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Reload {
    pub(crate) async fn run(self, file: Option<PathBuf>) -> Result<ExitCode, ExitCode> {
        let report = self.reload(file).await;
        let report = report.map_err(|error| fail_with(NO_RESPONSE, &error))?;
        let is_rejected = report.has_rejections();
        Ok(ExitCode::from(if is_rejected { REJECTED } else { 0 }))
    }

    async fn reload(self, file: Option<PathBuf>) -> Result<ReloadReport, String> {
        let client = self.host.client(file)?;
        let parameters: Vec<_> = self
            .accept_grants
            .iter()
            .map(|check| ("accept_grants", check.as_str()))
            .collect();
        // Without a timeout, because compilations have limits of their own.
        let response = client
            .request(Method::POST, "-/reload", &parameters, None)
            .await?;
        let report: ReloadReport = serde_json::from_value(response.clone()).map_err(|error| {
            format!(
                "the host has reloaded, but its response cannot be read: {error}; use the `vitals` \
                 of the version that the host runs"
            )
        })?;
        print(&match self.format {
            Format::Json => format!("{response:#}"),
            Format::Text if report.is_empty() => NO_CHANGES.into(),
            Format::Text => lines(&report).join("\n"),
        });
        Ok(report)
    }
}

/// Formats changes and rejections on one line.
pub(super) fn summary(report: &ReloadReport) -> String {
    let mut lines = lines(report);
    let more = lines.len().saturating_sub(MAX_SUMMARY_LINES);
    lines.truncate(MAX_SUMMARY_LINES);
    match (lines.is_empty(), more) {
        (true, _) => NO_CHANGES.into(),
        (false, 0) => lines.join("; "),
        (false, more) => format!("{}; and {more} more", lines.join("; ")),
    }
}

/// Formats one line for each change and each rejection.
fn lines(report: &ReloadReport) -> Vec<String> {
    let ReloadReport {
        configuration,
        checks,
        plugins,
        problems,
        ..
    } = report;
    let mut lines = Vec::new();
    match configuration.state {
        ConfigurationState::Unchanged => {}
        ConfigurationState::Applied => lines.push("configuration: applied".to_owned()),
        ConfigurationState::Rejected => {
            lines.push("configuration: rejected, the previous one stays in force".to_owned());
        }
    }
    let error = |error: &String| format!("configuration: {error}");
    lines.extend(configuration.errors.iter().map(error));
    let restart = |key: &String| format!("configuration: `{key}` needs a restart");
    lines.extend(configuration.restart_needed.iter().map(restart));
    for (names, change) in [
        (&checks.added, "added"),
        (&checks.changed, "changed"),
        (&checks.removed, "removed"),
    ] {
        lines.extend(names.iter().map(|name| format!("check {name}: {change}")));
    }
    lines.extend(plugins.iter().map(plugin));
    lines.extend(problems.iter().cloned());
    // The server may be any server.
    let sanitize = |line: String| Text::line(&line, MAX_LINE_BYTES).into();
    lines.into_iter().map(sanitize).collect()
}

fn plugin(plugin: &PluginReload) -> String {
    let PluginReload {
        name,
        outcome,
        version,
        digest,
        generation,
        error,
        ..
    } = plugin;
    let version = version.as_deref().filter(|version| !version.is_empty());
    let version = version.map_or_else(
        || "without a version".to_owned(),
        |version| format!("version {version}"),
    );
    let is_active = digest.is_some();
    let digest: String = digest.iter().flat_map(|it| it.chars()).take(12).collect();
    let error = error.as_deref().unwrap_or("the host gives no reason");
    match outcome {
        PluginOutcome::Loaded => {
            format!("plugin {name}: loaded, {version}, generation {generation}, sha256 {digest}")
        }
        PluginOutcome::Rejected if is_active => {
            format!(
                "plugin {name}: rejected, generation {generation} ({version}) stays active: {error}"
            )
        }
        PluginOutcome::Rejected => {
            format!("plugin {name}: rejected, no version is active: {error}")
        }
        PluginOutcome::Removed => format!("plugin {name}: removed"),
    }
}

const NO_CHANGES: &str = "no changes";
/// The number of bytes of a line. An error of the configuration can quote any text.
const MAX_LINE_BYTES: usize = 4096;
/// The number of changes in one line of the log.
const MAX_SUMMARY_LINES: usize = 20;

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// The report with these parts. The others are as in a reload without changes.
    fn report(parts: &Value) -> ReloadReport {
        let mut report = serde_json::to_value(ReloadReport::default()).unwrap();
        for (name, part) in parts.as_object().unwrap() {
            report[name] = part.clone();
        }
        serde_json::from_value(report).unwrap()
    }

    fn plugin(name: &str, outcome: &str, error: Option<&str>) -> Value {
        json!({
            "name": name, "outcome": outcome, "version": "1.2.0", "digest": "5f".repeat(32),
            "generation": 3, "error": error,
        })
    }

    #[test]
    fn each_change_and_each_rejection_has_a_line() {
        let mut inactive = plugin("redis", "rejected", Some("it is empty"));
        inactive["version"] = Value::Null;
        inactive["digest"] = Value::Null;
        let report = report(&json!({
            "configuration": {
                "state": "applied", "errors": [], "restart_needed": ["server.listen"],
            },
            "checks": {
                "added": ["orders", "users"], "changed": ["module:billing"], "removed": ["old"],
            },
            "plugins": [
                plugin("http", "loaded", None),
                plugin("tcp", "rejected", Some("it is\na \u{1b}[31mmodule")),
                inactive,
                plugin("udp", "removed", None),
            ],
            "problems": ["there is no check `orderz` whose grants could be accepted"],
        }));
        let expected = [
            "configuration: applied",
            "configuration: `server.listen` needs a restart",
            "check orders: added",
            "check users: added",
            "check module:billing: changed",
            "check old: removed",
            "plugin http: loaded, version 1.2.0, generation 3, sha256 5f5f5f5f5f5f",
            "plugin tcp: rejected, generation 3 (version 1.2.0) stays active: it is a [31mmodule",
            "plugin redis: rejected, no version is active: it is empty",
            "plugin udp: removed",
            "there is no check `orderz` whose grants could be accepted",
        ];
        assert_eq!(lines(&report), expected);
        assert_eq!(summary(&report), expected.join("; "));
    }

    #[test]
    fn a_rejected_configuration_has_a_line_for_each_error() {
        let report = report(&json!({
            "configuration": {
                "state": "rejected", "errors": ["vitals.toml:3: `serve` is no key"],
                "restart_needed": [],
            },
        }));
        let expected = [
            "configuration: rejected, the previous one stays in force",
            "configuration: vitals.toml:3: `serve` is no key",
        ];
        assert_eq!(lines(&report), expected);
    }

    #[test]
    fn the_summary_is_bounded() {
        assert_eq!(summary(&ReloadReport::default()), "no changes");
        let problems: Vec<_> = (0..1000)
            .map(|number| format!("problem {number}"))
            .collect();
        let report = report(&json!({ "problems": problems }));
        let summary = summary(&report);
        assert!(summary.ends_with("problem 19; and 980 more"), "{summary}");
    }
}

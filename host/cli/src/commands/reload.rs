//! `vitals reload`: lets a running host look at files and configuration, and says what changed.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use reqwest::Method;
use vitals_host::check::{CheckName, Text};
use vitals_host::reload::{ConfigurationState, PluginOutcome, PluginReload, ReloadReport};

use super::format::Format;
use super::output::{complain, print};
use super::running::Running;
use super::status::{NOT_ASKED, REFUSED};

#[derive(Debug, Args)]
pub(crate) struct ReloadNow {
    #[command(flatten)]
    host: Running,
    /// Lets new plugin files give this check more than the ones before did, this once. May be
    /// repeated.
    #[arg(long, value_name = "CHECK")]
    accept_grants: Vec<CheckName>,
    /// How to print what changed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl ReloadNow {
    pub(crate) async fn run(self, file: Option<PathBuf>) -> ExitCode {
        match self.ask(file).await {
            Ok(reload) if reload.has_rejections() => ExitCode::from(REFUSED),
            Ok(_) => ExitCode::SUCCESS,
            Err(why) => {
                complain(&why);
                ExitCode::from(NOT_ASKED)
            }
        }
    }

    async fn ask(self, file: Option<PathBuf>) -> Result<ReloadReport, String> {
        let door = self.host.find(file)?;
        let parameters: Vec<_> = self
            .accept_grants
            .iter()
            .map(|check| ("accept_grants", check.as_str()))
            .collect();
        // As long as it takes: compilations have limits of their own.
        let answer = door
            .ask(Method::POST, "-/reload", &parameters, None)
            .await?;
        let reload: ReloadReport = serde_json::from_value(answer.clone()).map_err(|error| {
            format!(
                "the host has reloaded, and this version can't read what it answered: {error}; is \
                 it of another version?"
            )
        })?;
        print(&match self.format {
            Format::Json => format!("{answer:#}"),
            Format::Text if reload.is_empty() => NOTHING.into(),
            Format::Text => lines(&reload).join("\n"),
        });
        Ok(reload)
    }
}

/// What changed and what was refused, on one line.
pub(super) fn summary(reload: &ReloadReport) -> String {
    let mut lines = lines(reload);
    let more = lines.len().saturating_sub(SUMMARY_LINES);
    lines.truncate(SUMMARY_LINES);
    match (lines.is_empty(), more) {
        (true, _) => NOTHING.into(),
        (false, 0) => lines.join("; "),
        (false, more) => format!("{}; and {more} more", lines.join("; ")),
    }
}

/// One line for each change and each refusal.
fn lines(reload: &ReloadReport) -> Vec<String> {
    let ReloadReport {
        configuration,
        checks,
        plugins,
        problems,
    } = reload;
    let mut lines = Vec::new();
    match configuration.state {
        ConfigurationState::Unchanged => {}
        ConfigurationState::Applied => lines.push("configuration: taken over".to_owned()),
        ConfigurationState::Rejected => {
            lines.push("configuration: refused, the one before it still holds".to_owned());
        }
    }
    let error = |error: &String| format!("configuration: {error}");
    lines.extend(configuration.errors.iter().map(error));
    let restart = |key: &String| format!("configuration: `{key}` needs a restart");
    lines.extend(configuration.restart_needed.iter().map(restart));
    for (names, what) in [
        (&checks.added, "is new"),
        (&checks.changed, "has changed"),
        (&checks.removed, "is gone"),
    ] {
        lines.extend(names.iter().map(|name| format!("check {name}: {what}")));
    }
    lines.extend(plugins.iter().map(plugin));
    lines.extend(problems.iter().cloned());
    // They come from a server, which need not be the one that was meant.
    let clean = |line: String| Text::line(&line, LINE_BYTES).into();
    lines.into_iter().map(clean).collect()
}

fn plugin(plugin: &PluginReload) -> String {
    let PluginReload {
        name,
        outcome,
        version,
        digest,
        generation,
        error,
    } = plugin;
    let version = version.as_deref().filter(|version| !version.is_empty());
    let version = version.map_or_else(
        || "without a version".to_owned(),
        |version| format!("version {version}"),
    );
    let is_served = digest.is_some();
    let digest: String = digest.iter().flat_map(|it| it.chars()).take(12).collect();
    let why = error.as_deref().unwrap_or("the host does not say why");
    match outcome {
        PluginOutcome::Loaded => {
            format!("plugin {name}: loaded, {version}, generation {generation}, sha256 {digest}")
        }
        PluginOutcome::Rejected if is_served => {
            format!(
                "plugin {name}: refused, and generation {generation} ({version}) serves on: {why}"
            )
        }
        PluginOutcome::Rejected => format!("plugin {name}: refused, and there is no other: {why}"),
        PluginOutcome::Removed => format!("plugin {name}: gone"),
    }
}

const NOTHING: &str = "nothing has changed";
/// The longest line; a configuration names whatever is wrong with it.
const LINE_BYTES: usize = 4096;
/// How much of it fits into one line of a log.
const SUMMARY_LINES: usize = 20;

#[cfg(test)]
mod tests {
    use vitals_host::reload::{CheckChanges, ConfigurationReload};

    use super::*;

    fn plugin(name: &str, outcome: PluginOutcome) -> PluginReload {
        PluginReload {
            name: name.into(),
            outcome,
            version: Some("1.2.0".into()),
            digest: Some("5f".repeat(32)),
            generation: 3,
            error: None,
        }
    }

    #[test]
    fn each_change_and_each_refusal_has_a_line() {
        let names = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect();
        let reload = ReloadReport {
            configuration: ConfigurationReload {
                state: ConfigurationState::Applied,
                errors: vec![],
                restart_needed: vec!["server.listen".into()],
            },
            checks: CheckChanges {
                added: names(&["orders", "users"]),
                changed: names(&["module:billing"]),
                removed: names(&["old"]),
            },
            plugins: vec![
                plugin("http", PluginOutcome::Loaded),
                PluginReload {
                    error: Some("it is\na \u{1b}[31mmodule".into()),
                    ..plugin("tcp", PluginOutcome::Rejected)
                },
                PluginReload {
                    version: None,
                    digest: None,
                    error: Some("it is empty".into()),
                    ..plugin("redis", PluginOutcome::Rejected)
                },
                plugin("udp", PluginOutcome::Removed),
            ],
            problems: vec!["there is no check `orderz` whose grants could be accepted".into()],
        };
        let expected = [
            "configuration: taken over",
            "configuration: `server.listen` needs a restart",
            "check orders: is new",
            "check users: is new",
            "check module:billing: has changed",
            "check old: is gone",
            "plugin http: loaded, version 1.2.0, generation 3, sha256 5f5f5f5f5f5f",
            "plugin tcp: refused, and generation 3 (version 1.2.0) serves on: it is a [31mmodule",
            "plugin redis: refused, and there is no other: it is empty",
            "plugin udp: gone",
            "there is no check `orderz` whose grants could be accepted",
        ];
        assert_eq!(lines(&reload), expected);
        assert_eq!(summary(&reload), expected.join("; "));
    }

    #[test]
    fn a_refused_configuration_says_what_is_wrong_with_it() {
        let reload = ReloadReport {
            configuration: ConfigurationReload {
                state: ConfigurationState::Rejected,
                errors: vec!["vitals.toml:3: `serve` is no key".into()],
                restart_needed: vec![],
            },
            ..ReloadReport::default()
        };
        let expected = [
            "configuration: refused, the one before it still holds",
            "configuration: vitals.toml:3: `serve` is no key",
        ];
        assert_eq!(lines(&reload), expected);
    }

    #[test]
    fn a_line_of_the_log_has_an_end() {
        assert_eq!(summary(&ReloadReport::default()), "nothing has changed");
        let reload = ReloadReport {
            problems: (0..1000)
                .map(|number| format!("problem {number}"))
                .collect(),
            ..ReloadReport::default()
        };
        let summary = summary(&reload);
        assert!(summary.ends_with("problem 19; and 980 more"), "{summary}");
    }
}

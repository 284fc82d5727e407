//! The sink that writes the log: one line for each event that matters to an operator.
//!
//! Names, codes and digests are written as they are. All other text is a string field, which the
//! text format quotes and escapes, so that no text can forge a field.

use std::path::Path;

use tracing::field::display;

use vitals_core::events::{
    ConfigurationApplied, Event, PluginLoaded, PluginRejected, Sink, Transition,
};
use vitals_core::schedule::FinishedRun;
use vitals_model::reload::CheckChanges;
use vitals_model::{CheckName, Code, Digest, Status, Text, shown_path};

/// Writes events to the log.
pub struct EventLog;

impl Sink for EventLog {
    fn on(&self, event: &Event<'_>) {
        match event {
            Event::RunFinished { run, .. } => run_finished(run),
            Event::Transition(transition) => log_transition(transition),
            Event::RunsSkipped {
                check,
                reason,
                count,
            } => tracing::debug!(%check, reason = reason.as_str(), count, "runs skipped"),
            Event::PluginLoaded(loaded) => plugin_loaded(loaded),
            Event::PluginRejected(rejected) => plugin_rejected(rejected),
            Event::PluginRecovered {
                plugin,
                version,
                digest,
            } => tracing::info!(
                %plugin, %version, digest = %digest.short(),
                "plugin file holds the active version again"
            ),
            Event::PluginMoved {
                plugin,
                from,
                to,
                path,
            } => tracing::warn!(
                %plugin, from, to, path = shown_path(path).as_str(),
                "plugin is loaded from another directory"
            ),
            Event::PluginRemoved { plugin } => tracing::info!(%plugin, "plugin removed"),
            Event::ConfigurationApplied(applied) => configuration_applied(applied),
            Event::ConfigurationRejected { path, errors } => {
                configuration_rejected(*path, errors);
            }
            // Panics and hangs are logged where they are contained, with the details known there.
            Event::HostPanicked { .. }
            | Event::FileSystemHung
            | Event::CheckUpserted { .. }
            | Event::CheckRemoved { .. }
            | Event::RunWaited { .. } => {}
        }
    }
}

fn run_finished(run: &FinishedRun) {
    let report = &run.report;
    tracing::debug!(
        check = %run.check,
        found = report.outcome.status().as_str(),
        code = report.error.as_ref().map(|error| error.code).map(Code::as_str),
        elapsed_ms = report.elapsed.as_secs_f64() * 1e3,
        "run finished"
    );
}

fn log_transition(transition: &Transition<'_>) {
    let (check, report) = (transition.check, transition.report);
    let from = display(transition.before.map_or("new", Status::as_str));
    let to = display(transition.status.as_str());
    let failures = transition.consecutive_failures;
    let failures = (failures > 0).then_some(failures);
    let error = report.error.as_ref();
    let code = error.map(|error| display(error.code.as_str()));
    let error = error.map(|error| error.message.as_str());
    let said = Some(report.outcome.message().as_str());
    // The message of a run that ended with an error is the text of the error.
    let said = said.filter(|said| !said.is_empty() && Some(*said) != error);
    let facts = transition.facts.and_then(|facts| facts.plugin.as_ref());
    let plugin = facts.map(|plugin| display(&plugin.name));
    let version = facts.and_then(|plugin| plugin.version.as_ref().map(display));
    let digest = facts.and_then(|plugin| plugin.digest.as_ref().map(Digest::short).map(display));
    macro_rules! line {
        ($level:ident, $message:literal) => {
            tracing::$level!(
                %check, from, to, failures, code, error, said, plugin, version, digest, $message
            )
        };
    }
    match transition.status {
        Status::Healthy => line!(info, "check is healthy"),
        Status::Degraded => line!(warn, "check is degraded"),
        Status::Unhealthy => line!(error, "check is unhealthy"),
        Status::Unknown => line!(warn, "check is unknown"),
    }
}

fn plugin_loaded(loaded: &PluginLoaded<'_>) {
    let PluginLoaded {
        plugin,
        version,
        generation,
        ..
    } = loaded;
    let (digest, path) = (loaded.digest.short(), shown_path(loaded.path));
    let path = path.as_str();
    let compile_ms = u64::try_from(loaded.compile_time.as_millis()).unwrap_or(u64::MAX);
    macro_rules! line {
        ($message:literal) => {
            tracing::info!(%plugin, %version, %digest, generation, compile_ms, path, $message)
        };
    }
    if *generation == 1 {
        line!("plugin loaded");
    } else {
        line!("plugin replaced");
    }
}

fn plugin_rejected(rejected: &PluginRejected<'_>) {
    let PluginRejected { plugin, error, .. } = rejected;
    let path = shown_path(rejected.path);
    let path = path.as_str();
    let serving = rejected.active.map(|digest| display(digest.short()));
    if error.is_host_error() {
        tracing::warn!(
            %plugin, serving, code = error.code(), error = error.to_string(), path,
            "plugin not loaded, the host lacks resources"
        );
        return;
    }
    let digest = rejected.digest.map(|digest| display(digest.short()));
    tracing::error!(
        %plugin, version = rejected.version.map(display), digest, serving, code = error.code(),
        error = error.to_string(), path, "plugin rejected"
    );
}

fn configuration_applied(applied: &ConfigurationApplied<'_>) {
    if !applied.is_change {
        tracing::debug!("configuration unchanged");
        return;
    }
    let CheckChanges {
        added,
        changed,
        removed,
        ..
    } = applied.changes;
    let (added, changed, removed) = (names(added), names(changed), names(removed));
    let path = applied.path.map(shown_path);
    let path = path.as_ref().map(Text::as_str);
    tracing::info!(path, added, changed, removed, "configuration applied");
}

fn configuration_rejected(path: Option<&Path>, errors: &[String]) {
    let path = path.map(shown_path);
    let path = path.as_ref().map(Text::as_str);
    for error in errors {
        tracing::error!(
            path,
            error,
            "configuration rejected, keeping the previous one"
        );
    }
}

/// Joins the first names of checks, and the number of others.
fn names(names: &[CheckName]) -> Option<String> {
    if names.is_empty() {
        return None;
    }
    let mut shown: Vec<_> = names.iter().take(SHOWN).map(ToString::to_string).collect();
    if names.len() > SHOWN {
        shown.push(format!("{} more", names.len() - SHOWN));
    }
    Some(shown.join(", "))
}

/// The number of names on a line.
const SHOWN: usize = 20;

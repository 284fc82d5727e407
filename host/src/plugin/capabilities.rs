//! The host's side of `vitals:health/reporting`: logs and reports, and what one run has said.
//!
//! All of it is linked for every plugin; what a run may do is decided at the call.

use std::sync::Arc;

use super::bindings::v0_1::vitals::health::{reporting, types};
use super::metrics::VersionMetrics;
use super::state::State;
use crate::check::{CheckName, Digest, PluginName, Text};
use crate::config::Secrets;

/// Takes reports of guests to an error tracker.
pub trait ErrorTracker: Send + Sync {
    /// Sends a report and answers the event's id; nothing where none was sent.
    fn capture(&self, report: &GuestReport<'_>) -> Option<String>;
}

/// What a guest reports, and who it is.
#[derive(Clone, Copy, Debug)]
pub struct GuestReport<'r> {
    /// The check that it runs for.
    pub check: &'r CheckName,
    /// The plugin that it is.
    pub plugin: &'r PluginIdentity,
    /// How bad it is.
    pub level: Severity,
    /// What it says: bounded, one line, without the secrets of the configuration.
    pub message: &'r str,
}

/// Which plugin it is, down to the bytes of its file.
#[derive(Debug)]
pub struct PluginIdentity {
    /// The name: the stem of the file.
    pub name: PluginName,
    /// What it says its version is; may be empty.
    pub version: String,
    /// Of the file.
    pub digest: Digest,
}

/// How bad a log line or a report is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// For whoever debugs the plugin.
    Debug,
    /// Worth knowing.
    Info,
    /// Something is about to go wrong.
    Warning,
    /// Something went wrong.
    Error,
}

/// What one run has said: log lines and reports, each counted against its cap.
pub(super) struct Journal {
    check: CheckName,
    /// Nothing while the plugin is asked who it is.
    plugin: Option<Arc<PluginIdentity>>,
    secrets: Arc<Secrets>,
    tracker: Option<Arc<dyn ErrorTracker>>,
    metrics: Option<Arc<dyn VersionMetrics>>,
    lines: u32,
    dropped: u32,
    captures: u32,
}

impl Journal {
    pub(super) fn new(
        check: CheckName,
        plugin: Option<Arc<PluginIdentity>>,
        secrets: Arc<Secrets>,
        tracker: Option<Arc<dyn ErrorTracker>>,
        metrics: Option<Arc<dyn VersionMetrics>>,
    ) -> Self {
        Self {
            check,
            plugin,
            secrets,
            tracker,
            metrics,
            lines: 0,
            dropped: 0,
            captures: 0,
        }
    }

    /// The check that the run is for.
    pub(super) fn check(&self) -> &CheckName {
        &self.check
    }

    /// Log lines that were dropped because the run wrote too many.
    pub(super) fn dropped(&self) -> u32 {
        self.dropped
    }

    /// What must not leave the host in any text.
    pub(super) fn secrets(&self) -> &Arc<Secrets> {
        &self.secrets
    }

    /// Where the plugin's metrics are counted; nothing where they are not.
    pub(super) fn metrics(&self) -> Option<&dyn VersionMetrics> {
        self.metrics.as_deref()
    }

    /// A text of the guest as anybody may see it.
    pub(super) fn clean(&self, text: &str, max_bytes: usize) -> Text {
        // Of a secret that is cut a piece would stay; so the cut that bounds the search is far off.
        let searched = text.floor_char_boundary(SEARCHED_BYTES);
        Text::line(&self.secrets.redact(&text[..searched]), max_bytes)
    }

    fn log(&mut self, level: Severity, message: &str) {
        if self.lines == LOG_LINES {
            self.dropped = self.dropped.saturating_add(1);
            return;
        }
        self.lines += 1;
        let (check, guest) = (&self.check, self.clean(message, LINE_BYTES));
        match level {
            Severity::Debug => tracing::debug!(target: TARGET, %check, %guest, "guest says"),
            Severity::Info => tracing::info!(target: TARGET, %check, %guest, "guest says"),
            Severity::Warning => tracing::warn!(target: TARGET, %check, %guest, "guest says"),
            Severity::Error => tracing::error!(target: TARGET, %check, %guest, "guest says"),
        }
    }

    fn capture(&mut self, level: Severity, message: &str) -> Option<String> {
        let (tracker, plugin) = (self.tracker.as_ref()?, self.plugin.as_ref()?);
        if self.captures == CAPTURES {
            return None;
        }
        self.captures += 1;
        tracker.capture(&GuestReport {
            check: &self.check,
            plugin,
            level,
            message: self.clean(message, LINE_BYTES).as_str(),
        })
    }
}

impl From<reporting::Level> for Severity {
    fn from(level: reporting::Level) -> Self {
        match level {
            reporting::Level::Debug => Self::Debug,
            reporting::Level::Info => Self::Info,
            reporting::Level::Warning => Self::Warning,
            reporting::Level::Error => Self::Error,
        }
    }
}

impl types::Host for State {}

impl reporting::Host for State {
    fn log(&mut self, level: reporting::Level, message: String) -> wasmtime::Result<()> {
        self.journal.log(level.into(), &message);
        Ok(())
    }

    fn capture(
        &mut self,
        level: reporting::Level,
        message: String,
    ) -> wasmtime::Result<Option<String>> {
        Ok(self.journal.capture(level.into(), &message))
    }
}

const TARGET: &str = "vitals::guest";
const LINE_BYTES: usize = 2 << 10;
const SEARCHED_BYTES: usize = 64 << 10;
const LOG_LINES: u32 = 64;
const CAPTURES: u32 = 5;

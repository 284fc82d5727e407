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

/// Whose lines they are.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// A run of the check by this plugin.
    Run(Arc<PluginIdentity>),
    /// A file that says what it is, for no check yet.
    Describe(Digest),
}

/// A line of a guest, with whose it is and one field besides.
macro_rules! line {
    ($journal:expr, $level:ident, $field:ident, $words:literal) => {{
        let plugin = $journal.plugin();
        let version = plugin.map(|plugin| &plugin.version);
        tracing::$level!(
            target: TARGET,
            check = plugin.map(|_| display(&$journal.check)),
            plugin = plugin.map(|plugin| display(&plugin.name)),
            version = version.filter(|version| !version.is_empty()).map(display),
            digest = %$journal.digest().short(),
            $field,
            $words
        )
    }};
}

/// What one run has said: log lines and reports, each counted against its cap.
pub(super) struct Journal {
    check: CheckName,
    origin: Origin,
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
        origin: Origin,
        secrets: Arc<Secrets>,
        tracker: Option<Arc<dyn ErrorTracker>>,
        metrics: Option<Arc<dyn VersionMetrics>>,
    ) -> Self {
        Self {
            check,
            origin,
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
        self.secrets.line(text, max_bytes)
    }

    fn log(&mut self, level: Severity, message: &str) {
        if self.lines == LOG_LINES {
            self.dropped = self.dropped.saturating_add(1);
            return;
        }
        self.lines += 1;
        let said = self.clean(message, LINE_BYTES);
        let said = said.as_str();
        match level {
            Severity::Debug => line!(self, debug, said, "guest says"),
            Severity::Info => line!(self, info, said, "guest says"),
            Severity::Warning => line!(self, warn, said, "guest says"),
            Severity::Error => line!(self, error, said, "guest says"),
        }
    }

    /// Logs what is left to log once the run is over: the last lines of its standard output and error,
    /// for whoever wants to see them, and how much was left out.
    pub(super) fn close(&self, output: &[Text]) {
        for line in &output[output.len().saturating_sub(OUTPUT_LINES)..] {
            let written = line.as_str();
            line!(self, debug, written, "guest writes");
        }
        if self.dropped > 0 {
            let dropped = self.dropped;
            line!(
                self,
                warn,
                dropped,
                "guest wrote more lines than are logged of a run"
            );
        }
    }

    /// The plugin that runs for the check; nothing while it is asked who it is.
    fn plugin(&self) -> Option<&PluginIdentity> {
        match &self.origin {
            Origin::Run(plugin) => Some(plugin),
            Origin::Describe(_) => None,
        }
    }

    fn digest(&self) -> Digest {
        match &self.origin {
            Origin::Run(plugin) => plugin.digest,
            Origin::Describe(digest) => *digest,
        }
    }

    fn capture(&mut self, level: Severity, message: &str) -> Option<String> {
        let Origin::Run(plugin) = &self.origin else {
            return None;
        };
        let tracker = self.tracker.as_ref()?;
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

/// Lines of guests, whatever the host's own say: `VITALS_LOG=info,vitals::guest=off` goes without.
const TARGET: &str = "vitals::guest";
const LINE_BYTES: usize = 2 << 10;
const LOG_LINES: u32 = 64;
const OUTPUT_LINES: usize = 64;
const CAPTURES: u32 = 5;

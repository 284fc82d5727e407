//! What one run has said: log lines and reports, each counted against its cap.
//!
//! All of it is linked for every plugin; what a run may do is decided at the call.

use std::sync::Arc;

use vitals_model::Secrets;
use vitals_model::{
    CheckName, Digest, ErrorTracker, GuestReport, PluginIdentity, Severity, Text, VersionMetrics,
};

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

    pub(super) fn log(&mut self, level: Severity, message: &str) {
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

    pub(super) fn capture(&mut self, level: Severity, message: &str) -> Option<String> {
        let Origin::Run(plugin) = &self.origin else {
            return None;
        };
        let tracker = self.tracker.as_ref()?;
        if self.captures == CAPTURES {
            return None;
        }
        self.captures += 1;
        let message = self.clean(message, LINE_BYTES);
        let message = message.as_str();
        tracker.capture(&GuestReport::new(&self.check, plugin, level, message))
    }
}

/// Lines of guests, whatever the host's own say: `VITALS_LOG=info,vitals::guest=off` goes without.
const TARGET: &str = "vitals::guest";
const LINE_BYTES: usize = 2 << 10;
const LOG_LINES: u32 = 64;
const OUTPUT_LINES: usize = 64;
const CAPTURES: u32 = 5;

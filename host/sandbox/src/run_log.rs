//! The log lines and reports of one run, each counted against its limit.
//!
//! The functions are linked for every plugin; whether a run may use them is decided at the call.

use std::sync::Arc;

use vitals_model::{
    CheckName, Digest, ErrorTracker, GuestReport, PluginIdentity, Secrets, Severity, Text,
    VersionMetrics,
};

/// The source of log lines.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// A run of the check by this plugin.
    Run(Arc<PluginIdentity>),
    /// The call of `describe` of a file.
    Describe(Digest),
}

/// Logs a line of a guest with its source and one more field.
macro_rules! log_line {
    ($run_log:expr, $level:ident, $field:ident, $words:literal) => {{
        let plugin = $run_log.plugin();
        let version = plugin.map(|plugin| &plugin.version);
        tracing::$level!(
            target: TARGET,
            check = plugin.map(|_| display(&$run_log.check)),
            plugin = plugin.map(|plugin| display(&plugin.name)),
            version = version.filter(|version| !version.is_empty()).map(display),
            digest = %$run_log.digest().short(),
            $field,
            $words
        )
    }};
}

/// The log lines and reports of one run, each counted against its limit.
pub(super) struct RunLog {
    pub(super) check: CheckName,
    origin: Origin,
    /// The texts that must not leave the host.
    pub(super) secrets: Arc<Secrets>,
    tracker: Option<Arc<dyn ErrorTracker>>,
    /// Where the plugin's metrics are counted, if anywhere.
    pub(super) metrics: Option<Arc<dyn VersionMetrics>>,
    logged_lines: u32,
    /// The number of log lines that were dropped because of the limit.
    pub(super) dropped: u32,
    captures: u32,
}

impl RunLog {
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
            logged_lines: 0,
            dropped: 0,
            captures: 0,
        }
    }

    /// Cleans a text of the guest, and redacts secrets.
    pub(super) fn clean(&self, text: &str, max_bytes: usize) -> Text {
        self.secrets.line(text, max_bytes)
    }

    pub(super) fn log(&mut self, level: Severity, message: &str) {
        if self.logged_lines == MAX_LOG_LINES {
            self.dropped = self.dropped.saturating_add(1);
            return;
        }
        self.logged_lines += 1;
        let said = self.clean(message, MAX_LINE_BYTES);
        let said = said.as_str();
        match level {
            Severity::Debug => log_line!(self, debug, said, "guest log"),
            Severity::Info => log_line!(self, info, said, "guest log"),
            Severity::Warning => log_line!(self, warn, said, "guest log"),
            Severity::Error => log_line!(self, error, said, "guest log"),
        }
    }

    /// Logs what is known at the end of the run: the last lines of standard output and error, and
    /// the number of dropped log lines.
    pub(super) fn close(&self, output: &[Text]) {
        for line in &output[output.len().saturating_sub(MAX_OUTPUT_LINES)..] {
            let written = line.as_str();
            log_line!(self, debug, written, "guest output");
        }
        if self.dropped > 0 {
            let dropped = self.dropped;
            log_line!(
                self,
                warn,
                dropped,
                "guest lines dropped, the run logged too many"
            );
        }
    }

    /// The plugin of the run; `None` during `describe`.
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
        if self.captures == MAX_CAPTURES {
            return None;
        }
        self.captures += 1;
        let message = self.clean(message, MAX_LINE_BYTES);
        let message = message.as_str();
        tracker.capture(&GuestReport::new(&self.check, plugin, level, message))
    }
}

/// The target of guests' log lines. `VITALS_LOG=info,vitals::guest=off` turns them off.
const TARGET: &str = "vitals::guest";
const MAX_LINE_BYTES: usize = 2 << 10;
const MAX_LOG_LINES: u32 = 64;
const MAX_OUTPUT_LINES: usize = 64;
const MAX_CAPTURES: u32 = 5;

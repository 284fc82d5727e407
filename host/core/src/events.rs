//! The stream of events about checks, plugins and the host, which every [`Sink`] reads.
//!
//! Each event is emitted in one place. The module knows no sink: a new one implements the trait and
//! is added where the host is assembled.

mod stream;

use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use jiff::Timestamp;

pub use self::stream::Events;
use crate::board::CheckFacts;
use crate::schedule::{FinishedRun, Skipped};
use vitals_config::Config;
use vitals_model::reload::CheckChanges;
use vitals_model::{CheckName, Digest, PluginName, RunReport, Status};
use vitals_sandbox::LoadError;

/// A receiver of events: metrics, the log, an error tracker, notifications.
///
/// Events of one check arrive in the order in which the board shows them. Events of different
/// checks may arrive from several threads at once.
pub trait Sink: Send + Sync {
    /// Handles an event. Must not block: it is called on the threads that run checks and load
    /// plugins.
    fn on(&self, event: &Event<'_>);

    /// Delivers queued messages, for at most `timeout`. Called once, at shutdown.
    fn flush(&self, timeout: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let _ = timeout;
        Box::pin(std::future::ready(()))
    }
}

/// An event of the host.
#[derive(Clone, Copy)]
pub enum Event<'e> {
    /// A check was added, or its facts have changed.
    CheckUpserted {
        /// The name of the check.
        check: &'e CheckName,
        /// The new facts of the check.
        facts: &'e CheckFacts,
    },
    /// A check was removed.
    CheckRemoved {
        /// The name of the check.
        check: &'e CheckName,
    },
    /// A run is over. Emitted before the board shows its result.
    RunFinished {
        /// The finished run.
        run: &'e FinishedRun,
        /// The time when the run ended.
        checked_at: Timestamp,
    },
    /// The shown status of a check has changed, or the check fails for another reason than before.
    Transition(&'e Transition<'e>),
    /// A due run waited this long for a permit, whether it got one or not.
    RunWaited {
        /// The time between the due time and the permit, or the end of waiting.
        time: Duration,
    },
    /// `count` due runs were skipped.
    RunsSkipped {
        /// The name of the check.
        check: &'e CheckName,
        /// The reason.
        reason: Skipped,
        /// The number of skipped runs.
        count: u64,
    },
    /// A version of a plugin was admitted and is now active.
    PluginLoaded(&'e PluginLoaded<'e>),
    /// The newest file of a plugin was rejected. The active version, if any, stays.
    PluginRejected(&'e PluginRejected<'e>),
    /// The file of a plugin was rejected before and now contains the active version again.
    PluginRecovered {
        /// The name of the plugin.
        plugin: &'e PluginName,
        /// The active version.
        version: &'e str,
        /// The digest of the file.
        digest: Digest,
    },
    /// A plugin is now read from another directory.
    PluginMoved {
        /// The name of the plugin.
        plugin: &'e PluginName,
        /// The name of the previous directory.
        from: &'e str,
        /// The name of the new directory.
        to: &'e str,
        /// The file in the new directory.
        path: &'e Path,
    },
    /// The file of a plugin was removed, and no check names the plugin.
    PluginRemoved {
        /// The name of the plugin.
        plugin: &'e PluginName,
    },
    /// A configuration was read and applied.
    ConfigurationApplied(&'e ConfigurationApplied<'e>),
    /// A configuration was rejected as a whole. The previous one stays active.
    ConfigurationRejected {
        /// The configuration file, if there is one.
        path: Option<&'e Path>,
        /// The errors in the configuration.
        errors: &'e [String],
    },
    /// The host's own code panicked. The panic was contained and logged.
    HostPanicked {
        /// The place of the panic, as a constant phrase.
        place: &'e str,
        /// The check during whose run it panicked, if any.
        check: Option<&'e CheckName>,
        /// The message of the panic, if it may be shown.
        message: Option<&'e str>,
    },
    /// A file system did not answer in time, and the host stopped waiting for it.
    FileSystemHung,
}

/// See [`Event::Transition`].
pub struct Transition<'t> {
    /// The name of the check.
    pub check: &'t CheckName,
    /// The facts of the check, or `None` if it was removed meanwhile.
    pub facts: Option<&'t CheckFacts>,
    /// The status shown before, or `None` for the first result.
    pub before: Option<Status>,
    /// The status that is shown now.
    pub status: Status,
    /// The report of the run, or one that explains why there was none.
    pub report: &'t RunReport,
    /// Consecutive failing runs.
    pub consecutive_failures: u32,
    /// The cause of the transition.
    pub cause: Cause,
}

impl Transition<'_> {
    /// Returns whether the shown status has changed.
    pub fn is_change(&self) -> bool {
        self.before != Some(self.status)
    }
}

/// The cause of a transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The result of a run.
    Run,
    /// The check can't run as it is configured.
    NotRunnable,
    /// The plugin's file was rejected, which [`Event::PluginRejected`] has reported.
    PluginRejected,
    /// The last result has become stale.
    Expired,
}

/// See [`Event::PluginLoaded`].
pub struct PluginLoaded<'e> {
    /// The name of the plugin.
    pub plugin: &'e PluginName,
    /// The version that is now active.
    pub version: &'e str,
    /// The digest of the file.
    pub digest: Digest,
    /// The number of versions of the plugin that this host has loaded.
    pub generation: u64,
    /// The time to compile the plugin, or to read its compiled code from the cache.
    pub compile_time: Duration,
    /// The file.
    pub path: &'e Path,
}

/// See [`Event::PluginRejected`].
pub struct PluginRejected<'e> {
    /// The name of the plugin.
    pub plugin: &'e PluginName,
    /// The version that the file declares, if it could be read.
    pub version: Option<&'e str>,
    /// The digest of the file, if it could be read.
    pub digest: Option<Digest>,
    /// The digest of the version that stays active.
    pub active: Option<Digest>,
    /// The reason for the rejection.
    pub error: &'e LoadError,
    /// The file.
    pub path: &'e Path,
}

/// See [`Event::ConfigurationApplied`].
pub struct ConfigurationApplied<'e> {
    /// The new configuration.
    pub config: &'e Config,
    /// Whether it differs from the previous one, or files that it names have changed.
    pub is_change: bool,
    /// The checks that were added, changed or removed.
    pub changes: &'e CheckChanges,
    /// Whether files with trusted roots have changed.
    pub roots_changed: bool,
    /// The configuration file, if there is one.
    pub path: Option<&'e Path>,
}

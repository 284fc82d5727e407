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
        /// The check.
        check: &'e CheckName,
        /// What is known about it from now on.
        facts: &'e CheckFacts,
    },
    /// A check was removed.
    CheckRemoved {
        /// The check.
        check: &'e CheckName,
    },
    /// A run is over. Emitted before the board shows its result.
    RunFinished {
        /// The run.
        run: &'e FinishedRun,
        /// When it finished.
        checked_at: Timestamp,
    },
    /// The shown status of a check has changed, or the check fails for another reason than before.
    Transition(&'e Transition<'e>),
    /// A due run waited this long for a permit, whether it got one or not.
    RunWaited {
        /// How long.
        time: Duration,
    },
    /// `count` due runs were skipped.
    RunsSkipped {
        /// The check.
        check: &'e CheckName,
        /// Why.
        reason: Skipped,
        /// How many.
        count: u64,
    },
    /// A version of a plugin was admitted and is now active.
    PluginLoaded(&'e PluginLoaded<'e>),
    /// The newest file of a plugin was rejected. The active version, if any, stays.
    PluginRejected(&'e PluginRejected<'e>),
    /// The file of a plugin was rejected before and now contains the active version again.
    PluginRecovered {
        /// The plugin.
        plugin: &'e PluginName,
        /// The active version.
        version: &'e str,
        /// The digest of its file.
        digest: Digest,
    },
    /// A plugin is read from another directory from now on.
    PluginMoved {
        /// The plugin.
        plugin: &'e PluginName,
        /// The name of the directory before.
        from: &'e str,
        /// The name of the directory from now on.
        to: &'e str,
        /// The file there.
        path: &'e Path,
    },
    /// The file of a plugin was removed, and no check names the plugin.
    PluginRemoved {
        /// The plugin.
        plugin: &'e PluginName,
    },
    /// A configuration was read and applied.
    ConfigurationApplied(&'e ConfigurationApplied<'e>),
    /// A configuration was rejected as a whole. The previous one stays active.
    ConfigurationRejected {
        /// The configuration file, where there is one.
        path: Option<&'e Path>,
        /// What is wrong with the configuration.
        errors: &'e [String],
    },
    /// The host's own code panicked. The panic was contained and logged.
    HostPanicked {
        /// Where it panicked, worded the same each time.
        place: &'e str,
        /// The check that it panicked over, if it was one.
        check: Option<&'e CheckName>,
        /// The message of the panic, where it can be shown.
        message: Option<&'e str>,
    },
    /// A file system did not answer in time, and the host stopped waiting for it.
    FileSystemHung,
}

/// See [`Event::Transition`].
pub struct Transition<'t> {
    /// The check.
    pub check: &'t CheckName,
    /// The facts of the check, or `None` if it was removed meanwhile.
    pub facts: Option<&'t CheckFacts>,
    /// The status shown before, or `None` for the first result.
    pub before: Option<Status>,
    /// The status shown from now on.
    pub status: Status,
    /// What led to it.
    pub report: &'t RunReport,
    /// Consecutive failing runs.
    pub consecutive_failures: u32,
    /// Whether a run led to it, or something else.
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
    /// The plugin.
    pub plugin: &'e PluginName,
    /// The version that is active from now on.
    pub version: &'e str,
    /// The digest of its file.
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
    /// The plugin.
    pub plugin: &'e PluginName,
    /// The version that the file declares, if it could be read.
    pub version: Option<&'e str>,
    /// The digest of the file, if it could be read.
    pub digest: Option<Digest>,
    /// The digest of the version that stays active.
    pub active: Option<Digest>,
    /// Why it was rejected.
    pub error: &'e LoadError,
    /// The file.
    pub path: &'e Path,
}

/// See [`Event::ConfigurationApplied`].
pub struct ConfigurationApplied<'e> {
    /// The configuration.
    pub config: &'e Config,
    /// Whether it differs from the previous one, or files that it names have changed.
    pub is_change: bool,
    /// What has become of checks.
    pub changes: &'e CheckChanges,
    /// Whether files with trusted roots have changed.
    pub roots_changed: bool,
    /// The configuration file, where there is one.
    pub path: Option<&'e Path>,
}

//! What happens to checks, plugins and the host: one stream of events, read by every [`Sink`].
//!
//! Each event is emitted in one place. Who listens, and what a listener makes of an event, is unknown
//! here: a new sink implements the trait and is added where the host is assembled.

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

/// A listener to events: metrics, the log, an error tracker, notifications.
///
/// Events of one check arrive in the order in which the board shows them; those of different checks may
/// arrive from several threads at once.
pub trait Sink: Send + Sync {
    /// Takes an event. Must not wait: it is called on the threads that run checks and load plugins.
    fn on(&self, event: &Event<'_>);

    /// Delivers what is still queued, for at most `patience`. Called once, at shutdown.
    fn flush(&self, patience: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let _ = patience;
        Box::pin(std::future::ready(()))
    }
}

/// Something that happened.
#[derive(Clone, Copy)]
pub enum Event<'e> {
    /// A check exists from now on, or what is known about it has changed.
    CheckUpserted {
        /// The check.
        check: &'e CheckName,
        /// What is known about it from now on.
        facts: &'e CheckFacts,
    },
    /// A check no longer exists.
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
    /// `count` due runs were not made.
    RunsSkipped {
        /// The check.
        check: &'e CheckName,
        /// Why.
        reason: Skipped,
        /// How many.
        count: u64,
    },
    /// A version of a plugin has been admitted and is active from now on.
    PluginLoaded(&'e PluginLoaded<'e>),
    /// The newest file of a plugin was rejected; a version loaded before stays active.
    PluginRejected(&'e PluginRejected<'e>),
    /// The file of a plugin, rejected before, holds the active version again.
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
    /// The file of a plugin no longer exists, and no check names the plugin.
    PluginRemoved {
        /// The plugin.
        plugin: &'e PluginName,
    },
    /// A configuration has been read and applied.
    ConfigurationApplied(&'e ConfigurationApplied<'e>),
    /// A configuration was rejected as a whole; the one before it stays in force.
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
    /// What is known about the check; nothing where it was removed meanwhile.
    pub facts: Option<&'t CheckFacts>,
    /// The status shown before; nothing for the first result.
    pub before: Option<Status>,
    /// The status shown from now on.
    pub status: Status,
    /// What led to it.
    pub report: &'t RunReport,
    /// Failing runs in a row.
    pub consecutive_failures: u32,
    /// Whether a run led to it, or something else.
    pub cause: Cause,
}

impl Transition<'_> {
    /// Whether the shown status differs from the one before.
    pub fn is_change(&self) -> bool {
        self.before != Some(self.status)
    }
}

/// What led to a transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The result of a run.
    Run,
    /// No run: the check can't be run as it is configured.
    NotRunnable,
    /// No run: the plugin's file was rejected, which [`Event::PluginRejected`] has said.
    PluginRejected,
    /// No run: the last result has become too old.
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
    /// How many versions of the plugin this host has loaded.
    pub generation: u64,
    /// How long it took to compile the plugin, or to read code that was compiled before.
    pub compile_time: Duration,
    /// The file.
    pub path: &'e Path,
}

/// See [`Event::PluginRejected`].
pub struct PluginRejected<'e> {
    /// The plugin.
    pub plugin: &'e PluginName,
    /// The version that the file claims, where it got as far as to say it.
    pub version: Option<&'e str>,
    /// The digest of the file, where it could be read.
    pub digest: Option<Digest>,
    /// The version that stays active.
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
    /// Whether it differs from the one before, or files that it names have changed.
    pub is_change: bool,
    /// What has become of checks.
    pub changes: &'e CheckChanges,
    /// Whether files with trusted roots have changed.
    pub roots_changed: bool,
    /// The configuration file, where there is one.
    pub path: Option<&'e Path>,
}

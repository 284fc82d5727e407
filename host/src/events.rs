//! The stream of events about checks, plugins and the host, which every [`Sink`] reads.
//!
//! Each event is emitted in one place. The module knows no sink: a new one implements the trait and
//! is added where the host is assembled.

mod stream;

use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use jiff::Timestamp;

pub(crate) use self::stream::Events;
use crate::board::CheckFacts;
use crate::check::{CheckName, Digest, PluginName, RunReport, Status};
use crate::config::Config;
use crate::plugin::LoadError;
use crate::reload::CheckChanges;
use crate::schedule::{FinishedRun, Skipped};

/// A receiver of events: metrics, the log, an error tracker, notifications.
///
/// Events of one check arrive in the order in which the board shows them. Events of different
/// checks may arrive from several threads at once.
pub(crate) trait Sink: Send + Sync {
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
pub(crate) enum Event<'e> {
    /// A check was added, or its facts have changed.
    CheckUpserted {
        check: &'e CheckName,
        facts: &'e CheckFacts,
    },
    /// A check was removed.
    CheckRemoved { check: &'e CheckName },
    /// A run is over. Emitted before the board shows its result.
    RunFinished {
        run: &'e FinishedRun,
        checked_at: Timestamp,
    },
    /// The shown status of a check has changed, or the check fails for another reason than before.
    Transition(&'e Transition<'e>),
    /// A due run waited this long for a permit, whether it got one or not.
    RunWaited { time: Duration },
    /// `count` due runs were skipped.
    RunsSkipped {
        check: &'e CheckName,
        reason: Skipped,
        count: u64,
    },
    /// A version of a plugin was admitted and is now active.
    PluginLoaded(&'e PluginLoaded<'e>),
    /// The newest file of a plugin was rejected. The active version, if any, stays.
    PluginRejected(&'e PluginRejected<'e>),
    /// The file of a plugin was rejected before and now contains the active version again.
    PluginRecovered {
        plugin: &'e PluginName,
        version: &'e str,
        digest: Digest,
    },
    /// A plugin is now read from another directory; `from` and `to` name the directories.
    PluginMoved {
        plugin: &'e PluginName,
        from: &'e str,
        to: &'e str,
        path: &'e Path,
    },
    /// The file of a plugin was removed, and no check names the plugin.
    PluginRemoved { plugin: &'e PluginName },
    /// A configuration was read and applied.
    ConfigurationApplied(&'e ConfigurationApplied<'e>),
    /// A configuration was rejected as a whole. The previous one stays active.
    ConfigurationRejected {
        path: Option<&'e Path>,
        errors: &'e [String],
    },
    /// The host's own code panicked. The panic was contained and logged. `place` is a constant
    /// phrase.
    HostPanicked {
        place: &'e str,
        check: Option<&'e CheckName>,
        message: Option<&'e str>,
    },
    /// A file system did not answer in time, and the host stopped waiting for it.
    FileSystemHung,
}

/// See [`Event::Transition`].
pub(crate) struct Transition<'t> {
    pub(crate) check: &'t CheckName,
    /// The facts of the check, or `None` if it was removed meanwhile.
    pub(crate) facts: Option<&'t CheckFacts>,
    /// The status shown before, or `None` for the first result.
    pub(crate) before: Option<Status>,
    pub(crate) status: Status,
    pub(crate) report: &'t RunReport,
    /// Consecutive failing runs.
    pub(crate) consecutive_failures: u32,
    pub(crate) cause: Cause,
}

impl Transition<'_> {
    /// Returns whether the shown status has changed.
    pub(crate) fn is_change(&self) -> bool {
        self.before != Some(self.status)
    }
}

/// The cause of a transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
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
pub(crate) struct PluginLoaded<'e> {
    pub(crate) plugin: &'e PluginName,
    pub(crate) version: &'e str,
    pub(crate) digest: Digest,
    /// The number of versions of the plugin that this host has loaded.
    pub(crate) generation: u64,
    /// The time to compile the plugin, or to read its compiled code from the cache.
    pub(crate) compile_time: Duration,
    pub(crate) path: &'e Path,
}

/// See [`Event::PluginRejected`].
pub(crate) struct PluginRejected<'e> {
    pub(crate) plugin: &'e PluginName,
    /// The version that the file declares, if it could be read.
    pub(crate) version: Option<&'e str>,
    /// The digest of the file, if it could be read.
    pub(crate) digest: Option<Digest>,
    /// The digest of the version that stays active.
    pub(crate) active: Option<Digest>,
    pub(crate) error: &'e LoadError,
    pub(crate) path: &'e Path,
}

/// See [`Event::ConfigurationApplied`].
pub(crate) struct ConfigurationApplied<'e> {
    pub(crate) config: &'e Config,
    /// Whether it differs from the previous one, or files that it names have changed.
    pub(crate) is_change: bool,
    pub(crate) changes: &'e CheckChanges,
    /// Whether files with trusted roots have changed.
    pub(crate) roots_changed: bool,
    pub(crate) path: Option<&'e Path>,
}

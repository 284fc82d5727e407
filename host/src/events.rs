//! What happens to checks, plugins and the host: one stream of events, read by every [`Sink`].
//!
//! Each event is emitted in one place. Who listens, and what a listener makes of an event, is unknown
//! here: a new sink implements the trait and is added where the host is assembled.

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

/// A listener to events: metrics, the log, an error tracker, notifications.
///
/// Events of one check arrive in the order in which the board shows them; those of different checks may
/// arrive from several threads at once.
pub(crate) trait Sink: Send + Sync {
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
pub(crate) enum Event<'e> {
    /// A check exists from now on, or what is known about it has changed.
    CheckUpserted {
        check: &'e CheckName,
        facts: &'e CheckFacts,
    },
    /// A check no longer exists.
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
    /// `count` due runs were not made.
    RunsSkipped {
        check: &'e CheckName,
        reason: Skipped,
        count: u64,
    },
    /// A version of a plugin has been admitted and is active from now on.
    PluginLoaded(&'e PluginLoaded<'e>),
    /// The newest file of a plugin was rejected; a version loaded before stays active.
    PluginRejected(&'e PluginRejected<'e>),
    /// The file of a plugin, rejected before, holds the active version again.
    PluginRecovered {
        plugin: &'e PluginName,
        version: &'e str,
        digest: Digest,
    },
    /// A plugin is read from another directory from now on; `from` and `to` name the directories.
    PluginMoved {
        plugin: &'e PluginName,
        from: &'e str,
        to: &'e str,
        path: &'e Path,
    },
    /// The file of a plugin no longer exists, and no check names the plugin.
    PluginRemoved { plugin: &'e PluginName },
    /// A configuration has been read and applied.
    ConfigurationApplied(&'e ConfigurationApplied<'e>),
    /// A configuration was rejected as a whole; the one before it stays in force.
    ConfigurationRejected {
        path: Option<&'e Path>,
        errors: &'e [String],
    },
    /// The host's own code panicked at a `place`, which is worded the same each time. The panic was
    /// contained and logged.
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
    /// What is known about the check; nothing where it was removed meanwhile.
    pub(crate) facts: Option<&'t CheckFacts>,
    /// The status shown before; nothing for the first result.
    pub(crate) before: Option<Status>,
    pub(crate) status: Status,
    pub(crate) report: &'t RunReport,
    /// Failing runs in a row.
    pub(crate) consecutive_failures: u32,
    pub(crate) cause: Cause,
}

impl Transition<'_> {
    /// Whether the shown status differs from the one before.
    pub(crate) fn is_change(&self) -> bool {
        self.before != Some(self.status)
    }
}

/// What led to a transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
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
pub(crate) struct PluginLoaded<'e> {
    pub(crate) plugin: &'e PluginName,
    pub(crate) version: &'e str,
    pub(crate) digest: Digest,
    /// How many versions of the plugin this host has loaded.
    pub(crate) generation: u64,
    /// How long it took to compile the plugin, or to read code that was compiled before.
    pub(crate) compile_time: Duration,
    pub(crate) path: &'e Path,
}

/// See [`Event::PluginRejected`].
pub(crate) struct PluginRejected<'e> {
    pub(crate) plugin: &'e PluginName,
    /// The version that the file claims, where it got as far as to say it.
    pub(crate) version: Option<&'e str>,
    /// The digest of the file, where it could be read.
    pub(crate) digest: Option<Digest>,
    /// The version that stays active.
    pub(crate) active: Option<Digest>,
    pub(crate) error: &'e LoadError,
    pub(crate) path: &'e Path,
}

/// See [`Event::ConfigurationApplied`].
pub(crate) struct ConfigurationApplied<'e> {
    pub(crate) config: &'e Config,
    /// Whether it differs from the one before, or files that it names have changed.
    pub(crate) is_change: bool,
    pub(crate) changes: &'e CheckChanges,
    /// Whether files with trusted roots have changed.
    pub(crate) roots_changed: bool,
    pub(crate) path: Option<&'e Path>,
}

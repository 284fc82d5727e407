//! One plugin in the catalog: the active version and the outcome of loading the newest file.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{Source, Stamp};
use vitals_config::CheckConfig;
use vitals_model::Digest;
use vitals_sandbox::{LoadError, Plugin};

/// The catalog's entry for one plugin.
#[derive(Debug, Default)]
pub(crate) struct PluginEntry {
    /// The newest file, and its directory.
    pub(super) path: PathBuf,
    pub(super) source: Source,
    active: Option<Arc<Plugin>>,
    /// The directory that the active version was loaded from.
    active_source: Source,
    /// The number of versions loaded so far.
    pub(crate) generation: u64,
    pub(super) active_since: Option<Timestamp>,
    last_seen: LastSeen,
    error: Option<LoadError>,
    retry: Option<Retry>,
}

/// The schedule for retrying a file after a transient failure.
///
/// Each attempt can take as long as a compilation or a `describe`. The growing pause keeps such a
/// file from occupying a place among the loads permanently.
#[derive(Clone, Copy, Debug)]
struct Retry {
    /// The digest of the file's content.
    digest: Digest,
    failed: Timestamp,
    /// The time to wait before the next attempt.
    pause: SignedDuration,
}

impl Retry {
    /// Schedules the next attempt. The pause doubles with each failure of the same content.
    fn after(before: Option<Self>, digest: Digest, failed: Timestamp) -> Self {
        let before = before.filter(|before| before.digest == digest);
        let pause = before.map_or(MIN_PAUSE, |before| before.pause * 2);
        Self {
            digest,
            failed,
            pause: pause.min(MAX_PAUSE),
        }
    }

    /// Returns whether the pause is over. A failure in the future, after the clock was set back,
    /// also counts as over.
    fn is_due(&self, now: Timestamp) -> bool {
        let rested = now.duration_since(self.failed);
        rested.is_negative() || rested >= self.pause
    }
}

/// What a file was when it was last read. While it is the same, it is not loaded again.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LastSeen {
    /// The digest of the content, or `None` if loading it again may give another result.
    pub(crate) digest: Option<Digest>,
    /// The stamp of the file, if it was settled.
    pub(crate) stamp: Option<Stamp>,
}

/// The outcome of loading a file.
#[derive(Debug)]
pub(crate) enum LoadOutcome {
    /// The file is a valid plugin.
    Loaded(Arc<Plugin>),
    /// The file can't be loaded. The digest is that of its content, if it could be read.
    Failed(Option<Digest>, LoadError),
    /// The content is the same as at the last attempt.
    Unchanged,
}

/// The change that recording a load made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recorded {
    /// A version was loaded.
    Loaded,
    /// The file can't be loaded.
    Failed,
    /// The file is the same as before.
    Unchanged,
}

/// The state of a file before it was found to be the active version again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restored {
    /// The file could not be loaded, or was rejected.
    Recovered,
    /// The file was in the other directory.
    Moved,
    /// The file was already known.
    Unchanged,
}

impl PluginEntry {
    /// Returns the active version.
    pub(crate) fn active(&self) -> Option<&Arc<Plugin>> {
        self.active.as_ref()
    }

    /// Returns the active version, if the check may use a file from its directory.
    pub(super) fn active_for(&self, check: &CheckConfig) -> Option<&Arc<Plugin>> {
        let active = self.active.as_ref();
        active.filter(|_| self.active_source.is_usable_by(check))
    }

    /// Returns what was last read, or nothing if the file is due for another attempt.
    pub(crate) fn last_seen(&self, now: Timestamp) -> LastSeen {
        match self.retry {
            Some(retry) if retry.is_due(now) => LastSeen::default(),
            _ => self.last_seen,
        }
    }

    /// Returns why the newest file is not the active version.
    pub(crate) fn error(&self) -> Option<&LoadError> {
        self.error.as_ref()
    }

    /// Records that the file is the active version again, and returns what it was before.
    pub(super) fn restore(&mut self, source: Source, stamp: Option<Stamp>) -> Restored {
        let digest = self.active.as_ref().map(|plugin| plugin.digest());
        self.last_seen = LastSeen { digest, stamp };
        self.retry = None;
        let was_elsewhere = std::mem::replace(&mut self.active_source, source) != source;
        match self.error.take() {
            Some(_) => Restored::Recovered,
            None if was_elsewhere => Restored::Moved,
            None => Restored::Unchanged,
        }
    }

    /// Marks the file for loading at the next scan, if `matches` accepts its error.
    pub(super) fn retry_if(&mut self, matches: impl Fn(&LoadError) -> bool) {
        if self.error.as_ref().is_some_and(matches) {
            self.last_seen = LastSeen::default();
        }
    }

    /// Records the file that is being loaded. Returns the directory of the previous file if it was
    /// another one.
    pub(super) fn begin(&mut self, path: PathBuf, source: Source) -> Option<Source> {
        let is_first = self.path.as_os_str().is_empty();
        self.path = path;
        let before = std::mem::replace(&mut self.source, source);
        if is_first || before == source {
            return None;
        }
        // Earlier findings are about the file in the other directory.
        self.last_seen = LastSeen::default();
        self.error = None;
        self.retry = None;
        Some(before)
    }

    pub(super) fn record(
        &mut self,
        source: Source,
        outcome: LoadOutcome,
        stamp: Option<Stamp>,
        now: Timestamp,
    ) -> Recorded {
        match outcome {
            LoadOutcome::Unchanged => {
                // The file may have become due for a retry since this load began. Its stamp must
                // not mark it as seen then.
                if self.last_seen.digest.is_some() {
                    self.last_seen.stamp = stamp;
                }
                Recorded::Unchanged
            }
            LoadOutcome::Failed(digest, error) => {
                self.retry = match digest {
                    Some(digest) if error.is_transient() && !error.depends_on_configuration() => {
                        Some(Retry::after(self.retry, digest, now))
                    }
                    _ => None,
                };
                let is_read_again = error.is_transient() && self.retry.is_none();
                let seen = if is_read_again {
                    LastSeen::default()
                } else {
                    LastSeen { digest, stamp }
                };
                let is_new =
                    self.error.as_ref() != Some(&error) || self.last_seen.digest != seen.digest;
                self.last_seen = seen;
                self.error = Some(error);
                if is_new {
                    Recorded::Failed
                } else {
                    Recorded::Unchanged
                }
            }
            LoadOutcome::Loaded(plugin) => {
                let digest = Some(plugin.digest());
                self.last_seen = LastSeen { digest, stamp };
                self.error = None;
                self.retry = None;
                self.generation += 1;
                self.active_since = Some(now);
                plugin.serve();
                self.active_source = source;
                self.active = Some(plugin);
                Recorded::Loaded
            }
        }
    }
}

/// The pause after the first transient failure.
const MIN_PAUSE: SignedDuration = SignedDuration::from_secs(30);
/// The longest pause between attempts.
const MAX_PAUSE: SignedDuration = SignedDuration::from_hours(1);

#[cfg(test)]
mod tests {
    use super::*;
    use vitals_model::{Code, RunError};

    const START: Timestamp = Timestamp::UNIX_EPOCH;

    fn failed(entry: &mut PluginEntry, error: LoadError) -> Recorded {
        failed_at(entry, error, START)
    }

    fn failed_at(entry: &mut PluginEntry, error: LoadError, now: Timestamp) -> Recorded {
        let outcome = LoadOutcome::Failed(Some(Digest::of(b"")), error);
        entry.record(Source::Dir, outcome, None, now)
    }

    fn timeout() -> LoadError {
        LoadError::Describe(Box::new(RunError::new(Code::Timeout, "busy")))
    }

    #[test]
    fn a_permanent_failure_is_not_retried() {
        let mut entry = PluginEntry::default();
        assert_eq!(failed(&mut entry, LoadError::Empty), Recorded::Failed);
        assert_eq!(entry.last_seen(START).digest, Some(Digest::of(b"")));
        assert_eq!(failed(&mut entry, LoadError::Empty), Recorded::Unchanged);
    }

    #[test]
    fn a_transient_failure_is_retried_and_reported_once() {
        for code in [Code::Timeout, Code::Host, Code::Full] {
            let mut entry = PluginEntry::default();
            let error = LoadError::Describe(Box::new(RunError::new(code, "busy")));
            assert_eq!(failed(&mut entry, error.clone()), Recorded::Failed);
            let later = START + MIN_PAUSE;
            assert_eq!(entry.last_seen(later).digest, None);
            assert_eq!(failed_at(&mut entry, error, later), Recorded::Unchanged);
        }
        let error = LoadError::Describe(Box::new(RunError::new(Code::Fuel, "endless")));
        let mut entry = PluginEntry::default();
        failed(&mut entry, error);
        assert!(
            entry.last_seen(START).digest.is_some(),
            "the guest is to blame"
        );
    }

    #[test]
    fn repeated_failures_double_the_pause() {
        let (mut entry, mut now) = (PluginEntry::default(), START);
        let mut pauses = Vec::new();
        for _ in 0..10 {
            failed_at(&mut entry, timeout(), now);
            let rests = |seconds: &i64| {
                let later = now + SignedDuration::from_secs(*seconds);
                entry.last_seen(later).digest.is_some()
            };
            let pause = (0..10_000).find(|seconds| !rests(seconds)).unwrap();
            now += SignedDuration::from_secs(pause);
            pauses.push(pause);
        }
        assert_eq!(pauses, [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]);
        // Other content starts over.
        let outcome = LoadOutcome::Failed(Some(Digest::of(b"other")), timeout());
        entry.record(Source::Dir, outcome, None, now);
        assert!(entry.last_seen(now + MIN_PAUSE).digest.is_none());
    }

    #[test]
    fn a_clock_set_back_does_not_prolong_the_pause() {
        let mut entry = PluginEntry::default();
        failed(&mut entry, timeout());
        assert!(entry.last_seen(START).digest.is_some());
        assert!(
            entry
                .last_seen(START - SignedDuration::from_secs(1))
                .digest
                .is_none()
        );
    }

    #[test]
    fn an_unreadable_file_is_read_at_the_next_scan() {
        let mut entry = PluginEntry::default();
        let outcome = LoadOutcome::Failed(None, LoadError::Read("a disk that hangs".into()));
        entry.record(Source::Dir, outcome, None, START);
        assert!(entry.last_seen(START).digest.is_none() && entry.last_seen(START).stamp.is_none());
    }

    #[test]
    fn a_retry_that_becomes_due_during_a_load_is_not_lost() {
        let file = std::env::current_exe().unwrap();
        let stamp = Stamp::of(&file).unwrap();
        let mut entry = PluginEntry::default();
        failed(&mut entry, LoadError::Empty);
        entry.retry_if(|_| true);
        let now = Timestamp::UNIX_EPOCH;
        entry.record(Source::Dir, LoadOutcome::Unchanged, Some(stamp), now);
        assert_eq!(entry.last_seen(START).stamp, None);
        failed(&mut entry, LoadError::Empty);
        entry.record(Source::Dir, LoadOutcome::Unchanged, Some(stamp), now);
        assert_eq!(entry.last_seen(START).stamp, Some(stamp));
    }
}

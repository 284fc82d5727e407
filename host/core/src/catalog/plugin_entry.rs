//! One plugin in the catalog: the version that serves, and what became of the newest file.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{Source, Stamp};
use vitals_model::Digest;
use vitals_sandbox::{LoadError, Plugin};

/// The place of one plugin.
#[derive(Debug, Default)]
pub(crate) struct PluginEntry {
    path: PathBuf,
    source: Source,
    good: Option<Arc<Plugin>>,
    /// Where the file of the version lay that serves.
    good_source: Source,
    generation: u64,
    since: Option<Timestamp>,
    seen: Seen,
    error: Option<LoadError>,
    retry: Option<Retry>,
}

/// When a file is loaded once more whose failure may pass.
///
/// A file can fail each time and take the time of a compilation or a `describe` to do so. It must not
/// hold a place among those for good.
#[derive(Clone, Copy, Debug)]
struct Retry {
    /// The digest of its content.
    digest: Digest,
    failed: Timestamp,
    /// How long it rests.
    pause: SignedDuration,
}

impl Retry {
    /// After one more failure: twice as long as after the one before, if that was of the same content.
    fn after(before: Option<Self>, digest: Digest, failed: Timestamp) -> Self {
        let before = before.filter(|before| before.digest == digest);
        let pause = before.map_or(SHORTEST_PAUSE, |before| before.pause * 2);
        Self {
            digest,
            failed,
            pause: pause.min(LONGEST_PAUSE),
        }
    }

    /// Whether it has rested; so has one that failed in the future, because the clock was set.
    fn is_due(&self, now: Timestamp) -> bool {
        let rested = now.duration_since(self.failed);
        rested.is_negative() || rested >= self.pause
    }
}

/// What a file was when it was last looked at: where it is that still, it is not loaded again.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// The digest of its content; none where loading it again may come out otherwise.
    pub(crate) digest: Option<Digest>,
    /// Its stamp, if that was settled then.
    pub(crate) stamp: Option<Stamp>,
}

/// What became of loading a file.
#[derive(Debug)]
pub(crate) enum LoadOutcome {
    /// It is a plugin.
    Loaded(Arc<Plugin>),
    /// It can't be one; the digest is that of its content, where it could be read.
    Failed(Option<Digest>, LoadError),
    /// Its content is the one that was looked at before.
    Unchanged,
}

/// What changed when a load was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recorded {
    /// A version was loaded; the number counts the versions of this plugin.
    Loaded(u64),
    /// The file can't be loaded.
    Failed,
    /// The file is the one that was looked at before.
    Unchanged,
}

/// What a file was that is the version that serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restored {
    /// It could not be loaded, or was refused.
    Recovered,
    /// It lay in the other directory.
    Moved,
    /// The same.
    Unchanged,
}

impl PluginEntry {
    /// The file that it is loaded from.
    pub(crate) fn path(&self) -> &PathBuf {
        &self.path
    }

    /// The version that serves.
    pub(crate) fn active(&self) -> Option<&Arc<Plugin>> {
        self.good.as_ref()
    }

    /// The version that serves, if it is of a directory that it may be taken from.
    pub(super) fn good_from(&self, may_take: impl Fn(Source) -> bool) -> Option<&Arc<Plugin>> {
        self.good.as_ref().filter(|_| may_take(self.good_source))
    }

    /// The directory that it is loaded from.
    pub(crate) fn source(&self) -> Source {
        self.source
    }

    /// How many versions of it have been loaded.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Since when the version that serves does.
    pub(crate) fn since(&self) -> Option<Timestamp> {
        self.since
    }

    /// What was last looked at; nothing where it is to be loaded once more.
    pub(crate) fn seen(&self, now: Timestamp) -> Seen {
        match self.retry {
            Some(retry) if retry.is_due(now) => Seen::default(),
            _ => self.seen,
        }
    }

    /// Why the newest file is not the version that serves.
    pub(crate) fn error(&self) -> Option<&LoadError> {
        self.error.as_ref()
    }

    /// Takes in that the file is the version that serves, once more. Answers whether it was
    /// something else meanwhile, or lay elsewhere.
    pub(super) fn restore(&mut self, source: Source, stamp: Option<Stamp>) -> Restored {
        let digest = self.good.as_ref().map(|plugin| plugin.digest());
        self.seen = Seen { digest, stamp };
        self.retry = None;
        let was_elsewhere = std::mem::replace(&mut self.good_source, source) != source;
        match self.error.take() {
            Some(_) => Restored::Recovered,
            None if was_elsewhere => Restored::Moved,
            None => Restored::Unchanged,
        }
    }

    /// Loads the file once more at the next look, if what it was refused for is such.
    pub(super) fn retry_if(&mut self, is_such: impl Fn(&LoadError) -> bool) {
        if self.error.as_ref().is_some_and(is_such) {
            self.seen = Seen::default();
        }
    }

    /// Takes in which file is being loaded, and answers the directory of the one before it if it lay in
    /// another.
    pub(super) fn begin(&mut self, path: PathBuf, source: Source) -> Option<Source> {
        let is_first = self.path.as_os_str().is_empty();
        self.path = path;
        let before = std::mem::replace(&mut self.source, source);
        if is_first || before == source {
            return None;
        }
        // What was found was found in the other directory.
        self.seen = Seen::default();
        self.error = None;
        self.retry = None;
        Some(before)
    }

    pub(super) fn put(
        &mut self,
        source: Source,
        outcome: LoadOutcome,
        stamp: Option<Stamp>,
        now: Timestamp,
    ) -> Recorded {
        match outcome {
            LoadOutcome::Unchanged => {
                // It may be due once more since it was begun to be looked at: then its stamp must
                // not pass for one that was seen.
                if self.seen.digest.is_some() {
                    self.seen.stamp = stamp;
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
                    Seen::default()
                } else {
                    Seen { digest, stamp }
                };
                let news = self.error.as_ref() != Some(&error) || self.seen.digest != seen.digest;
                self.seen = seen;
                self.error = Some(error);
                if news {
                    Recorded::Failed
                } else {
                    Recorded::Unchanged
                }
            }
            LoadOutcome::Loaded(plugin) => {
                let digest = Some(plugin.digest());
                self.seen = Seen { digest, stamp };
                self.error = None;
                self.retry = None;
                self.generation += 1;
                self.since = Some(now);
                plugin.serve();
                self.good_source = source;
                self.good = Some(plugin);
                Recorded::Loaded(self.generation)
            }
        }
    }
}

/// How long a file rests whose first failure may pass.
const SHORTEST_PAUSE: SignedDuration = SignedDuration::from_secs(30);
/// How long one rests that has failed again and again.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(1);

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
        entry.put(Source::Dir, outcome, None, now)
    }

    fn timeout() -> LoadError {
        LoadError::Describe(Box::new(RunError::new(Code::Timeout, "busy")))
    }

    #[test]
    fn a_failure_that_lies_in_the_file_is_final() {
        let mut entry = PluginEntry::default();
        assert_eq!(failed(&mut entry, LoadError::Empty), Recorded::Failed);
        assert_eq!(entry.seen(START).digest, Some(Digest::of(b"")));
        assert_eq!(failed(&mut entry, LoadError::Empty), Recorded::Unchanged);
    }

    #[test]
    fn a_failure_that_may_pass_is_tried_again_and_told_once() {
        for code in [Code::Timeout, Code::Host, Code::Full] {
            let mut entry = PluginEntry::default();
            let error = LoadError::Describe(Box::new(RunError::new(code, "busy")));
            assert_eq!(failed(&mut entry, error.clone()), Recorded::Failed);
            let later = START + SHORTEST_PAUSE;
            assert_eq!(entry.seen(later).digest, None);
            assert_eq!(failed_at(&mut entry, error, later), Recorded::Unchanged);
        }
        let error = LoadError::Describe(Box::new(RunError::new(Code::Fuel, "endless")));
        let mut entry = PluginEntry::default();
        failed(&mut entry, error);
        assert!(entry.seen(START).digest.is_some(), "the guest is to blame");
    }

    #[test]
    fn a_file_that_fails_again_and_again_rests_longer_each_time() {
        let (mut entry, mut now) = (PluginEntry::default(), START);
        let mut pauses = Vec::new();
        for _ in 0..10 {
            failed_at(&mut entry, timeout(), now);
            let rests = |seconds: &i64| {
                let later = now + SignedDuration::from_secs(*seconds);
                entry.seen(later).digest.is_some()
            };
            let pause = (0..10_000).find(|seconds| !rests(seconds)).unwrap();
            now += SignedDuration::from_secs(pause);
            pauses.push(pause);
        }
        assert_eq!(pauses, [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]);
        // Other content is another file.
        let outcome = LoadOutcome::Failed(Some(Digest::of(b"other")), timeout());
        entry.put(Source::Dir, outcome, None, now);
        assert!(entry.seen(now + SHORTEST_PAUSE).digest.is_none());
    }

    #[test]
    fn a_file_rests_no_longer_because_the_clock_was_set_back() {
        let mut entry = PluginEntry::default();
        failed(&mut entry, timeout());
        assert!(entry.seen(START).digest.is_some());
        assert!(
            entry
                .seen(START - SignedDuration::from_secs(1))
                .digest
                .is_none()
        );
    }

    #[test]
    fn a_file_that_could_not_be_read_is_read_at_the_next_look() {
        let mut entry = PluginEntry::default();
        let outcome = LoadOutcome::Failed(None, LoadError::Read("a disk that hangs".into()));
        entry.put(Source::Dir, outcome, None, START);
        assert!(entry.seen(START).digest.is_none() && entry.seen(START).stamp.is_none());
    }

    #[test]
    fn what_is_to_be_loaded_once_more_is_not_unchanged_because_it_was_being_looked_at() {
        let file = std::env::current_exe().unwrap();
        let stamp = Stamp::of(&file).unwrap();
        let mut entry = PluginEntry::default();
        failed(&mut entry, LoadError::Empty);
        entry.retry_if(|_| true);
        let now = Timestamp::UNIX_EPOCH;
        entry.put(Source::Dir, LoadOutcome::Unchanged, Some(stamp), now);
        assert_eq!(entry.seen(START).stamp, None);
        failed(&mut entry, LoadError::Empty);
        entry.put(Source::Dir, LoadOutcome::Unchanged, Some(stamp), now);
        assert_eq!(entry.seen(START).stamp, Some(stamp));
    }
}

//! One plugin in the catalog: the version that serves, and what became of the newest file.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Restored, Shelved, Source, Stamp};
use crate::check::Digest;
use crate::plugin::{LoadError, Plugin};

/// The place of one plugin.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    path: PathBuf,
    source: Source,
    good: Option<Arc<Plugin>>,
    /// Where the file of the version lay that serves.
    good_source: Source,
    generation: u64,
    since: Option<Timestamp>,
    seen: Seen,
    error: Option<LoadError>,
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

impl Shelf {
    /// The file that it is loaded from.
    pub(crate) fn path(&self) -> &PathBuf {
        &self.path
    }

    /// The version that serves.
    pub(crate) fn good(&self) -> Option<&Arc<Plugin>> {
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

    /// What was last looked at.
    pub(crate) fn seen(&self) -> Seen {
        self.seen
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
        let was_elsewhere = std::mem::replace(&mut self.good_source, source) != source;
        match self.error.take() {
            Some(_) => Restored::Mended,
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
        Some(before)
    }

    pub(super) fn put(
        &mut self,
        source: Source,
        outcome: LoadOutcome,
        stamp: Option<Stamp>,
        now: Timestamp,
    ) -> Shelved {
        match outcome {
            LoadOutcome::Unchanged => {
                // It may be due once more since it was begun to be looked at: then its stamp must
                // not pass for one that was seen.
                if self.seen.digest.is_some() {
                    self.seen.stamp = stamp;
                }
                Shelved::Unchanged
            }
            LoadOutcome::Failed(digest, error) => {
                let seen = Seen { digest, stamp };
                let seen = if error.may_pass() {
                    Seen::default()
                } else {
                    seen
                };
                let news = self.error.as_ref() != Some(&error) || self.seen.digest != seen.digest;
                self.seen = seen;
                self.error = Some(error);
                if news {
                    Shelved::Failed
                } else {
                    Shelved::Unchanged
                }
            }
            LoadOutcome::Loaded(plugin) => {
                let digest = Some(plugin.digest());
                self.seen = Seen { digest, stamp };
                self.error = None;
                self.generation += 1;
                self.since = Some(now);
                plugin.serve();
                self.good_source = source;
                self.good = Some(plugin);
                Shelved::Loaded(self.generation)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Code, RunError};

    fn failed(shelf: &mut Shelf, error: LoadError) -> Shelved {
        let outcome = LoadOutcome::Failed(Some(Digest::of(b"")), error);
        shelf.put(Source::Dir, outcome, None, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_failure_that_lies_in_the_file_is_final() {
        let mut shelf = Shelf::default();
        assert_eq!(failed(&mut shelf, LoadError::Empty), Shelved::Failed);
        assert_eq!(shelf.seen().digest, Some(Digest::of(b"")));
        assert_eq!(failed(&mut shelf, LoadError::Empty), Shelved::Unchanged);
    }

    #[test]
    fn a_failure_that_may_pass_is_tried_again_and_told_once() {
        for code in [Code::Timeout, Code::Host, Code::Full] {
            let mut shelf = Shelf::default();
            let error = LoadError::Describe(Box::new(RunError::new(code, "busy")));
            assert_eq!(failed(&mut shelf, error.clone()), Shelved::Failed);
            assert_eq!(shelf.seen().digest, None);
            assert_eq!(failed(&mut shelf, error), Shelved::Unchanged);
        }
        let error = LoadError::Describe(Box::new(RunError::new(Code::Fuel, "endless")));
        let mut shelf = Shelf::default();
        failed(&mut shelf, error);
        assert!(shelf.seen().digest.is_some(), "the guest is to blame");
    }

    #[test]
    fn what_is_to_be_loaded_once_more_is_not_unchanged_because_it_was_being_looked_at() {
        let file = std::env::current_exe().unwrap();
        let stamp = Stamp::of(&file).unwrap();
        let mut shelf = Shelf::default();
        failed(&mut shelf, LoadError::Empty);
        shelf.retry_if(|_| true);
        let now = Timestamp::UNIX_EPOCH;
        shelf.put(Source::Dir, LoadOutcome::Unchanged, Some(stamp), now);
        assert_eq!(shelf.seen().stamp, None);
        failed(&mut shelf, LoadError::Empty);
        shelf.put(Source::Dir, LoadOutcome::Unchanged, Some(stamp), now);
        assert_eq!(shelf.seen().stamp, Some(stamp));
    }
}

//! One plugin in the catalog: the version that serves, and what became of the newest file.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

use super::Shelved;
use crate::check::Digest;
use crate::plugin::{LoadError, Plugin};

/// The place of one plugin.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    path: PathBuf,
    good: Option<Arc<Plugin>>,
    generation: u64,
    since: Option<Timestamp>,
    seen: Option<Digest>,
    error: Option<LoadError>,
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

    /// How many versions of it have been loaded.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Since when the version that serves does.
    pub(crate) fn since(&self) -> Option<Timestamp> {
        self.since
    }

    /// The digest of the content that was last looked at.
    pub(crate) fn seen(&self) -> Option<Digest> {
        self.seen
    }

    /// Why the newest file is not the version that serves.
    pub(crate) fn error(&self) -> Option<&LoadError> {
        self.error.as_ref()
    }

    pub(super) fn begin(&mut self, path: PathBuf) {
        self.path = path;
    }

    pub(super) fn put(&mut self, outcome: LoadOutcome, now: Timestamp) -> Shelved {
        match outcome {
            LoadOutcome::Unchanged => Shelved::Unchanged,
            LoadOutcome::Failed(digest, error) => {
                let news = self.error.as_ref() != Some(&error) || self.seen != digest;
                self.seen = digest;
                self.error = Some(error);
                if news {
                    Shelved::Failed
                } else {
                    Shelved::Unchanged
                }
            }
            LoadOutcome::Loaded(plugin) => {
                self.seen = Some(plugin.digest());
                self.error = None;
                self.generation += 1;
                self.since = Some(now);
                self.good = Some(plugin);
                Shelved::Loaded(self.generation)
            }
        }
    }
}

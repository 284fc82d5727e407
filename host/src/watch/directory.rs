//! File events of the plugins directory.

use std::path::{Path, PathBuf};
use std::time::Duration;

use notify_debouncer_full::notify::{RecommendedWatcher, RecursiveMode};
use notify_debouncer_full::{DebounceEventResult, Debouncer, RecommendedCache, new_debouncer};
use tokio::sync::mpsc;

use super::Notice;

/// Watches one directory for as long as it is there.
pub(super) struct DirectoryWatch {
    notify: mpsc::UnboundedSender<Notice>,
    watched: Option<Watched>,
    complained: bool,
}

struct Watched {
    dir: PathBuf,
    /// Device and inode: a directory that was replaced is another one.
    identity: Option<(u64, u64)>,
    _events: Debouncer<RecommendedWatcher, RecommendedCache>,
}

impl DirectoryWatch {
    pub(super) fn new(notify: mpsc::UnboundedSender<Notice>) -> Self {
        Self {
            notify,
            watched: None,
            complained: false,
        }
    }

    /// Watches `dir` if it does not yet. Where that can't be, the regular look goes on alone.
    pub(super) fn ensure(&mut self, dir: &Path) {
        let identity = identity(dir);
        let same = |watched: &Watched| watched.dir == dir && watched.identity == identity;
        if self.watched.as_ref().is_some_and(same) {
            return;
        }
        self.watched = None;
        if identity.is_none() {
            return;
        }
        match self.watch(dir) {
            Ok(events) => {
                self.complained = false;
                self.watched = Some(Watched {
                    dir: dir.to_owned(),
                    identity,
                    _events: events,
                });
            }
            Err(error) if !self.complained => {
                self.complained = true;
                tracing::warn!(
                    dir = %dir.display(), %error,
                    "cannot watch the plugins directory: changes are seen at the next rescan"
                );
            }
            Err(_) => {}
        }
    }

    fn watch(&self, dir: &Path) -> notify::Result<Debouncer<RecommendedWatcher, RecommendedCache>> {
        let notify = self.notify.clone();
        let tell = move |events: DebounceEventResult| {
            // Reading a file is an event too, and the host reads them itself.
            let changed = events.map_or(true, |all| all.iter().any(|e| !e.kind.is_access()));
            if changed {
                // The watcher is gone only while the host shuts down.
                let _ = notify.send(Notice::Look);
            }
        };
        let mut events = new_debouncer(DEBOUNCE, None, tell)?;
        events.watch(dir, RecursiveMode::NonRecursive)?;
        Ok(events)
    }
}

fn identity(dir: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = std::fs::metadata(dir).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

/// How long a file must rest before it is looked at.
const DEBOUNCE: Duration = Duration::from_millis(200);

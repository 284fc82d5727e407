//! File events of the plugins directory.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use notify_debouncer_full::notify::event::{EventKind, ModifyKind};
use notify_debouncer_full::notify::{RecommendedWatcher, RecursiveMode};
use notify_debouncer_full::{DebounceEventResult, Debouncer, RecommendedCache, new_debouncer};
use tokio::sync::mpsc;

use super::Notice;

/// Watches one directory for as long as it is there.
pub(super) struct DirectoryWatch {
    notify: mpsc::UnboundedSender<Notice>,
    watched: Option<Watched>,
    /// What the directory was when it was last looked at, watched or not.
    found: Option<Identity>,
    complained: bool,
}

/// Device and inode: a directory that was replaced is another one, mostly. An inode can come back.
type Identity = (u64, u64);

struct Watched {
    dir: PathBuf,
    identity: Identity,
    /// Set when the directory itself was removed or moved away.
    is_gone: Arc<AtomicBool>,
    _events: Debouncer<RecommendedWatcher, RecommendedCache>,
}

impl DirectoryWatch {
    pub(super) fn new(notify: mpsc::UnboundedSender<Notice>) -> Self {
        Self {
            notify,
            watched: None,
            found: None,
            complained: false,
        }
    }

    /// Watches `dir` if it does not yet. Where that can't be, the regular look goes on alone.
    pub(super) fn ensure(&mut self, dir: &Path) {
        self.found = identity(dir);
        let is_same = |watched: &Watched| {
            let is_gone = watched.is_gone.load(Ordering::Acquire);
            !is_gone && watched.dir == dir && Some(watched.identity) == self.found
        };
        if self.watched.as_ref().is_some_and(is_same) {
            return;
        }
        self.watched = None;
        let Some(identity) = self.found else { return };
        match self.watch(dir, identity) {
            Ok(watched) => {
                self.complained = false;
                self.watched = Some(watched);
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

    /// Whether the directory has come, gone or been replaced since it was last ensured. For a
    /// glance now and then: no event tells of a directory that comes.
    pub(super) fn is_another(&self, dir: &Path) -> bool {
        identity(dir) != self.found
    }

    fn watch(&self, dir: &Path, identity: Identity) -> notify::Result<Watched> {
        let is_gone = Arc::new(AtomicBool::new(false));
        let (notify, gone) = (self.notify.clone(), Arc::clone(&is_gone));
        let itself = std::path::absolute(dir)?;
        let tell = move |events: DebounceEventResult| {
            let events = events.unwrap_or_default();
            let goes = |kind: EventKind| {
                kind.is_remove() || matches!(kind, EventKind::Modify(ModifyKind::Name(_)))
            };
            if events
                .iter()
                .any(|event| goes(event.kind) && event.paths.contains(&itself))
            {
                gone.store(true, Ordering::Release);
            }
            // Reading a file is an event too, and the host reads them itself. No event at all is
            // an error of the watch: the look finds out what it missed.
            if events.is_empty() || events.iter().any(|event| !event.kind.is_access()) {
                // The watcher is gone only while the host shuts down.
                let _ = notify.send(Notice::Look);
            }
        };
        let mut events = new_debouncer(DEBOUNCE, None, tell)?;
        events.watch(dir, RecursiveMode::NonRecursive)?;
        Ok(Watched {
            dir: dir.to_owned(),
            identity,
            is_gone,
            _events: events,
        })
    }
}

fn identity(dir: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = std::fs::metadata(dir).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

/// How long a file must rest before it is looked at.
pub(super) const DEBOUNCE: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[tokio::test]
    async fn a_directory_that_is_replaced_is_watched_again_even_under_the_old_inode() {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("plugins");
        let (sender, mut notices) = mpsc::unbounded_channel();
        let mut watch = DirectoryWatch::new(sender);
        watch.ensure(&dir);
        assert!(watch.watched.is_none() && !watch.is_another(&dir));
        fs::create_dir(&dir).unwrap();
        assert!(watch.is_another(&dir), "it has come");
        // File systems hand inodes out again, but not always at once: many rounds meet one.
        for round in 0..5 {
            watch.ensure(&dir);
            assert!(!watch.is_another(&dir));
            fs::write(dir.join("a.wasm"), "").unwrap();
            let told = tokio::time::timeout(Duration::from_secs(10), notices.recv()).await;
            assert!(matches!(told, Ok(Some(Notice::Look))), "round {round}");
            fs::remove_dir_all(&dir).unwrap();
            fs::create_dir(&dir).unwrap();
            while !gone(&watch) {
                let told = tokio::time::timeout(Duration::from_secs(10), notices.recv()).await;
                assert!(told.is_ok(), "round {round}: nobody tells that it went");
            }
            while notices.try_recv().is_ok() {}
        }
    }

    fn gone(watch: &DirectoryWatch) -> bool {
        let watched = watch.watched.as_ref();
        watched.is_some_and(|watched| watched.is_gone.load(Ordering::Acquire))
    }
}

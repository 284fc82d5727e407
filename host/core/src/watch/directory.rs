//! File events of the watched directories, and the detection of directories that were replaced.
//!
//! The module only reports that something may have changed. A scan finds out what.

mod debouncer;
mod identity;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use notify::event::{Event, EventKind, ModifyKind};
use notify::{ErrorKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use self::debouncer::Debouncer;
pub(super) use self::debouncer::{DEBOUNCE, Debounce};
use self::identity::{Identity, Version};
use vitals_model::shown_path;

/// Watches directories, without their subdirectories. Cheap to clone.
#[derive(Clone)]
pub(super) struct DirectoryWatch {
    /// Locked while directories are examined, which may hang.
    state: Arc<Mutex<WatchState>>,
    debouncer: Debouncer,
}

struct WatchState {
    /// Requests a scan. The channel holds one request, which covers all events before it.
    scan_sender: mpsc::Sender<()>,
    /// The runtime that sends the requests. Directories are examined on threads without a runtime.
    runtime: Handle,
    debouncer: Debouncer,
    /// The source of events; `None` before the first directory.
    events: Option<Events>,
    /// The directories of the last `set_directories`, with their state at that time.
    wanted: BTreeMap<PathBuf, DirectoryState>,
    watched: Watched,
    /// Directories that can't be watched, and for which that was logged.
    reported: BTreeSet<PathBuf>,
}

struct Events {
    watcher: RecommendedWatcher,
    _task: AbortOnDropHandle<()>,
}

/// The state of a directory at the last `set_directories`.
#[derive(Debug, PartialEq, Eq)]
enum DirectoryState {
    Absent,
    /// Events arrive, under its own path or another path to the same directory.
    Watched(Identity),
    /// No events arrive. A poll detects added and removed entries by the inode's change time.
    Unwatched(Version),
}

/// The watched directories, by the path that their events carry.
type Watched = Arc<Mutex<BTreeMap<PathBuf, Root>>>;

#[derive(Clone, Copy, Debug)]
struct Root {
    identity: Identity,
    /// The directory itself was removed or moved away, which removes the watch. Its inode may be
    /// reused.
    is_gone: bool,
}

impl DirectoryWatch {
    /// Creates a watch that requests scans through `scan_sender`. A channel of capacity one is
    /// enough.
    pub(super) fn new(scan_sender: mpsc::Sender<()>) -> Self {
        let debouncer = Debouncer::default();
        let state = WatchState {
            scan_sender,
            runtime: Handle::current(),
            debouncer: debouncer.clone(),
            events: None,
            wanted: BTreeMap::new(),
            watched: Watched::default(),
            reported: BTreeSet::new(),
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            debouncer,
        }
    }

    /// Watches exactly these directories. A directory that is missing or can't be watched is tried
    /// again at the next call. Blocks.
    pub(super) fn set_directories(&self, wanted: &BTreeSet<PathBuf>) {
        let mut state = self.state.lock();
        let absolute = |dir: &PathBuf| std::path::absolute(dir).ok();
        let wanted: BTreeSet<_> = wanted.iter().filter_map(absolute).collect();
        state.drop_all_but(&wanted);
        state.reported.retain(|dir| wanted.contains(dir));
        state.wanted = wanted
            .into_iter()
            .map(|dir| {
                let found = state.find(&dir);
                (dir, found)
            })
            .collect();
    }

    /// Returns whether a directory was added, removed or replaced since the last `set_directories`.
    /// Meant for polling, because no event reports a new directory. Blocks.
    pub(super) fn has_changed(&self) -> bool {
        let state = self.state.lock();
        let is_lost = state.watched.lock().values().any(|root| root.is_gone);
        is_lost || state.wanted.iter().any(|(dir, found)| found.differs(dir))
    }

    /// Returns whether a file has changed so recently that its scan is still pending.
    pub(super) fn is_pending(&self, file: &Path) -> bool {
        std::path::absolute(file).is_ok_and(|file| self.debouncer.is_pending(&file))
    }
}

impl WatchState {
    /// Removes the watches of directories that are no longer wanted or were replaced.
    fn drop_all_but(&mut self, wanted: &BTreeSet<PathBuf>) {
        // Examining the file system can take long, and the event handler must not wait for it.
        let roots = self.watched.lock().clone();
        let stays = |dir: &Path, root: Root| {
            wanted.contains(dir) && !root.is_gone && Identity::of(dir) == Some(root.identity)
        };
        for (dir, _) in roots.into_iter().filter(|(dir, root)| !stays(dir, *root)) {
            self.watched.lock().remove(&dir);
            // The watch may have disappeared with its directory.
            let _ = self
                .events
                .as_mut()
                .map(|events| events.watcher.unwatch(&dir));
        }
    }

    fn find(&mut self, dir: &Path) -> DirectoryState {
        // The version is read before the watch starts, so that a change in between is detected.
        let Some(version) = Version::of(dir) else {
            return DirectoryState::Absent;
        };
        let identity = version.identity;
        // An inode has one watch, whatever paths lead to it.
        let is_watched = self
            .watched
            .lock()
            .values()
            .any(|root| root.identity == identity);
        if is_watched {
            return DirectoryState::Watched(identity);
        }
        match self.watch(dir, identity) {
            Ok(()) => {
                self.reported.remove(dir);
                DirectoryState::Watched(identity)
            }
            Err(error) => {
                if self.reported.insert(dir.to_owned()) {
                    let path = shown_path(dir);
                    tracing::warn!(
                        path = path.as_str(),
                        error = describe_error(&error),
                        "directory cannot be watched, changes in it are noticed at the next rescan"
                    );
                }
                DirectoryState::Unwatched(version)
            }
        }
    }

    fn watch(&mut self, dir: &Path, identity: Identity) -> notify::Result<()> {
        let events = match &mut self.events {
            Some(events) => events,
            none => {
                let _on = self.runtime.enter();
                none.insert(Events::new(
                    &self.watched,
                    &self.debouncer,
                    &self.scan_sender,
                )?)
            }
        };
        // Inserted before the watch starts, so that its first events find the entry.
        let root = Root {
            identity,
            is_gone: false,
        };
        self.watched.lock().insert(dir.to_owned(), root);
        let watched = events.watcher.watch(dir, RecursiveMode::NonRecursive);
        if watched.is_err() {
            self.watched.lock().remove(dir);
        }
        watched
    }
}

impl DirectoryState {
    fn differs(&self, dir: &Path) -> bool {
        match (self, Version::of(dir)) {
            (Self::Absent, now) => now.is_some(),
            (_, None) => true,
            (Self::Watched(then), Some(now)) => *then != now.identity,
            (Self::Unwatched(then), Some(now)) => *then != now,
        }
    }
}

impl Events {
    /// Starts to receive events and to request scans once they are debounced.
    fn new(
        watched: &Watched,
        debouncer: &Debouncer,
        scan_sender: &mpsc::Sender<()>,
    ) -> notify::Result<Self> {
        let (recorded, watched) = (debouncer.clone(), Arc::clone(watched));
        let watcher =
            notify::recommended_watcher(move |event| handle_event(&recorded, &watched, event))?;
        let scan_sender = scan_sender.clone();
        let task = tokio::spawn(debouncer.clone().run(move || {
            // A pending request covers this one. The receiver is gone only at shutdown.
            let _ = scan_sender.try_send(());
        }));
        Ok(Self {
            watcher,
            _task: AbortOnDropHandle::new(task),
        })
    }
}

fn handle_event(debouncer: &Debouncer, watched: &Watched, event: notify::Result<Event>) {
    match event {
        // The host's own reads cause access events.
        Ok(event) if event.kind.is_access() => {}
        Ok(event) if !event.need_rescan() => {
            for path in &event.paths {
                if is_removal(event.kind) {
                    mark_gone(watched, path);
                }
                debouncer.record(path);
            }
        }
        // The event queue overflowed, or the watch failed: any event may be missing, including the
        // replacement of a watched directory.
        _ => {
            mark_gone(watched, Path::new("/"));
            debouncer.record(Path::new(""));
        }
    }
}

fn is_removal(kind: EventKind) -> bool {
    kind.is_remove() || matches!(kind, EventKind::Modify(ModifyKind::Name(_)))
}

/// Marks the directories below a removed path as gone, because their watches went with it.
fn mark_gone(watched: &Watched, path: &Path) {
    let mut roots = watched.lock();
    let below = roots.iter_mut().filter(|(dir, _)| dir.starts_with(path));
    below.for_each(|(_, root)| root.is_gone = true);
}

/// Explains why a directory can't be watched, and what to do.
fn describe_error(error: &notify::Error) -> String {
    match &error.kind {
        ErrorKind::MaxFilesWatch => {
            "all watches of this user are taken: raise fs.inotify.max_user_watches".into()
        }
        ErrorKind::Io(io) if io.raw_os_error() == Some(TOO_MANY_OPEN) => {
            "all inotify instances of this user are taken: raise fs.inotify.max_user_instances"
                .into()
        }
        ErrorKind::Io(io) => io.to_string(),
        _ => error.to_string(),
    }
}

/// EMFILE: creating an inotify instance fails with it when the user has too many.
const TOO_MANY_OPEN: i32 = rustix::io::Errno::MFILE.raw_os_error();

#[cfg(test)]
mod tests;

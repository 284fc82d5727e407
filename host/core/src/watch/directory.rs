//! File events of the watched directories, and the detection of directories that were replaced.
//!
//! The module only reports that something may have changed. A scan finds out what.

mod identity;
mod quiet;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use notify::event::{Event, EventKind, ModifyKind};
use notify::{ErrorKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use parking_lot::{Mutex, MutexGuard};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use self::identity::{Identity, Version};
pub(super) use self::quiet::DEBOUNCE;
use self::quiet::Unrest;
use vitals_model::shown_path;

/// Watches directories, without their subdirectories. Cheap to clone.
#[derive(Clone)]
pub(super) struct DirectoryWatch {
    /// Locked while directories are examined, which may hang.
    watching: Arc<Mutex<Watching>>,
    unrest: Unrest,
}

struct Watching {
    /// Requests a scan. The channel holds one request, which covers all events before it.
    look: mpsc::Sender<()>,
    /// The runtime that sends the requests. Directories are examined on threads without a runtime.
    runtime: Handle,
    unrest: Unrest,
    /// The source of events; `None` before the first directory.
    events: Option<Events>,
    /// The directories of the last `ensure`, with their state at that time.
    wanted: BTreeMap<PathBuf, Found>,
    watched: Watched,
    /// Directories that can't be watched, and for which that was logged.
    complained: BTreeSet<PathBuf>,
}

struct Events {
    watcher: RecommendedWatcher,
    _telling: AbortOnDropHandle<()>,
}

/// The state of a directory at the last `ensure`.
#[derive(Debug, PartialEq, Eq)]
enum Found {
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
    /// Creates a watch that requests scans through `look`. A channel of capacity one is enough.
    pub(super) fn new(look: mpsc::Sender<()>) -> Self {
        let unrest = Unrest::default();
        let watching = Watching {
            look,
            runtime: Handle::current(),
            unrest: unrest.clone(),
            events: None,
            wanted: BTreeMap::new(),
            watched: Watched::default(),
            complained: BTreeSet::new(),
        };
        Self {
            watching: Arc::new(Mutex::new(watching)),
            unrest,
        }
    }

    /// Watches exactly these directories. A directory that is missing or can't be watched is tried
    /// again at the next call. Blocks.
    pub(super) fn ensure(&self, wanted: &BTreeSet<PathBuf>) {
        let mut watching = self.lock();
        let absolute = |dir: &PathBuf| std::path::absolute(dir).ok();
        let wanted: BTreeSet<_> = wanted.iter().filter_map(absolute).collect();
        watching.drop_all_but(&wanted);
        watching.complained.retain(|dir| wanted.contains(dir));
        watching.wanted = wanted
            .into_iter()
            .map(|dir| {
                let found = watching.find(&dir);
                (dir, found)
            })
            .collect();
    }

    /// Returns whether a directory was added, removed or replaced since the last `ensure`. Meant
    /// for polling, because no event reports a new directory. Blocks.
    pub(super) fn is_another(&self) -> bool {
        let watching = self.lock();
        let is_lost = watching.roots().values().any(|root| root.is_gone);
        is_lost
            || watching
                .wanted
                .iter()
                .any(|(dir, found)| found.differs(dir))
    }

    /// Returns whether a file has changed so recently that its scan is still pending.
    pub(super) fn is_restless(&self, file: &Path) -> bool {
        std::path::absolute(file).is_ok_and(|file| self.unrest.holds(&file))
    }

    fn lock(&self) -> MutexGuard<'_, Watching> {
        self.watching.lock()
    }
}

impl Watching {
    /// Removes the watches of directories that are no longer wanted or were replaced.
    fn drop_all_but(&mut self, wanted: &BTreeSet<PathBuf>) {
        // Examining the file system can take long, and the event handler must not wait for it.
        let roots = self.roots().clone();
        let stays = |dir: &Path, root: Root| {
            wanted.contains(dir) && !root.is_gone && Identity::of(dir) == Some(root.identity)
        };
        for (dir, _) in roots.into_iter().filter(|(dir, root)| !stays(dir, *root)) {
            self.roots().remove(&dir);
            // The watch may have disappeared with its directory.
            let _ = self
                .events
                .as_mut()
                .map(|events| events.watcher.unwatch(&dir));
        }
    }

    fn find(&mut self, dir: &Path) -> Found {
        // The version is read before the watch starts, so that a change in between is detected.
        let Some(version) = Version::of(dir) else {
            return Found::Absent;
        };
        let identity = version.identity;
        // An inode has one watch, whatever paths lead to it.
        let is_watched = self.roots().values().any(|root| root.identity == identity);
        if is_watched {
            return Found::Watched(identity);
        }
        match self.watch(dir, identity) {
            Ok(()) => {
                self.complained.remove(dir);
                Found::Watched(identity)
            }
            Err(error) => {
                if self.complained.insert(dir.to_owned()) {
                    let path = shown_path(dir);
                    tracing::warn!(
                        path = path.as_str(),
                        error = why(&error),
                        "directory cannot be watched, changes in it are noticed at the next rescan"
                    );
                }
                Found::Unwatched(version)
            }
        }
    }

    fn watch(&mut self, dir: &Path, identity: Identity) -> notify::Result<()> {
        let events = match &mut self.events {
            Some(events) => events,
            none => {
                let _on = self.runtime.enter();
                none.insert(Events::new(&self.watched, &self.unrest, &self.look)?)
            }
        };
        // Inserted before the watch starts, so that its first events find the entry.
        let root = Root {
            identity,
            is_gone: false,
        };
        lock(&self.watched).insert(dir.to_owned(), root);
        let watched = events.watcher.watch(dir, RecursiveMode::NonRecursive);
        if watched.is_err() {
            lock(&self.watched).remove(dir);
        }
        watched
    }

    fn roots(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Root>> {
        lock(&self.watched)
    }
}

impl Found {
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
    fn new(watched: &Watched, unrest: &Unrest, look: &mpsc::Sender<()>) -> notify::Result<Self> {
        let (heard, watched) = (unrest.clone(), Arc::clone(watched));
        let watcher = notify::recommended_watcher(move |event| hear(&heard, &watched, event))?;
        let look = look.clone();
        let telling = tokio::spawn(unrest.clone().tell(move || {
            // A pending request covers this one. The receiver is gone only at shutdown.
            let _ = look.try_send(());
        }));
        Ok(Self {
            watcher,
            _telling: AbortOnDropHandle::new(telling),
        })
    }
}

fn hear(unrest: &Unrest, watched: &Watched, event: notify::Result<Event>) {
    match event {
        // The host's own reads cause access events.
        Ok(event) if event.kind.is_access() => {}
        Ok(event) if !event.need_rescan() => {
            for path in &event.paths {
                if goes(event.kind) {
                    lose(watched, path);
                }
                unrest.hear(path);
            }
        }
        // The event queue overflowed, or the watch failed: any event may be missing, including the
        // replacement of a watched directory.
        _ => {
            lose(watched, Path::new("/"));
            unrest.hear(Path::new(""));
        }
    }
}

fn goes(kind: EventKind) -> bool {
    kind.is_remove() || matches!(kind, EventKind::Modify(ModifyKind::Name(_)))
}

/// Marks the directories below a removed path as gone, because their watches went with it.
fn lose(watched: &Watched, path: &Path) {
    let mut roots = lock(watched);
    let below = roots.iter_mut().filter(|(dir, _)| dir.starts_with(path));
    below.for_each(|(_, root)| root.is_gone = true);
}

fn lock(watched: &Watched) -> MutexGuard<'_, BTreeMap<PathBuf, Root>> {
    watched.lock()
}

/// Explains why a directory can't be watched, and what to do.
fn why(error: &notify::Error) -> String {
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

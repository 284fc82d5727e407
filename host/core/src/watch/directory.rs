//! File events of the directories that matter: which are watched, and which have become others.
//!
//! Only that something may have changed goes out of here; what it was, a look finds out.

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

/// Watches directories, each for as long as it is there and without those in it. Cheap to clone.
#[derive(Clone)]
pub(super) struct DirectoryWatch {
    /// Locked while directories are looked at, which can take for ever.
    watching: Arc<Mutex<Watching>>,
    unrest: Unrest,
}

struct Watching {
    /// What is told of, once for all that comes before it is heard.
    look: mpsc::Sender<()>,
    /// Where that is told from: directories are looked at on threads of no runtime.
    runtime: Handle,
    unrest: Unrest,
    /// Where events come from; nothing before the first directory.
    events: Option<Events>,
    /// What was wanted last, as it was then.
    wanted: BTreeMap<PathBuf, Found>,
    watched: Watched,
    /// Directories that can't be watched, and of which that was said.
    complained: BTreeSet<PathBuf>,
}

struct Events {
    watcher: RecommendedWatcher,
    _telling: AbortOnDropHandle<()>,
}

/// What a wanted directory was when it was last ensured.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Absent,
    /// Its events come, under its own path or under another that leads to it.
    Watched(Identity),
    /// No events come: a poll can at least tell by its clock when an entry comes or goes.
    Unwatched(Version),
}

/// The directories whose events come, by the path that is on the events.
type Watched = Arc<Mutex<BTreeMap<PathBuf, Root>>>;

#[derive(Clone, Copy, Debug)]
struct Root {
    identity: Identity,
    /// The directory itself was removed or moved away, and its watch with it: an inode can come back.
    is_gone: bool,
}

impl DirectoryWatch {
    /// A watch that says by `look` that it is time to. The channel holds one word, which is enough.
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

    /// Watches these directories and no others. One that is not there, or can't be watched, is
    /// tried again the next time. Blocks.
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

    /// Whether any of the directories has come, gone or been replaced since they were last ensured.
    /// For a poll now and then: no event tells of a directory that comes. Blocks.
    pub(super) fn is_another(&self) -> bool {
        let watching = self.lock();
        let is_lost = watching.roots().values().any(|root| root.is_gone);
        is_lost
            || watching
                .wanted
                .iter()
                .any(|(dir, found)| found.differs(dir))
    }

    /// Whether a file has not rested since something happened to it: when it has, that is told.
    pub(super) fn is_restless(&self, file: &Path) -> bool {
        std::path::absolute(file).is_ok_and(|file| self.unrest.holds(&file))
    }

    fn lock(&self) -> MutexGuard<'_, Watching> {
        self.watching.lock()
    }
}

impl Watching {
    /// Lets go of directories that are not wanted any more, and of those that were replaced.
    fn drop_all_but(&mut self, wanted: &BTreeSet<PathBuf>) {
        // A look at the file system can take long, and who hears the events must not wait for it.
        let roots = self.roots().clone();
        let stays = |dir: &Path, root: Root| {
            wanted.contains(dir) && !root.is_gone && Identity::of(dir) == Some(root.identity)
        };
        for (dir, _) in roots.into_iter().filter(|(dir, root)| !stays(dir, *root)) {
            self.roots().remove(&dir);
            // It may have gone with its directory.
            let _ = self
                .events
                .as_mut()
                .map(|events| events.watcher.unwatch(&dir));
        }
    }

    fn find(&mut self, dir: &Path) -> Found {
        // Before the watch, so that what comes between is seen as a change.
        let Some(version) = Version::of(dir) else {
            return Found::Absent;
        };
        let identity = version.identity;
        // One inode has one watch, whatever leads to it.
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
                        "directory cannot be watched, changes in it are seen at the next rescan"
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
        // Before, so that its events find it.
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
    /// Begins to listen, and to tell of what was heard once it has rested.
    fn new(watched: &Watched, unrest: &Unrest, look: &mpsc::Sender<()>) -> notify::Result<Self> {
        let (heard, watched) = (unrest.clone(), Arc::clone(watched));
        let watcher = notify::recommended_watcher(move |event| hear(&heard, &watched, event))?;
        let look = look.clone();
        let telling = tokio::spawn(unrest.clone().tell(move || {
            // Where a word waits it stands for this one too; nobody listens only at the shutdown.
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
        // Reading a file is an event too, and the host reads them itself.
        Ok(event) if event.kind.is_access() => {}
        Ok(event) if !event.need_rescan() => {
            for path in &event.paths {
                if goes(event.kind) {
                    lose(watched, path);
                }
                unrest.hear(path);
            }
        }
        // Too many at once, or an error of the watch: any event may be missing, also that a watched
        // directory is another.
        _ => {
            lose(watched, Path::new("/"));
            unrest.hear(Path::new(""));
        }
    }
}

fn goes(kind: EventKind) -> bool {
    kind.is_remove() || matches!(kind, EventKind::Modify(ModifyKind::Name(_)))
}

/// A directory went, and the watches of those below it went with it.
fn lose(watched: &Watched, path: &Path) {
    let mut roots = lock(watched);
    let below = roots.iter_mut().filter(|(dir, _)| dir.starts_with(path));
    below.for_each(|(_, root)| root.is_gone = true);
}

fn lock(watched: &Watched) -> MutexGuard<'_, BTreeMap<PathBuf, Root>> {
    watched.lock()
}

/// Why a directory can't be watched, and what to do.
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

/// EMFILE: what a new inotify instance fails with where the user has too many.
const TOO_MANY_OPEN: i32 = rustix::io::Errno::MFILE.raw_os_error();

#[cfg(test)]
mod tests;

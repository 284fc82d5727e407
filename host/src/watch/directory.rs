//! File events of the directories that matter: which are watched, and which have become others.
//!
//! Only that something may have changed goes out of here; what it was, a look finds out.

mod identity;
mod quiet;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use notify::event::{Event, EventKind, ModifyKind};
use notify::{ErrorKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use self::identity::{Identity, Version};
pub(super) use self::quiet::DEBOUNCE;
use self::quiet::Unrest;
use super::Notice;

/// Watches directories, each for as long as it is there and without those in it. Cheap to clone.
#[derive(Clone)]
pub(super) struct DirectoryWatch(Arc<Mutex<Watching>>);

struct Watching {
    notify: mpsc::UnboundedSender<Notice>,
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
    /// No events come: a glance can at least tell by its clock when an entry comes or goes.
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
    pub(super) fn new(notify: mpsc::UnboundedSender<Notice>) -> Self {
        Self(Arc::new(Mutex::new(Watching {
            notify,
            events: None,
            wanted: BTreeMap::new(),
            watched: Watched::default(),
            complained: BTreeSet::new(),
        })))
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
    /// For a glance now and then: no event tells of a directory that comes. Blocks.
    pub(super) fn is_another(&self) -> bool {
        let watching = self.lock();
        watching.roots().values().any(|root| root.is_gone)
            || watching
                .wanted
                .iter()
                .any(|(dir, found)| found.differs(dir))
    }

    fn lock(&self) -> MutexGuard<'_, Watching> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watching {
    /// Lets go of directories that are not wanted any more, and of those that were replaced.
    fn drop_all_but(&mut self, wanted: &BTreeSet<PathBuf>) {
        let mut gone = Vec::new();
        self.roots().retain(|dir, root| {
            let is_same = !root.is_gone && Identity::of(dir) == Some(root.identity);
            let stays = is_same && wanted.contains(dir);
            if !stays {
                gone.push(dir.clone());
            }
            stays
        });
        for dir in gone {
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
                    let (dir, why) = (dir.display(), why(&error));
                    tracing::warn!(
                        "cannot watch the directory {dir}: {why}; changes in it are seen at the next rescan"
                    );
                }
                Found::Unwatched(version)
            }
        }
    }

    fn watch(&mut self, dir: &Path, identity: Identity) -> notify::Result<()> {
        let events = match &mut self.events {
            Some(events) => events,
            none => none.insert(Events::new(&self.watched, &self.notify)?),
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
    fn new(watched: &Watched, notify: &mpsc::UnboundedSender<Notice>) -> notify::Result<Self> {
        let unrest = Unrest::default();
        let (heard, watched) = (unrest.clone(), Arc::clone(watched));
        let watcher = notify::recommended_watcher(move |event| hear(&heard, &watched, event))?;
        let notify = notify.clone();
        let telling = tokio::spawn(unrest.tell(move || {
            // Nobody listens only while the host shuts down.
            let _ = notify.send(Notice::Look);
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
    watched.lock().unwrap_or_else(PoisonError::into_inner)
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
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::time::Duration;

    use notify::event::Flag;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    struct Watch {
        place: tempfile::TempDir,
        watch: DirectoryWatch,
        notices: mpsc::UnboundedReceiver<Notice>,
    }

    impl Watch {
        fn new() -> Self {
            let (sender, notices) = mpsc::unbounded_channel();
            Self {
                place: tempfile::tempdir().unwrap(),
                watch: DirectoryWatch::new(sender),
                notices,
            }
        }

        fn dir(&self, name: &str) -> PathBuf {
            self.place.path().join(name)
        }

        fn ensure(&self, names: &[&str]) {
            let wanted = names.iter().map(|name| self.dir(name)).collect();
            self.watch.ensure(&wanted);
        }

        async fn told(&mut self) {
            let told = tokio::time::timeout(PATIENCE, self.notices.recv()).await;
            assert!(matches!(told, Ok(Some(Notice::Look))), "{told:?}");
        }

        /// Writes a file into each directory, and asks whether exactly those of `heard` are told of.
        async fn is_told_of(&mut self, dirs: &[&str], heard: &[&str]) {
            for dir in dirs {
                fs::write(self.dir(dir).join("a.wasm"), "").unwrap();
                if heard.contains(dir) {
                    self.told().await;
                } else {
                    // Nothing else is told, so the next thing is what is done here.
                    tokio::time::sleep(2 * DEBOUNCE).await;
                    assert!(self.notices.try_recv().is_err(), "{dir} is not watched");
                }
            }
        }
    }

    #[tokio::test]
    async fn a_directory_that_is_replaced_is_watched_again_even_under_the_old_inode() {
        let mut here = Watch::new();
        here.ensure(&["plugins"]);
        assert!(!here.watch.is_another());
        fs::create_dir(here.dir("plugins")).unwrap();
        assert!(here.watch.is_another(), "it has come");
        // File systems hand inodes out again, but not always at once: many rounds meet one.
        for _ in 0..5 {
            here.ensure(&["plugins"]);
            assert!(!here.watch.is_another());
            here.is_told_of(&["plugins"], &["plugins"]).await;
            fs::remove_dir_all(here.dir("plugins")).unwrap();
            fs::create_dir(here.dir("plugins")).unwrap();
            here.told().await;
            assert!(here.watch.is_another(), "it went");
            while here.notices.try_recv().is_ok() {}
        }
    }

    #[tokio::test]
    async fn what_is_wanted_no_more_is_let_go_of_and_the_rest_stays() {
        let mut here = Watch::new();
        let all = ["a", "b", "c"];
        for name in all {
            fs::create_dir(here.dir(name)).unwrap();
        }
        here.ensure(&["a", "b"]);
        here.is_told_of(&all, &["a", "b"]).await;
        here.ensure(&["b", "c"]);
        here.is_told_of(&all, &["b", "c"]).await;
        here.ensure(&[]);
        here.is_told_of(&all, &[]).await;
    }

    #[tokio::test]
    async fn two_ways_to_one_directory_are_one_watch_until_both_are_gone() {
        let mut here = Watch::new();
        fs::create_dir(here.dir("real")).unwrap();
        symlink("real", here.dir("link")).unwrap();
        here.ensure(&["link", "real"]);
        here.is_told_of(&["real"], &["real"]).await;
        assert!(here.notices.try_recv().is_err(), "it is told once");
        for left in ["real", "link"] {
            here.ensure(&[left]);
            here.is_told_of(&["real"], &["real"]).await;
            assert!(!here.watch.is_another());
        }
        here.ensure(&[]);
        here.is_told_of(&["real"], &[]).await;
    }

    #[tokio::test]
    async fn a_link_that_leads_elsewhere_is_another_directory() {
        let mut here = Watch::new();
        fs::create_dir(here.dir("one")).unwrap();
        fs::create_dir(here.dir("two")).unwrap();
        symlink("one", here.dir("link")).unwrap();
        here.ensure(&["link"]);
        here.is_told_of(&["one", "two"], &["one"]).await;
        symlink("two", here.dir("new")).unwrap();
        fs::rename(here.dir("new"), here.dir("link")).unwrap();
        assert!(here.watch.is_another());
        here.ensure(&["link"]);
        assert!(!here.watch.is_another());
        here.is_told_of(&["one", "two"], &["two"]).await;
    }

    #[tokio::test]
    async fn a_directory_that_went_takes_the_watches_below_it_along() {
        let mut here = Watch::new();
        fs::create_dir_all(here.dir("outer/inner/most")).unwrap();
        let all = ["outer", "outer/inner", "outer/inner/most"];
        here.ensure(&all);
        fs::rename(here.dir("outer/inner"), here.dir("elsewhere")).unwrap();
        here.told().await;
        fs::rename(here.dir("elsewhere"), here.dir("outer/inner")).unwrap();
        here.told().await;
        assert!(here.watch.is_another(), "it is as it was, but unwatched");
        here.ensure(&all);
        while here.notices.try_recv().is_ok() {}
        here.is_told_of(&all, &all).await;
    }

    #[tokio::test]
    async fn reading_is_no_change() {
        let mut here = Watch::new();
        fs::create_dir(here.dir("plugins")).unwrap();
        let file = here.dir("plugins").join("a.wasm");
        fs::write(&file, "a").unwrap();
        here.ensure(&["plugins"]);
        for _ in 0..10 {
            fs::read(&file).unwrap();
            fs::read_dir(here.dir("plugins")).unwrap().count();
        }
        tokio::time::sleep(3 * DEBOUNCE).await;
        assert!(here.notices.try_recv().is_err());
        here.is_told_of(&["plugins"], &["plugins"]).await;
    }

    #[tokio::test]
    async fn where_events_were_lost_everything_is_looked_at_and_watched_anew() {
        let unrest = Unrest::default();
        let watched = Watched::default();
        let (dir, identity) = (PathBuf::from("/a"), Identity::of(Path::new("/")).unwrap());
        let lost = Event::new(EventKind::Other).set_flag(Flag::Rescan);
        for event in [Ok(lost), Err(notify::Error::generic("broken"))] {
            let root = Root {
                identity,
                is_gone: false,
            };
            lock(&watched).insert(dir.clone(), root);
            hear(&unrest, &watched, event);
            assert!(lock(&watched)[&dir].is_gone);
            let (sender, mut told) = mpsc::unbounded_channel();
            let telling = unrest
                .clone()
                .tell(move || sender.send(()).unwrap_or_default());
            let telling = AbortOnDropHandle::new(tokio::spawn(telling));
            let told = tokio::time::timeout(PATIENCE, told.recv()).await;
            assert_eq!(told, Ok(Some(())));
            drop(telling);
        }
    }

    #[test]
    fn who_reads_why_knows_which_limit_to_raise() {
        let too_many = std::io::Error::from_raw_os_error(TOO_MANY_OPEN);
        for (error, limit) in [
            (
                notify::Error::new(ErrorKind::MaxFilesWatch),
                "fs.inotify.max_user_watches",
            ),
            (notify::Error::io(too_many), "fs.inotify.max_user_instances"),
        ] {
            assert!(why(&error).ends_with(limit), "{}", why(&error));
        }
    }

    #[test]
    fn a_directory_that_cannot_be_watched_is_looked_at_when_its_clock_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let found = Found::Unwatched(Version::of(dir.path()).unwrap());
        assert!(!found.differs(dir.path()));
        while !found.differs(dir.path()) {
            // The clocks of file systems tick every few milliseconds.
            fs::write(dir.path().join("a"), "").unwrap();
            fs::remove_file(dir.path().join("a")).unwrap();
        }
    }
}

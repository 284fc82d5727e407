//! Tests of the watch on a real file system.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use notify::event::Flag;

use super::*;

const TIMEOUT: Duration = Duration::from_secs(10);

struct Here {
    place: tempfile::TempDir,
    watch: DirectoryWatch,
    scan_requests: mpsc::Receiver<()>,
}

impl Here {
    fn new() -> Self {
        let (sender, scan_requests) = mpsc::channel(1);
        Self {
            place: tempfile::tempdir().unwrap(),
            watch: DirectoryWatch::new(sender),
            scan_requests,
        }
    }

    fn dir(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    fn set_directories(&self, names: &[&str]) {
        let wanted = names.iter().map(|name| self.dir(name)).collect();
        self.watch.set_directories(&wanted);
    }

    async fn scan_requested(&mut self) {
        let scan_requested = tokio::time::timeout(TIMEOUT, self.scan_requests.recv()).await;
        assert!(matches!(scan_requested, Ok(Some(()))), "{scan_requested:?}");
    }

    /// Writes a file into each directory, and asserts that exactly those of `recorded` cause a scan.
    async fn is_told_of(&mut self, dirs: &[&str], recorded: &[&str]) {
        for dir in dirs {
            fs::write(self.dir(dir).join("a.wasm"), "").unwrap();
            if recorded.contains(dir) {
                self.scan_requested().await;
            } else {
                // No other scan is requested, so the next request is caused by this.
                tokio::time::sleep(2 * DEBOUNCE).await;
                assert!(
                    self.scan_requests.try_recv().is_err(),
                    "{dir} is not watched"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_replaced_directory_is_watched_again_even_with_the_old_inode() {
    let mut here = Here::new();
    here.set_directories(&["plugins"]);
    assert!(!here.watch.has_changed());
    fs::create_dir(here.dir("plugins")).unwrap();
    assert!(here.watch.has_changed(), "it has come");
    // File systems reuse inodes, but not always at once; many rounds make a reuse likely.
    for _ in 0..5 {
        here.set_directories(&["plugins"]);
        assert!(!here.watch.has_changed());
        here.is_told_of(&["plugins"], &["plugins"]).await;
        fs::remove_dir_all(here.dir("plugins")).unwrap();
        fs::create_dir(here.dir("plugins")).unwrap();
        here.scan_requested().await;
        assert!(here.watch.has_changed(), "it went");
        while here.scan_requests.try_recv().is_ok() {}
    }
}

#[tokio::test]
async fn unwanted_directories_are_unwatched_and_others_stay() {
    let mut here = Here::new();
    let all = ["a", "b", "c"];
    for name in all {
        fs::create_dir(here.dir(name)).unwrap();
    }
    here.set_directories(&["a", "b"]);
    here.is_told_of(&all, &["a", "b"]).await;
    here.set_directories(&["b", "c"]);
    here.is_told_of(&all, &["b", "c"]).await;
    here.set_directories(&[]);
    here.is_told_of(&all, &[]).await;
}

#[tokio::test]
async fn two_paths_to_one_directory_share_a_watch() {
    let mut here = Here::new();
    fs::create_dir(here.dir("real")).unwrap();
    symlink("real", here.dir("link")).unwrap();
    here.set_directories(&["link", "real"]);
    here.is_told_of(&["real"], &["real"]).await;
    assert!(here.scan_requests.try_recv().is_err(), "it is told once");
    for left in ["real", "link"] {
        here.set_directories(&[left]);
        here.is_told_of(&["real"], &["real"]).await;
        assert!(!here.watch.has_changed());
    }
    here.set_directories(&[]);
    here.is_told_of(&["real"], &[]).await;
}

#[tokio::test]
async fn a_link_with_another_target_is_another_directory() {
    let mut here = Here::new();
    fs::create_dir(here.dir("one")).unwrap();
    fs::create_dir(here.dir("two")).unwrap();
    symlink("one", here.dir("link")).unwrap();
    here.set_directories(&["link"]);
    here.is_told_of(&["one", "two"], &["one"]).await;
    symlink("two", here.dir("new")).unwrap();
    fs::rename(here.dir("new"), here.dir("link")).unwrap();
    assert!(here.watch.has_changed());
    here.set_directories(&["link"]);
    assert!(!here.watch.has_changed());
    here.is_told_of(&["one", "two"], &["two"]).await;
}

#[tokio::test]
async fn removing_a_directory_ends_the_watches_below_it() {
    let mut here = Here::new();
    fs::create_dir_all(here.dir("outer/inner/most")).unwrap();
    let all = ["outer", "outer/inner", "outer/inner/most"];
    here.set_directories(&all);
    fs::rename(here.dir("outer/inner"), here.dir("elsewhere")).unwrap();
    here.scan_requested().await;
    fs::rename(here.dir("elsewhere"), here.dir("outer/inner")).unwrap();
    here.scan_requested().await;
    assert!(here.watch.has_changed(), "it is as it was, but unwatched");
    here.set_directories(&all);
    while here.scan_requests.try_recv().is_ok() {}
    here.is_told_of(&all, &all).await;
}

#[tokio::test]
async fn reading_is_no_change() {
    let mut here = Here::new();
    fs::create_dir(here.dir("plugins")).unwrap();
    let file = here.dir("plugins").join("a.wasm");
    fs::write(&file, "a").unwrap();
    here.set_directories(&["plugins"]);
    for _ in 0..10 {
        fs::read(&file).unwrap();
        fs::read_dir(here.dir("plugins")).unwrap().count();
    }
    tokio::time::sleep(3 * DEBOUNCE).await;
    assert!(here.scan_requests.try_recv().is_err());
    here.is_told_of(&["plugins"], &["plugins"]).await;
}

#[tokio::test]
async fn a_path_is_pending_until_its_scan_is_requested() {
    let mut here = Here::new();
    fs::create_dir(here.dir("plugins")).unwrap();
    let file = here.dir("plugins").join("a.wasm");
    fs::write(&file, "").unwrap();
    here.set_directories(&["plugins"]);
    assert!(!here.watch.is_pending(&file));
    fs::remove_file(&file).unwrap();
    while !here.watch.is_pending(&file) {
        assert!(
            here.scan_requests.try_recv().is_err(),
            "it was told and never heard"
        );
        tokio::task::yield_now().await;
    }
    here.scan_requested().await;
    assert!(!here.watch.is_pending(&file));
}

#[tokio::test]
async fn lost_events_cause_a_full_rescan() {
    let debouncer = Debouncer::default();
    let watched = Watched::default();
    let (dir, identity) = (PathBuf::from("/a"), Identity::of(Path::new("/")).unwrap());
    let lost = Event::new(EventKind::Other).set_flag(Flag::Rescan);
    for event in [Ok(lost), Err(notify::Error::generic("broken"))] {
        let root = Root {
            identity,
            is_gone: false,
        };
        watched.lock().insert(dir.clone(), root);
        handle_event(&debouncer, &watched, event);
        assert!(watched.lock()[&dir].is_gone);
        let (sender, mut scan_requested) = mpsc::unbounded_channel();
        let task = debouncer
            .clone()
            .run(move || sender.send(()).unwrap_or_default());
        let task = AbortOnDropHandle::new(tokio::spawn(task));
        let scan_requested = tokio::time::timeout(TIMEOUT, scan_requested.recv()).await;
        assert_eq!(scan_requested, Ok(Some(())));
        drop(task);
    }
}

#[test]
fn watch_errors_name_the_limit_to_raise() {
    let too_many = std::io::Error::from_raw_os_error(TOO_MANY_OPEN);
    for (error, limit) in [
        (
            notify::Error::new(ErrorKind::MaxFilesWatch),
            "fs.inotify.max_user_watches",
        ),
        (notify::Error::io(too_many), "fs.inotify.max_user_instances"),
    ] {
        assert!(
            describe_error(&error).ends_with(limit),
            "{}",
            describe_error(&error)
        );
    }
}

#[test]
fn an_unwatched_directory_is_scanned_when_its_change_time_advances() {
    let dir = tempfile::tempdir().unwrap();
    let found = DirectoryState::Unwatched(Version::of(dir.path()).unwrap());
    assert!(!found.differs(dir.path()));
    while !found.differs(dir.path()) {
        // The clocks of file systems advance every few milliseconds.
        fs::write(dir.path().join("a"), "").unwrap();
        fs::remove_file(dir.path().join("a")).unwrap();
    }
}

//! From file events to a new catalog: looks, loads, and brings schedule and board in line.
//!
//! One task owns the catalog. Compilation happens beside it, so that a slow plugin delays nobody;
//! nothing here decides what is healthy.

mod beat;
mod directory;
mod load;
mod settle;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_lite::FutureExt as _;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

pub(crate) use self::beat::Beat;
use self::directory::DirectoryWatch;
use self::load::{Load, Loader};
use self::settle::Settled;
use crate::board::Board;
use crate::catalog::{Catalog, Files, LibraryError, LoadOutcome, Shelf, Shelved, Wanted};
use crate::check::{CheckName, PluginName};
use crate::http::Plugins;
use crate::metrics::Metrics;
use crate::native::NativeCheck;
use crate::plugin::{LoadError, Sandbox};
use crate::reload::Reload;
use crate::schedule::Schedule;

/// What the watcher is told.
#[derive(Debug)]
pub(crate) enum Notice {
    /// Something may have changed in the directories.
    Look,
    /// A native check comes, or replaces the one of its name.
    Register(CheckName, NativeCheck),
    /// A native check goes.
    Unregister(CheckName),
    /// Files and configuration are to be looked at now, with the checks whose grants may be widened,
    /// and where to answer.
    Reload(BTreeSet<CheckName>, oneshot::Sender<Reload>),
}

/// What the watcher keeps in line.
pub(crate) struct Rooms {
    pub(crate) sandbox: Sandbox,
    pub(crate) board: Arc<Board>,
    pub(crate) schedule: Arc<Schedule>,
    pub(crate) metrics: Metrics,
    /// Turned while the watcher does.
    pub(crate) beat: Arc<Beat>,
}

/// What `GET /plugins` shows of the catalog.
pub(crate) struct CatalogPage(Arc<ArcSwap<Value>>);

impl Plugins for CatalogPage {
    fn page(&self) -> Value {
        Value::clone(&self.0.load())
    }
}

/// The task that owns the catalog.
pub(crate) struct Watcher {
    catalog: Catalog,
    /// What `GET /plugins` shows, made when the catalog changes.
    page: Arc<ArcSwap<Value>>,
    rooms: Rooms,
    notices: mpsc::UnboundedReceiver<Notice>,
    /// Notices that were taken in and are not heeded yet.
    heard: VecDeque<Notice>,
    is_look_due: bool,
    directory: DirectoryWatch,
    library_error: Option<LibraryError>,
    loader: Loader,
    loads: JoinSet<Load>,
    loading: BTreeSet<PluginName>,
    again: BTreeSet<PluginName>,
    settled: BTreeMap<CheckName, Settled>,
    /// Whether anything has changed since schedule and board were brought in line.
    unsettled: bool,
    first_look: FirstLook,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum FirstLook {
    Awaited,
    /// The directories were looked at; what was found is loading.
    Loading,
    Over,
}

/// When the watcher turns without being told to.
struct Clock {
    rescan: Interval,
    beat: Interval,
}

impl Watcher {
    /// A watcher that is told by the other end of `notices`; file events come by `notify`.
    pub(crate) fn new(
        catalog: Catalog,
        rooms: Rooms,
        notify: mpsc::UnboundedSender<Notice>,
        notices: mpsc::UnboundedReceiver<Notice>,
    ) -> Self {
        Self {
            page: Arc::new(ArcSwap::from_pointee(catalog.page(&BTreeMap::new()))),
            catalog,
            notices,
            heard: VecDeque::new(),
            is_look_due: false,
            directory: DirectoryWatch::new(notify),
            library_error: None,
            loader: Loader::new(rooms.sandbox.clone()),
            rooms,
            loads: JoinSet::new(),
            loading: BTreeSet::new(),
            again: BTreeSet::new(),
            settled: BTreeMap::new(),
            unsettled: false,
            first_look: FirstLook::Awaited,
        }
    }

    /// What `GET /plugins` shows.
    pub(crate) fn page(&self) -> CatalogPage {
        CatalogPage(Arc::clone(&self.page))
    }

    /// Watches until the host closes.
    pub(crate) async fn run(mut self, closing: CancellationToken) {
        let mut clock = Clock {
            rescan: tokio::time::interval(self.catalog.config().plugins.rescan),
            beat: tokio::time::interval(BEAT),
        };
        clock
            .rescan
            .set_missed_tick_behavior(MissedTickBehavior::Delay);
        clock
            .beat
            .set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let turn = AssertUnwindSafe(self.turn(&mut clock)).catch_unwind();
            tokio::select! {
                () = closing.cancelled() => return,
                turned = turn => if turned.is_err() {
                    tracing::error!("the host panicked while it looked after the plugins; it goes on");
                    self.rooms.metrics.host_panic();
                },
            }
        }
    }

    /// Takes in all that there is to take in, then brings schedule and board in line once.
    async fn turn(&mut self, clock: &mut Clock) {
        self.rooms.beat.turn();
        let mut notices = Vec::new();
        tokio::select! {
            _ = clock.rescan.tick() => self.look().await,
            _ = clock.beat.tick() => self.glance().await,
            _ = self.notices.recv_many(&mut notices, MOST_NOTICES) => self.heard.extend(notices),
            Some(load) = self.loads.join_next() => self.joined(load),
        }
        self.heed().await;
        while let Some(load) = self.loads.try_join_next() {
            self.joined(load);
        }
        if self.unsettled {
            self.settle().await;
            self.unsettled = false;
        }
        self.end_first_look();
    }

    /// Heeds what was heard. A program's own code may panic in it, where a check of its is dropped:
    /// that costs the one notice.
    async fn heed(&mut self) {
        while let Some(notice) = self.heard.pop_front() {
            match notice {
                Notice::Look => self.is_look_due = true,
                Notice::Register(name, check) => {
                    self.unsettled = true;
                    self.catalog.register(name, check);
                }
                Notice::Unregister(name) => {
                    self.unsettled = true;
                    self.catalog.unregister(&name);
                }
                Notice::Reload(_, answer) => {
                    self.is_look_due = true;
                    let _ = answer.send(Reload::default());
                }
            }
        }
        if self.is_look_due {
            self.is_look_due = false;
            self.look().await;
        }
    }

    /// Looks at the directories if one of them has come or gone, or is another one.
    async fn glance(&mut self) {
        let directory = self.directory.clone();
        if self.aside(move || directory.is_another()).await == Some(true) {
            self.look().await;
        }
    }

    /// Looks at the directories and loads what is new there.
    async fn look(&mut self) {
        let Some(files) = self.files().await else {
            return;
        };
        self.report_directory(&files);
        self.report_library(&files);
        for plugin in self.catalog.set_files(files) {
            tracing::info!(%plugin, "plugin is gone");
            self.rooms.metrics.plugin_removed(&plugin);
        }
        for wanted in self.catalog.wanted() {
            self.begin(wanted);
        }
        self.unsettled = true;
        if self.first_look == FirstLook::Awaited {
            self.first_look = FirstLook::Loading;
        }
    }

    /// What lies in the directories, each of which was watched before it was looked at: what comes
    /// after is told.
    async fn files(&self) -> Option<Files> {
        let plugins = self.catalog.config().plugins.clone();
        let mut wanted = self.catalog.files().link_targets();
        wanted.extend([plugins.dir.clone(), plugins.library.clone()]);
        loop {
            let (directory, plugins, dirs) =
                (self.directory.clone(), plugins.clone(), wanted.clone());
            let look = move || {
                directory.ensure(&dirs);
                Files::look(&plugins)
            };
            let files = self.aside(look).await?;
            let links = files.link_targets();
            if links.is_subset(&wanted) {
                let is_open = |file: &Path| self.directory.is_restless(file);
                return Some(files.keeping(self.catalog.files(), is_open));
            }
            wanted.extend(links);
        }
    }

    fn begin(&mut self, wanted: Wanted) {
        // Also while it is being loaded: it may have gone and come back since.
        self.catalog.begin(&wanted);
        if !self.loading.insert(wanted.name.clone()) {
            self.again.insert(wanted.name);
            return;
        }
        let shelf = self.catalog.shelf(&wanted.name);
        let seen = shelf.map(Shelf::seen).unwrap_or_default();
        let baseline = self.catalog.baseline(&wanted.name);
        let load = self.loader.clone().load(wanted, seen, baseline);
        self.loads.spawn(load);
    }

    fn joined(&mut self, load: Result<Load, tokio::task::JoinError>) {
        match load {
            Ok(load) => self.loaded(load),
            Err(error) => {
                tracing::error!(%error, "a load was lost");
                self.rooms.metrics.host_panic();
            }
        }
    }

    fn loaded(&mut self, load: Load) {
        let Load {
            wanted,
            outcome,
            stamp,
        } = load;
        self.loading.remove(&wanted.name);
        let now = if self.again.remove(&wanted.name) {
            let mut all = self.catalog.wanted().into_iter();
            all.find(|now| now.name == wanted.name)
        } else {
            None
        };
        let is_unread = matches!(outcome, LoadOutcome::Failed(_, LoadError::Read(_)));
        // Another file stands for it now, or it was away for a moment: that says nothing of what
        // is there.
        let is_outdated = now
            .as_ref()
            .is_some_and(|now| now.path != wanted.path || is_unread);
        if !is_outdated {
            let facts = load::facts(&outcome);
            let name = &wanted.name;
            let shelved = self.catalog.shelve(name, outcome, stamp, Timestamp::now());
            load::report(&wanted, shelved, &facts, &self.rooms.metrics);
            self.unsettled |= shelved != Shelved::Unchanged;
        }
        if let Some(now) = now {
            self.begin(now);
        }
    }

    /// Does what may take long beside this task, which beats meanwhile. Nothing where it panicked.
    async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let mut work = tokio::task::spawn_blocking(work);
        loop {
            match tokio::time::timeout(BEAT, &mut work).await {
                Ok(Ok(done)) => return Some(done),
                Ok(Err(error)) => {
                    tracing::error!(%error, "the host panicked while it looked after the plugins");
                    self.rooms.metrics.host_panic();
                    return None;
                }
                Err(_) => self.rooms.beat.turn(),
            }
        }
    }

    fn report_directory(&self, files: &Files) {
        let board = &self.rooms.board;
        let was_readable = board.directory_is_readable();
        match files.error() {
            Some(error) if was_readable => tracing::error!("{error}; what is loaded keeps running"),
            None if !was_readable => tracing::info!("the plugins directory can be read again"),
            _ => {}
        }
        board.set_directory_readable(files.error().is_none());
    }

    fn report_library(&mut self, files: &Files) {
        let error = files.library_error();
        if error != self.library_error.as_ref() {
            if let Some(error) = error {
                tracing::warn!("{error}; what is loaded from it keeps running");
            } else {
                tracing::info!("the plugin library can be read again");
            }
            self.library_error = error.cloned();
        }
    }

    fn first_look_ends(&self) -> bool {
        self.first_look == FirstLook::Loading && self.loading.is_empty()
    }

    /// From the moment that nothing is loading any more, every check that there is at start is
    /// known.
    fn end_first_look(&mut self) {
        if self.first_look_ends() {
            self.first_look = FirstLook::Over;
            self.rooms.board.all_placed();
        }
    }
}

/// From one beat of the watcher to the next.
const BEAT: Duration = Duration::from_secs(1);
/// How many notices are taken in at once, so that a program that registers checks without end
/// delays nobody.
const MOST_NOTICES: usize = 1024;

//! From file events to a new catalog: looks, loads, and brings schedule and board in line.
//!
//! One task owns the catalog. Compilation happens beside it, so that a slow plugin delays nobody;
//! nothing here decides what is healthy.

mod directory;
mod load;
mod settle;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::directory::DirectoryWatch;
use self::load::{Load, load};
use self::settle::Settled;
use crate::board::Board;
use crate::catalog::{Catalog, Files, Shelf, Shelved, Wanted};
use crate::check::{CheckName, PluginName};
use crate::http::Plugins;
use crate::metrics::Metrics;
use crate::native::NativeCheck;
use crate::plugin::Sandbox;
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
}

/// What the watcher keeps in line.
pub(crate) struct Rooms {
    pub(crate) sandbox: Sandbox,
    pub(crate) board: Arc<Board>,
    pub(crate) schedule: Arc<Schedule>,
    pub(crate) metrics: Metrics,
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
    directory: DirectoryWatch,
    loads: JoinSet<Load>,
    loading: BTreeSet<PluginName>,
    again: BTreeSet<PluginName>,
    settled: BTreeMap<CheckName, Settled>,
    first_look_is_over: bool,
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
            rooms,
            notices,
            directory: DirectoryWatch::new(notify),
            loads: JoinSet::new(),
            loading: BTreeSet::new(),
            again: BTreeSet::new(),
            settled: BTreeMap::new(),
            first_look_is_over: false,
        }
    }

    /// What `GET /plugins` shows.
    pub(crate) fn page(&self) -> CatalogPage {
        CatalogPage(Arc::clone(&self.page))
    }

    /// Watches until the host closes.
    pub(crate) async fn run(mut self, closing: CancellationToken) {
        let rescan = self.catalog.config().plugins.rescan;
        let mut rescan = tokio::time::interval(rescan);
        rescan.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = closing.cancelled() => return,
                _ = rescan.tick() => self.look().await,
                Some(notice) = self.notices.recv() => self.heed(notice).await,
                Some(load) = self.loads.join_next() => match load {
                    Ok(load) => self.loaded(load),
                    Err(error) => tracing::error!(%error, "the host panicked while loading a plugin"),
                },
            }
        }
    }

    async fn heed(&mut self, notice: Notice) {
        match notice {
            Notice::Look => self.look().await,
            Notice::Register(name, check) => {
                self.catalog.register(name, check);
                self.settle();
            }
            Notice::Unregister(name) => {
                self.catalog.unregister(&name);
                self.settle();
            }
        }
    }

    /// Looks at the directories and loads what is new there.
    async fn look(&mut self) {
        let plugins = self.catalog.config().plugins.clone();
        self.directory.ensure(&plugins.dir);
        let looked = tokio::task::spawn_blocking(move || Files::look(&plugins)).await;
        let Ok(files) = looked else { return };
        self.report_directory(&files);
        for plugin in self.catalog.set_files(files) {
            tracing::info!(%plugin, "plugin is gone");
            self.rooms.metrics.plugin_removed(&plugin);
        }
        for wanted in self.catalog.wanted() {
            self.begin(wanted);
        }
        self.settle();
        self.end_first_look();
    }

    fn begin(&mut self, wanted: Wanted) {
        if !self.loading.insert(wanted.name.clone()) {
            self.again.insert(wanted.name);
            return;
        }
        self.catalog.begin(&wanted);
        let seen = self
            .catalog
            .shelf(&wanted.name)
            .and_then(Shelf::seen);
        self.loads
            .spawn(load(self.rooms.sandbox.clone(), wanted, seen));
    }

    fn loaded(&mut self, load: Load) {
        let Load { wanted, outcome } = load;
        self.loading.remove(&wanted.name);
        let facts = load::facts(&outcome);
        let shelved = self.catalog.shelve(&wanted.name, outcome, Timestamp::now());
        load::report(&wanted, shelved, &facts, &self.rooms.metrics);
        if self.again.remove(&wanted.name) && self.catalog.wanted().contains(&wanted) {
            self.begin(wanted);
        }
        if shelved != Shelved::Unchanged {
            self.settle();
        }
        self.end_first_look();
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

    /// From the moment that nothing is loading any more, every check that there is at start is
    /// known.
    fn end_first_look(&mut self) {
        if !self.first_look_is_over && self.loading.is_empty() {
            self.first_look_is_over = true;
            self.rooms.board.all_placed();
        }
    }
}

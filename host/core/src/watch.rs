//! The path from file events to a new catalog: scans, loads, and reconciles schedule and board.
//!
//! One task owns the catalog. Compilation takes place outside it, so that a slow plugin delays no
//! other. The module does not decide what is healthy.

mod applied;
mod arrivals;
mod command;
mod configuration;
mod directory;
mod disk;
mod heartbeat;
mod judge;
mod load;
mod look;
mod pace;
mod reconcile;
mod reconfigure;
mod reloader;
mod reloads;
mod services;

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use futures_lite::FutureExt as _;
use tokio::sync::mpsc;
use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use self::applied::Applied;
pub use self::command::Command;
use self::configuration::Configuration;
use self::directory::DirectoryWatch;
use self::disk::{Disk, NotDone};
use self::heartbeat::BEAT;
pub(crate) use self::heartbeat::Heartbeat;
use self::judge::{Arrival, Trial};
use self::load::Loader;
use self::pace::Pace;
pub use self::reloader::{Reloader, ShutDown};
use self::reloads::Reloads;
pub(crate) use self::services::Services;
use crate::catalog::{Catalog, ConfigurationPage, Excess, LibraryError};
use crate::events::Event;
use vitals_config::Sources;
use vitals_io::panic_text;
use vitals_model::{CheckName, PluginName};

/// The body of `GET /plugins`. Clones share it.
#[derive(Clone)]
pub struct CatalogPage(Arc<ArcSwap<Bytes>>);

impl CatalogPage {
    /// The page as it is until it changes.
    pub fn new(page: Bytes) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(page)))
    }

    /// Returns the JSON body.
    pub fn page(&self) -> Bytes {
        Bytes::clone(&self.0.load())
    }

    fn set(&self, page: Bytes) {
        self.0.store(Arc::new(page));
    }
}

/// The task that owns the catalog.
pub(crate) struct Watcher {
    catalog: Catalog,
    /// Rebuilt when the catalog changes.
    page: CatalogPage,
    services: Services,
    /// Requests a scan. The channel holds one request, which covers all earlier ones.
    look_soon: mpsc::Sender<()>,
    looks: mpsc::Receiver<()>,
    commands: mpsc::UnboundedReceiver<Command>,
    /// Commands that were received and are not handled yet.
    queued_commands: VecDeque<Command>,
    is_look_due: bool,
    directory: DirectoryWatch,
    /// The directories that links among the plugin files lead through.
    linked: DirectoryWatch,
    disk: Disk,
    library_error: Option<LibraryError>,
    excess: Option<Excess>,
    /// The plugins with an unused file in the plugins directory.
    passed_over: BTreeSet<PluginName>,
    loader: Loader,
    arrivals: JoinSet<Arrival>,
    /// The plugin that each task loads.
    tasks: HashMap<Id, PluginName>,
    /// The plugins that are being loaded, with the checks for which the operator accepted their
    /// grants.
    loading: BTreeMap<PluginName, BTreeSet<CheckName>>,
    /// The plugins that changed while they were being loaded.
    again: BTreeMap<PluginName, BTreeSet<CheckName>>,
    /// The files of the configuration, if it is read again.
    configuration: Option<Configuration>,
    /// The changed keys that need a restart.
    restart_needed: Vec<String>,
    reloads: Reloads,
    /// Trial runs of new versions that are not yet published.
    trials: BTreeMap<CheckName, Trial>,
    applied: BTreeMap<CheckName, Applied>,
    /// Whether anything has changed since the last reconciliation.
    needs_reconciling: bool,
    /// The earliest time of the next reconciliation, unless somebody waits for it.
    reconcile_at: Instant,
    first_look: FirstLook,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum FirstLook {
    Awaited,
    /// The directories have been scanned, and the files found are loading.
    Loading,
    Over,
}

/// The timers of the watcher.
struct Clock {
    rescan: Interval,
    beat: Interval,
}

impl Watcher {
    /// Creates a watcher that receives `commands`.
    pub(crate) fn new(
        catalog: Catalog,
        sources: Option<Sources>,
        services: Services,
        commands: mpsc::UnboundedReceiver<Command>,
    ) -> Self {
        let (look_soon, looks) = mpsc::channel(1);
        Self {
            page: CatalogPage::new(catalog.page(&BTreeMap::new(), ConfigurationPage::default())),
            configuration: sources.map(|sources| Configuration::new(sources, catalog.config())),
            catalog,
            directory: DirectoryWatch::new(look_soon.clone()),
            linked: DirectoryWatch::new(look_soon.clone()),
            look_soon,
            looks,
            commands,
            queued_commands: VecDeque::new(),
            is_look_due: false,
            disk: Disk::new(),
            library_error: None,
            excess: None,
            passed_over: BTreeSet::new(),
            loader: Loader::new(services.sandbox.clone()),
            services,
            arrivals: JoinSet::new(),
            tasks: HashMap::new(),
            loading: BTreeMap::new(),
            again: BTreeMap::new(),
            restart_needed: Vec::new(),
            reloads: Reloads::default(),
            trials: BTreeMap::new(),
            applied: BTreeMap::new(),
            needs_reconciling: false,
            reconcile_at: Instant::now(),
            first_look: FirstLook::Awaited,
        }
    }

    /// Returns the body of `GET /plugins`.
    pub(crate) fn page(&self) -> CatalogPage {
        self.page.clone()
    }

    /// Runs until shutdown.
    pub(crate) async fn run(mut self, closing: CancellationToken) {
        let mut clock = Clock::new(self.catalog.config().plugins.rescan);
        loop {
            let turn = AssertUnwindSafe(self.turn(&mut clock)).catch_unwind();
            tokio::select! {
                () = closing.cancelled() => return,
                turned = turn => if let Err(panic) = turned {
                    self.tell_of_panic(panic.as_ref());
                    // The panic may have ended the load of a plugin that a reload waits for.
                    let loading = &self.loading;
                    self.reloads.wait_only_for(|name| loading.contains_key(name));
                    self.needs_reconciling = true;
                },
            }
        }
    }

    /// Reports a panic of the host's own code. The watcher continues.
    fn tell_of_panic(&self, panic: &(dyn Any + Send)) {
        // The message may quote settings.
        let secrets = &self.catalog.config().secrets;
        let panic = secrets.line(panic_text(panic), PANIC_BYTES);
        tracing::error!(
            panic = panic.as_str(),
            "the host panicked while watching the plugins"
        );
        self.services.panicked("while watching the plugins");
    }

    /// Handles everything that is pending, then reconciles schedule and board once.
    async fn turn(&mut self, clock: &mut Clock) {
        self.services.beat.turn();
        let mut commands = Vec::new();
        tokio::select! {
            _ = clock.rescan.tick() => self.is_look_due = true,
            _ = clock.beat.tick() => self.poll_directories().await,
            Some(()) = self.looks.recv() => self.is_look_due = true,
            _ = self.commands.recv_many(&mut commands, MOST_COMMANDS) => self.queued_commands.extend(commands),
            Some(arrival) = self.arrivals.join_next_with_id() => self.joined(arrival),
            () = tokio::time::sleep_until(self.reconcile_at), if self.needs_reconciling => {}
        }
        if !self.trials.is_empty() {
            // Trial runs are promoted first, because they count for the current configuration.
            self.reconcile().await;
        }
        self.handle_commands().await;
        for _ in 0..MOST_COMMANDS {
            let Some(arrival) = self.arrivals.try_join_next_with_id() else {
                break;
            };
            self.services.beat.turn();
            self.joined(arrival);
        }
        // With many plugins arriving in a row, recording them takes precedence.
        if self.needs_reconciling
            && (!self.trials.is_empty() || Instant::now() >= self.reconcile_at)
        {
            let started = Instant::now();
            self.reconcile().await;
            self.needs_reconciling = false;
            let pause = (started.elapsed() * RECONCILE_SHARE).min(BEAT);
            self.reconcile_at = Instant::now() + pause;
        }
        if !self.needs_reconciling {
            self.reloads.answer(std::time::Instant::now());
            self.end_first_look();
        }
        clock.keep(self.catalog.config().plugins.rescan);
    }

    /// Handles queued commands. Dropping a native check may run code of the embedding program. If
    /// it panics, one command is lost.
    async fn handle_commands(&mut self) {
        while let Some(command) = self.queued_commands.pop_front() {
            match command {
                Command::Register(name, check) => {
                    self.needs_reconciling = true;
                    self.catalog.register(name, check);
                }
                Command::Unregister(name) => {
                    self.needs_reconciling = true;
                    self.catalog.unregister(&name);
                }
                Command::Reload(accepted, answer) => self.reload(accepted, answer).await,
            }
        }
        if self.is_look_due {
            self.is_look_due = false;
            self.reconfigure(Pace::Patient).await;
            self.look(Pace::Patient, &BTreeSet::new()).await;
        }
    }

    /// Runs `work` on a disk thread while this task keeps beating. An access that does not answer
    /// is abandoned, logged and counted once until it answers again. The error is `None` for a
    /// panic, which is reported here.
    async fn on_disk<T: Send + 'static>(
        &mut self,
        what: &str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Option<String>> {
        self.on_disk_within(disk::PATIENCE, what, work).await
    }

    /// Like [`Watcher::on_disk`], with a time limit for work that takes longer.
    async fn on_disk_within<T: Send + 'static>(
        &mut self,
        patience: Duration,
        what: &str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Option<String>> {
        let beat = &self.services.beat;
        let done = self.disk.call(patience, what, beat, work).await;
        done.map_err(|not_done| match not_done {
            NotDone::Panicked(panic) => {
                self.tell_of_panic(panic.as_ref());
                None
            }
            NotDone::Hangs { why, is_news } => {
                if is_news {
                    self.services.emit(&Event::FileSystemHung);
                }
                Some(why)
            }
        })
    }

    fn first_look_ends(&self) -> bool {
        self.first_look == FirstLook::Loading && self.loading.is_empty()
    }

    /// Ends the first scan. Once nothing is loading any more, all checks of the start are known.
    fn end_first_look(&mut self) {
        if self.first_look_ends() {
            self.first_look = FirstLook::Over;
            self.services.board.all_placed();
        }
    }
}

impl Clock {
    fn new(rescan: Duration) -> Self {
        Self {
            rescan: interval(rescan, Duration::ZERO),
            beat: interval(BEAT, Duration::ZERO),
        }
    }

    /// Updates the rescan interval.
    fn keep(&mut self, rescan: Duration) {
        if self.rescan.period() != rescan {
            self.rescan = interval(rescan, rescan);
        }
    }
}

fn interval(period: Duration, first: Duration) -> Interval {
    let mut interval = tokio::time::interval_at(Instant::now() + first, period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// The pause after a reconciliation, as a multiple of its duration: hardly anything with few
/// checks.
const RECONCILE_SHARE: u32 = 9;
const PANIC_BYTES: usize = 1 << 10;
/// The number of commands and arrivals handled in one iteration, so that a program that registers
/// checks without end delays nothing else.
const MOST_COMMANDS: usize = 1024;

#[cfg(test)]
mod tests;

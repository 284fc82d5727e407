//! The path from file events to a new catalog: scans, loads, and reconciles schedule and board.
//!
//! One task owns the catalog. Compilation takes place outside it, so that a slow plugin delays no
//! other. The module does not decide what is healthy.

mod command;
mod configuration;
mod directory;
mod disk;
mod evaluate;
mod finished;
mod heartbeat;
mod load;
mod reconcile;
mod reconfigure;
mod reloads;
mod scan;
mod services;

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use futures_lite::FutureExt as _;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

pub use self::command::{Command, Registration, Reloader, ShutDown};
pub use self::configuration::Accepts;
use self::configuration::Configuration;
use self::directory::{Debounce, DirectoryWatch};
use self::disk::{Disk, DiskError};
use self::evaluate::{Finished, Trial};
use self::heartbeat::HEARTBEAT_INTERVAL;
pub(crate) use self::heartbeat::Heartbeat;
use self::load::Loader;
use self::reloads::Reloads;
pub(crate) use self::services::Services;
use crate::catalog::{Catalog, CheckStates, ConfigurationPage, DirectoryError, Excess};
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
    scan_sender: mpsc::Sender<()>,
    scan_requests: mpsc::Receiver<()>,
    commands: mpsc::UnboundedReceiver<Command>,
    /// Commands that were received and are not handled yet.
    queued_commands: VecDeque<Command>,
    is_scan_due: bool,
    directory: DirectoryWatch,
    /// The directories that links among the plugin files lead through.
    linked: DirectoryWatch,
    disk: Disk,
    library_error: Option<DirectoryError>,
    excess: Option<Excess>,
    /// The plugins with an unused file in the plugins directory.
    ignored_in_dir: BTreeSet<PluginName>,
    loader: Loader,
    running_tasks: JoinSet<Finished>,
    /// The plugin that each task loads.
    tasks: HashMap<Id, PluginName>,
    /// The plugins that are being loaded, with the checks for which the operator accepted their
    /// grants.
    loading: BTreeMap<PluginName, BTreeSet<CheckName>>,
    /// The plugins that changed while they were being loaded.
    changed_while_loading: BTreeMap<PluginName, BTreeSet<CheckName>>,
    /// The files of the configuration, if it is read again.
    configuration: Option<Configuration>,
    /// The changed keys that need a restart.
    restart_needed: Vec<String>,
    reloads: Reloads,
    /// Notified when schedule and board have the registered checks.
    registrations: Vec<oneshot::Sender<()>>,
    /// Trial runs of new versions that are not yet published.
    trials: BTreeMap<CheckName, Trial>,
    /// The states that schedule and board have.
    applied: CheckStates,
    /// Whether anything has changed since the last reconciliation.
    needs_reconciling: bool,
    /// The earliest time of the next reconciliation, unless somebody waits for it.
    reconcile_at: Instant,
    first_scan: FirstScan,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum FirstScan {
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
        sources: Option<(Sources, Accepts)>,
        services: Services,
        commands: mpsc::UnboundedReceiver<Command>,
    ) -> Self {
        let (scan_sender, scan_requests) = mpsc::channel(1);
        Self {
            page: CatalogPage::new(catalog.page(&BTreeMap::new(), ConfigurationPage::default())),
            configuration: sources
                .map(|(sources, accepts)| Configuration::new(sources, accepts, catalog.config())),
            catalog,
            directory: DirectoryWatch::new(scan_sender.clone()),
            linked: DirectoryWatch::new(scan_sender.clone()),
            scan_sender,
            scan_requests,
            commands,
            queued_commands: VecDeque::new(),
            is_scan_due: false,
            disk: Disk::new(),
            library_error: None,
            excess: None,
            ignored_in_dir: BTreeSet::new(),
            loader: Loader::new(services.sandbox.clone()),
            services,
            running_tasks: JoinSet::new(),
            tasks: HashMap::new(),
            loading: BTreeMap::new(),
            changed_while_loading: BTreeMap::new(),
            restart_needed: Vec::new(),
            reloads: Reloads::default(),
            registrations: Vec::new(),
            trials: BTreeMap::new(),
            applied: CheckStates::new(),
            needs_reconciling: false,
            reconcile_at: Instant::now(),
            first_scan: FirstScan::Awaited,
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
                    self.report_panic(panic.as_ref());
                    // The panic may have ended the load of a plugin that a reload waits for.
                    let loading = &self.loading;
                    self.reloads.wait_only_for(|name| loading.contains_key(name));
                    self.needs_reconciling = true;
                },
            }
        }
    }

    /// Reports a panic of the host's own code. The watcher continues.
    fn report_panic(&self, panic: &(dyn Any + Send)) {
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
        self.services.heartbeat.beat();
        let mut commands = Vec::new();
        tokio::select! {
            _ = clock.rescan.tick() => self.is_scan_due = true,
            _ = clock.beat.tick() => self.poll_directories().await,
            Some(()) = self.scan_requests.recv() => self.is_scan_due = true,
            _ = self.commands.recv_many(&mut commands, MAX_COMMANDS) => self.queued_commands.extend(commands),
            Some(finished) = self.running_tasks.join_next_with_id() => self.handle_joined(finished),
            () = tokio::time::sleep_until(self.reconcile_at), if self.needs_reconciling => {}
        }
        if !self.trials.is_empty() {
            // Trial runs are promoted first, because they count for the current configuration.
            self.reconcile().await;
        }
        self.handle_commands().await;
        for _ in 0..MAX_COMMANDS {
            let Some(finished) = self.running_tasks.try_join_next_with_id() else {
                break;
            };
            self.services.heartbeat.beat();
            self.handle_joined(finished);
        }
        // With many plugins arriving in a row, recording them takes precedence.
        if self.needs_reconciling
            && (!self.trials.is_empty() || Instant::now() >= self.reconcile_at)
        {
            let started = Instant::now();
            self.reconcile().await;
            self.needs_reconciling = false;
            let pause = (started.elapsed() * RECONCILE_SHARE).min(HEARTBEAT_INTERVAL);
            self.reconcile_at = Instant::now() + pause;
        }
        if !self.needs_reconciling {
            self.reloads.answer(std::time::Instant::now());
            for applied in self.registrations.drain(..) {
                // The receiver is gone if the program does not wait.
                let _ = applied.send(());
            }
            self.end_first_scan();
        }
        clock.keep(self.catalog.config().plugins.rescan);
    }

    /// Handles queued commands. Dropping a native check may run code of the embedding program. If
    /// it panics, one command is lost.
    async fn handle_commands(&mut self) {
        while let Some(command) = self.queued_commands.pop_front() {
            match command {
                Command::Register(name, check, applied) => {
                    self.needs_reconciling = true;
                    self.registrations.push(applied);
                    self.catalog.register(name, check);
                }
                Command::Unregister(name) => {
                    self.needs_reconciling = true;
                    self.catalog.unregister(&name);
                }
                Command::Reload(accepted, answer) => self.reload(accepted, answer).await,
            }
        }
        if self.is_scan_due {
            self.is_scan_due = false;
            self.reconfigure(Debounce::On).await;
            self.scan(Debounce::On, &BTreeSet::new()).await;
        }
    }

    /// Runs `work` on a disk thread while this task keeps beating. An access that does not answer
    /// is abandoned, logged and counted once until it answers again. The error is `None` for a
    /// panic, which is reported here.
    async fn run_blocking<T: Send + 'static>(
        &mut self,
        what: &str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Option<String>> {
        self.run_blocking_within(disk::TIMEOUT, what, work).await
    }

    /// Like [`Watcher::run_blocking`], with a time limit for work that takes longer.
    async fn run_blocking_within<T: Send + 'static>(
        &mut self,
        timeout: Duration,
        what: &str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Option<String>> {
        let beat = &self.services.heartbeat;
        let done = self.disk.call(timeout, what, beat, work).await;
        done.map_err(|error| match error {
            DiskError::Panicked(panic) => {
                self.report_panic(panic.as_ref());
                None
            }
            DiskError::Hangs { why, is_new } => {
                if is_new {
                    self.services.emit(&Event::FileSystemHung);
                }
                Some(why)
            }
        })
    }

    fn is_first_scan_over(&self) -> bool {
        self.first_scan == FirstScan::Loading && self.loading.is_empty()
    }

    /// Ends the first scan. Once nothing is loading any more, all checks of the start are known.
    fn end_first_scan(&mut self) {
        if self.is_first_scan_over() {
            self.first_scan = FirstScan::Over;
            self.services.board.all_added();
        }
    }
}

impl Clock {
    fn new(rescan: Duration) -> Self {
        Self {
            rescan: interval(rescan, Duration::ZERO),
            beat: interval(HEARTBEAT_INTERVAL, Duration::ZERO),
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
const MAX_COMMANDS: usize = 1024;

#[cfg(test)]
mod tests;

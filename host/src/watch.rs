//! From file events to a new catalog: looks, loads, and brings schedule and board in line.
//!
//! One task owns the catalog. Compilation happens beside it, so that a slow plugin delays nobody;
//! nothing here decides what is healthy.

mod beat;
mod configuration;
mod directory;
mod judge;
mod load;
mod reloads;
mod settle;

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_lite::FutureExt as _;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

pub(crate) use self::beat::Beat;
use self::configuration::{Configuration, Found};
use self::directory::{DEBOUNCE, DirectoryWatch};
use self::judge::{Arrival, Judged, Trial, judge};
use self::load::{Load, Loader};
use self::reloads::Reloads;
use self::settle::Settled;
use crate::board::Board;
use crate::catalog::{
    Catalog, ConfigurationPage, Files, LibraryError, LoadOutcome, Restored, Shelf, Shelved, Stamp,
    Wanted,
};
use crate::check::{CheckName, PluginName, Text, shown_path};
use crate::config::{Config, Sources};
use crate::host::Names;
use crate::http::{Plugins, ToolsPage};
use crate::metrics::Metrics;
use crate::native::NativeCheck;
use crate::panics::panic_text;
use crate::plugin::{LoadError, Plugin, Sandbox};
use crate::recorder::Recorder;
use crate::reload::{PluginOutcome, PluginReload, Reload};
use crate::schedule::Schedule;
use crate::sentry::Sentry;

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
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) metrics: Metrics,
    pub(crate) sentry: Sentry,
    /// Which names native checks may have.
    pub(crate) names: Names,
    /// What `GET /health/tools` shows.
    pub(crate) tools: ToolsPage,
    /// Turned while the watcher does.
    pub(crate) beat: Arc<Beat>,
}

impl Rooms {
    /// Counts and reports that the host's own code panicked at a `place`.
    fn panicked(&self, place: &str) {
        self.metrics.host_panic();
        self.sentry.panicked(place, None, None);
    }
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
    notify: mpsc::UnboundedSender<Notice>,
    notices: mpsc::UnboundedReceiver<Notice>,
    /// Notices that were taken in and are not heeded yet.
    heard: VecDeque<Notice>,
    is_look_due: bool,
    directory: DirectoryWatch,
    library_error: Option<LibraryError>,
    loader: Loader,
    arrivals: JoinSet<Arrival>,
    /// The plugins that are being loaded, with the checks for which the operator accepted what they
    /// grant.
    loading: BTreeMap<PluginName, BTreeSet<CheckName>>,
    /// Those of them that have changed since.
    again: BTreeMap<PluginName, BTreeSet<CheckName>>,
    /// Where the configuration comes from, if it is read again.
    configuration: Option<Configuration>,
    /// What has changed and needs a restart.
    restart_needed: Vec<String>,
    reloads: Reloads,
    /// First runs of new versions that are not on the board yet.
    openings: BTreeMap<CheckName, Trial>,
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

/// How a look takes what it finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// What somebody may still be writing, or has moved away for a moment, gets its time.
    Patient,
    /// Somebody waits for what comes of the files as they are now.
    Now,
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
        sources: Option<Sources>,
        rooms: Rooms,
        notify: mpsc::UnboundedSender<Notice>,
        notices: mpsc::UnboundedReceiver<Notice>,
    ) -> Self {
        Self {
            page: Arc::new(ArcSwap::from_pointee(
                catalog.page(&BTreeMap::new(), ConfigurationPage::default()),
            )),
            configuration: sources.map(|sources| Configuration::new(sources, catalog.config())),
            catalog,
            notify: notify.clone(),
            notices,
            heard: VecDeque::new(),
            is_look_due: false,
            directory: DirectoryWatch::new(notify),
            library_error: None,
            loader: Loader::new(rooms.sandbox.clone()),
            rooms,
            arrivals: JoinSet::new(),
            loading: BTreeMap::new(),
            again: BTreeMap::new(),
            restart_needed: Vec::new(),
            reloads: Reloads::default(),
            openings: BTreeMap::new(),
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
        let mut clock = Clock::new(self.catalog.config().plugins.rescan);
        loop {
            let turn = AssertUnwindSafe(self.turn(&mut clock)).catch_unwind();
            tokio::select! {
                () = closing.cancelled() => return,
                turned = turn => if let Err(panic) = turned {
                    self.tell_of_panic(panic.as_ref());
                },
            }
        }
    }

    /// Says that the host's own code panicked; the watcher goes on.
    fn tell_of_panic(&self, panic: &(dyn Any + Send)) {
        // It may quote settings.
        let secrets = &self.catalog.config().secrets;
        let panic = Text::line(&secrets.redact(panic_text(panic)), PANIC_BYTES);
        tracing::error!(
            panic = panic.as_str(),
            "the host panicked while it looked after the plugins"
        );
        self.rooms.panicked("while it looked after the plugins");
    }

    /// Takes in all that there is to take in, then brings schedule and board in line once.
    async fn turn(&mut self, clock: &mut Clock) {
        self.rooms.beat.turn();
        let mut notices = Vec::new();
        tokio::select! {
            _ = clock.rescan.tick() => self.is_look_due = true,
            _ = clock.beat.tick() => self.glance().await,
            _ = self.notices.recv_many(&mut notices, MOST_NOTICES) => self.heard.extend(notices),
            Some(arrival) = self.arrivals.join_next() => self.joined(arrival),
        }
        if !self.openings.is_empty() {
            // Before anything else is heard: the runs that were made count for what holds now.
            self.settle().await;
        }
        self.heed().await;
        while let Some(arrival) = self.arrivals.try_join_next() {
            self.joined(arrival);
        }
        if self.unsettled {
            self.settle().await;
            self.unsettled = false;
        }
        self.reloads.answer();
        self.end_first_look();
        clock.keep(self.catalog.config().plugins.rescan);
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
                Notice::Reload(accepted, answer) => self.reload(accepted, answer).await,
            }
        }
        if self.is_look_due {
            self.is_look_due = false;
            self.reconfigure(Pace::Patient).await;
            self.look(Pace::Patient, &BTreeSet::new()).await;
        }
    }

    /// Looks at configuration and files for somebody who waits for what comes of it. What was refused
    /// is judged anew.
    async fn reload(&mut self, accepted: BTreeSet<CheckName>, answer: oneshot::Sender<Reload>) {
        self.is_look_due = false;
        self.reloads.begin(answer);
        self.reconfigure(Pace::Now).await;
        for unknown in accepted.iter().filter(|name| !self.catalog.knows(name)) {
            let problem = format!("there is no check `{unknown}` whose grants could be accepted");
            self.reloads.problem(problem);
        }
        self.catalog.forget_refusals();
        self.look(Pace::Now, &accepted).await;
        let directory = self.catalog.files().error().map(ToString::to_string);
        let library = self.library_error.as_ref().map(ToString::to_string);
        for problem in directory.into_iter().chain(library) {
            self.reloads.problem(problem);
        }
        self.reloads.wait_for(self.loading.keys().cloned());
    }

    /// Reads the configuration if it has changed, and takes it over.
    async fn reconfigure(&mut self, pace: Pace) {
        let Some(configuration) = self.configuration.clone() else {
            return;
        };
        let look = self.aside(move || configuration.look(pace)).await;
        let Some((configuration, found)) = look else {
            return;
        };
        let errors = configuration.errors().to_vec();
        self.configuration = Some(configuration);
        match found {
            Found::Same if errors.is_empty() => {}
            Found::Same => self.reloads.refused(&errors),
            Found::Restless => {
                let notify = self.notify.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(DEBOUNCE).await;
                    // The watcher may be gone by then.
                    let _ = notify.send(Notice::Look);
                });
            }
            Found::Wrong(errors) => {
                let path = self.configuration.as_ref().and_then(Configuration::path);
                let path = path.map(|path| shown_path(&path));
                let path = path.as_ref().map(Text::as_str);
                for error in &errors {
                    tracing::error!(
                        path,
                        error,
                        "configuration refused, the one before it holds"
                    );
                }
                self.rooms.metrics.config_reloaded(false, Timestamp::now());
                self.reloads.refused(&errors);
                self.unsettled = true;
            }
            Found::Another(config, changed_roots) => self.apply(*config, &changed_roots),
        }
    }

    /// Takes a configuration over as far as it can be without a restart.
    fn apply(&mut self, config: Config, changed_roots: &BTreeSet<PathBuf>) {
        let running = Arc::clone(self.catalog.config());
        let (config, restart_needed) = config.taken_over(&running);
        let is_same = changed_roots.is_empty()
            && restart_needed == self.restart_needed
            && config.says_the_same(&running);
        let config = Arc::new(config);
        let changes = self.catalog.apply(Arc::clone(&config), changed_roots);
        self.rooms.names.set(&config);
        self.rooms.sentry.keep_secret(&config.secrets);
        self.rooms.tools.set(&config.tools);
        self.rooms.metrics.config_reloaded(true, Timestamp::now());
        if is_same {
            tracing::debug!("configuration read again, it says the same");
        } else {
            let path = self.configuration.as_ref().and_then(Configuration::path);
            settle::tell_of_changes(&changes, path.as_deref());
        }
        if restart_needed != self.restart_needed && !restart_needed.is_empty() {
            let keys = restart_needed.join(", ");
            tracing::warn!(keys, "configuration needs a restart to be taken over");
        }
        if !is_same {
            self.reloads.applied(&changes, &restart_needed);
        }
        self.restart_needed = restart_needed;
        self.unsettled = true;
    }

    /// Looks at the directories if one of them has come or gone, or is another one.
    async fn glance(&mut self) {
        let directory = self.directory.clone();
        if self.aside(move || directory.is_another()).await == Some(true) {
            self.reconfigure(Pace::Patient).await;
            self.look(Pace::Patient, &BTreeSet::new()).await;
        }
    }

    /// Looks at the directories and loads what is new there. `accepted` names checks for which new
    /// files may grant more than the ones before them.
    async fn look(&mut self, pace: Pace, accepted: &BTreeSet<CheckName>) {
        let Some(files) = self.files(pace).await else {
            return;
        };
        self.report_directory(&files);
        self.report_library(&files);
        for plugin in self.catalog.set_files(files) {
            tracing::info!(%plugin, "plugin is gone");
            self.rooms.metrics.plugin_removed(&plugin);
            self.rooms.sentry.forget(&plugin);
            self.reloads.record(&reloads::removed(&plugin));
        }
        for wanted in self.catalog.wanted() {
            self.begin(wanted, accepted.clone());
        }
        self.unsettled = true;
        if self.first_look == FirstLook::Awaited {
            self.first_look = FirstLook::Loading;
        }
    }

    /// What lies in the directories, each of which was watched before it was looked at: what comes
    /// after is told.
    async fn files(&self, pace: Pace) -> Option<Files> {
        let plugins = self.catalog.config().plugins.clone();
        let mut wanted = self.catalog.files().link_targets();
        wanted.extend([plugins.dir.clone(), plugins.library.clone()]);
        let configuration = self.configuration.as_ref();
        wanted.extend(
            configuration
                .into_iter()
                .flat_map(Configuration::directories),
        );
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
                let patient = pace == Pace::Patient;
                let is_open = |file: &Path| patient && self.directory.is_restless(file);
                return Some(files.keeping(self.catalog.files(), is_open));
            }
            wanted.extend(links);
        }
    }

    fn begin(&mut self, wanted: Wanted, accepted: BTreeSet<CheckName>) {
        // Also while it is being loaded: it may have gone and come back since.
        self.catalog.begin(&wanted);
        if self.loading.contains_key(&wanted.name) {
            self.again.entry(wanted.name).or_default().extend(accepted);
            return;
        }
        self.loading.insert(wanted.name.clone(), accepted);
        let shelf = self.catalog.shelf(&wanted.name);
        let seen = shelf.map(Shelf::seen).unwrap_or_default();
        let load = self.loader.clone().load(wanted, seen);
        self.arrivals.spawn(async { Arrival::Loaded(load.await) });
    }

    fn joined(&mut self, arrival: Result<Arrival, JoinError>) {
        match arrival {
            Ok(arrival) => self.arrived(arrival),
            Err(error) => {
                if let Ok(panic) = error.try_into_panic() {
                    self.tell_of_panic(panic.as_ref());
                }
            }
        }
    }

    fn arrived(&mut self, arrival: Arrival) {
        let name = arrival.wanted().name.clone();
        let now = if self.again.contains_key(&name) {
            let mut all = self.catalog.wanted().into_iter();
            all.find(|now| now.name == name)
        } else {
            None
        };
        // Another file stands for it now: what was found says nothing of what is there.
        let is_another = now
            .as_ref()
            .is_some_and(|now| now.path != arrival.wanted().path);
        if !is_another {
            match arrival {
                Arrival::Loaded(Load {
                    wanted,
                    outcome: LoadOutcome::Loaded(plugin),
                    stamp,
                }) => match self.catalog.restore(&plugin, stamp) {
                    None => return self.judge(wanted, stamp, plugin),
                    Some(Restored::Unchanged) => {}
                    Some(Restored::Mended) => {
                        let digest = plugin.digest();
                        let digest = digest.short();
                        let version = &plugin.description().version;
                        tracing::info!(
                            plugin = %name, %version, %digest,
                            "plugin that serves is back in its file"
                        );
                        self.rooms.metrics.plugin_restored(&name);
                        self.rooms.sentry.forget(&name);
                        self.unsettled = true;
                    }
                },
                Arrival::Judged(judged) if judged.revision != self.catalog.revision() => {
                    // The configuration has changed since.
                    return self.judge(judged.wanted, judged.stamp, judged.plugin);
                }
                Arrival::Judged(judged) => self.judged(judged),
                Arrival::Loaded(Load {
                    wanted,
                    outcome,
                    stamp,
                }) => {
                    let is_unread = matches!(outcome, LoadOutcome::Failed(_, LoadError::Read(_)));
                    // It was away for a moment.
                    if now.is_none() || !is_unread {
                        self.shelve(&wanted, outcome, stamp);
                    }
                }
            }
        }
        self.loading.remove(&name);
        let accepted = self.again.remove(&name).unwrap_or_default();
        if let Some(now) = now {
            self.begin(now, accepted);
        } else {
            let refused = self.refused(&name);
            self.reloads.done(&name, refused.as_ref());
        }
    }

    /// Has a version judged that could be loaded.
    fn judge(&mut self, wanted: Wanted, stamp: Option<Stamp>, plugin: Arc<Plugin>) {
        let nothing = BTreeSet::new();
        let accepted = self.loading.get(&wanted.name).unwrap_or(&nothing);
        let candidate = self.catalog.candidate(plugin, accepted);
        let schedule = Arc::clone(&self.rooms.schedule);
        let judged = judge(wanted, stamp, candidate, schedule);
        self.arrivals.spawn(async { Arrival::Judged(judged.await) });
    }

    /// Takes in what became of a version.
    fn judged(&mut self, judged: Judged) {
        let Judged {
            wanted,
            stamp,
            plugin,
            verdict,
            ..
        } = judged;
        match verdict {
            Err(error) => {
                let refusal = LoadOutcome::Failed(Some(plugin.digest()), error);
                let facts = load::facts(&refusal).of(&plugin);
                let (name, now) = (&wanted.name, Timestamp::now());
                let shelved = self.catalog.shelve(name, refusal, stamp, now);
                self.tell(&wanted, shelved, &facts);
            }
            Ok(passed) => {
                for _ in 0..passed.fitting.panics() {
                    self.rooms.panicked(load::SETTINGS);
                }
                let facts = load::facts(&LoadOutcome::Loaded(plugin));
                let now = Timestamp::now();
                let shelved = self.catalog.install(passed.fitting, stamp, now);
                self.tell(&wanted, shelved, &facts);
                if matches!(shelved, Shelved::Loaded(_)) {
                    let trials = passed.trials.into_iter();
                    self.openings
                        .extend(trials.map(|trial| (trial.check.clone(), trial)));
                }
            }
        }
    }

    fn shelve(&mut self, wanted: &Wanted, outcome: LoadOutcome, stamp: Option<Stamp>) {
        let facts = load::facts(&outcome);
        let name = &wanted.name;
        let shelved = self.catalog.shelve(name, outcome, stamp, Timestamp::now());
        self.tell(wanted, shelved, &facts);
    }

    fn tell(&mut self, wanted: &Wanted, shelved: Shelved, facts: &load::Facts) {
        let shelf = self.catalog.shelf(&wanted.name);
        let serving = shelf.and_then(|shelf| Some(shelf.good()?.digest()));
        load::report(wanted, shelved, facts, serving, &self.rooms);
        self.unsettled |= shelved != Shelved::Unchanged;
        let outcome = match shelved {
            Shelved::Loaded(_) => PluginOutcome::Loaded,
            Shelved::Failed => PluginOutcome::Refused,
            Shelved::Unchanged => return,
        };
        if let Some(shelf) = self.catalog.shelf(&wanted.name) {
            self.reloads
                .record(&reload_of(&wanted.name, shelf, outcome));
        }
    }

    /// What there is to say of a plugin whose newest file does not serve.
    fn refused(&self, name: &PluginName) -> Option<PluginReload> {
        let shelf = self.catalog.shelf(name)?;
        shelf.error()?;
        Some(reload_of(name, shelf, PluginOutcome::Refused))
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
                    if let Ok(panic) = error.try_into_panic() {
                        self.tell_of_panic(panic.as_ref());
                    }
                    return None;
                }
                Err(_) => self.rooms.beat.turn(),
            }
        }
    }

    fn report_directory(&self, files: &Files) {
        let path = shown_path(&self.catalog.config().plugins.dir);
        let path = path.as_str();
        let board = &self.rooms.board;
        let was_readable = board.directory_is_readable();
        match files.error() {
            Some(error) if was_readable => tracing::error!(
                path,
                error = error.to_string(),
                "plugins directory cannot be read, what is loaded keeps running"
            ),
            None if !was_readable => {
                tracing::info!(path, "plugins directory can be read again");
            }
            _ => {}
        }
        board.set_directory_readable(files.error().is_none());
    }

    fn report_library(&mut self, files: &Files) {
        let error = files.library_error();
        if error != self.library_error.as_ref() {
            let path = shown_path(&self.catalog.config().plugins.library);
            let path = path.as_str();
            if let Some(error) = error {
                tracing::warn!(
                    path,
                    error = error.to_string(),
                    "plugin library cannot be read, what is loaded from it keeps running"
                );
            } else {
                tracing::info!(path, "plugin library can be read again");
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

fn reload_of(name: &PluginName, shelf: &Shelf, outcome: PluginOutcome) -> PluginReload {
    let good = shelf.good();
    PluginReload {
        name: name.to_string(),
        outcome,
        version: good.map(|plugin| plugin.description().version.clone()),
        digest: good.map(|plugin| plugin.digest().to_string()),
        generation: shelf.generation(),
        error: shelf.error().map(ToString::to_string),
    }
}

impl Clock {
    fn new(rescan: Duration) -> Self {
        Self {
            rescan: interval(rescan, Duration::ZERO),
            beat: interval(BEAT, Duration::ZERO),
        }
    }

    /// Looks in another rhythm from here on, if it is another one.
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

const PANIC_BYTES: usize = 1 << 10;
/// From one beat of the watcher to the next.
const BEAT: Duration = Duration::from_secs(1);
/// How many notices are taken in at once, so that a program that registers checks without end
/// delays nobody.
const MOST_NOTICES: usize = 1024;

//! Puts the parts together that load, run and show checks, and takes them down in order.
//!
//! Knows neither who serves the board nor who listens to events.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vitals_config::{Config, Environment, Sources};
use vitals_model::{CheckName, InvalidName};
use vitals_sandbox::Sandbox;

use crate::background::Background;
use crate::board::Board;
use crate::catalog::{Catalog, RegisterError, ReservedNames};
use crate::events::Events;
use crate::liveness::{Heartbeats, Loops, sweep};
use crate::native::NativeCheck;
use crate::publisher::Publisher;
use crate::schedule::{Results, Schedule};
use crate::stats::HostStats;
use crate::status::HostStatus;
use crate::watch::{CatalogPage, Command, Reloader, Services, Watcher};

/// The checks of a host, which run from its start on. Dropping it ends its runs where they are.
pub struct HostCore {
    board: Arc<Board>,
    catalog: CatalogPage,
    loops: Arc<Loops>,
    schedule: Arc<Schedule>,
    sandbox: Sandbox,
    commands: mpsc::UnboundedSender<Command>,
    names: ReservedNames,
    tasks: TaskTracker,
    /// Ends when this is dropped, however that comes about.
    stop: CancellationToken,
    /// Where the host's own loops live.
    _background: Background,
}

/// What a [`HostCore`] is made of.
pub struct Parts {
    /// The configuration, whose values are within their bounds.
    pub config: Arc<Config>,
    /// The environment from which `allow.env` hands variables to plugins.
    pub environment: Environment,
    /// Where the configuration was read from, if it is read again.
    pub sources: Option<Sources>,
    /// Which names native checks may have.
    pub names: ReservedNames,
    /// The native checks that there are from the start.
    pub natives: Vec<(CheckName, NativeCheck)>,
    /// Where plugins run.
    pub sandbox: Sandbox,
    /// Who is told what happens.
    pub events: Events,
}

impl HostCore {
    /// Loads plugins and runs checks from here on. Native checks run in the tokio runtime that this is
    /// called in; all else has threads of its own.
    ///
    /// # Errors
    ///
    /// No threads could be started for the host's own loops.
    pub fn start(parts: Parts) -> io::Result<Self> {
        let Parts {
            config,
            environment,
            sources,
            names,
            natives,
            sandbox,
            events,
        } = parts;
        let background = Background::start()?;
        let board = Arc::<Board>::default();
        let publisher = Arc::new(Publisher {
            board: Arc::clone(&board),
            events,
        });
        let schedule = Arc::new(Schedule::new(
            config.engine.max_runs as usize,
            Arc::clone(&publisher) as Arc<dyn Results>,
        ));
        let mut catalog = Catalog::new(Arc::clone(&config), environment);
        for (name, check) in natives {
            catalog.register(name, check);
        }
        let heartbeats = Heartbeats::default();
        let services = Services {
            sandbox: sandbox.clone(),
            board: Arc::clone(&board),
            schedule: Arc::clone(&schedule),
            publisher: Arc::clone(&publisher),
            names: names.clone(),
            heartbeat: Arc::clone(&heartbeats.watcher),
        };
        let (commands, received) = mpsc::unbounded_channel();
        let watcher = Watcher::new(catalog, sources, services, received);
        let catalog = watcher.page();
        let loops = Arc::new(Loops::new(
            sandbox.clone(),
            Arc::clone(&schedule),
            heartbeats,
        ));
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        loops.spawn_guest_heartbeat(stop.clone());
        tasks.spawn(loops.native_heartbeat(stop.clone()));
        let watching = watcher.run(stop.clone());
        let sweeping = sweep(
            publisher,
            Arc::clone(&loops),
            Instant::now() + config.server.startup_grace,
            stop.clone(),
        );
        tasks.spawn_on(watching, background.handle());
        tasks.spawn_on(sweeping, background.handle());
        Ok(Self {
            board,
            catalog,
            loops,
            schedule,
            sandbox,
            commands,
            names,
            tasks,
            stop,
            _background: background,
        })
    }

    /// The latest result of each check.
    pub fn board(&self) -> &Arc<Board> {
        &self.board
    }

    /// What is loaded, as `GET /plugins` shows it.
    pub fn catalog(&self) -> CatalogPage {
        self.catalog.clone()
    }

    /// How the host's own loops do.
    pub fn stats(&self) -> Arc<dyn HostStats> {
        Arc::clone(&self.loops) as _
    }

    /// What tells how this host does, for whoever supervises the process.
    pub fn status(&self) -> HostStatus {
        HostStatus::new(Arc::clone(&self.board), self.stats())
    }

    /// What asks this host to look at files and configuration now.
    pub fn reloader(&self) -> Reloader {
        Reloader::new(self.commands.clone())
    }

    /// Adds a native check, or replaces the one of that name; it runs at once.
    ///
    /// # Errors
    ///
    /// A name that no check can have, or that the configuration gives to a check of a plugin.
    pub fn register(&self, name: &str, check: NativeCheck) -> Result<(), RegisterError> {
        let name = self.names.native(name)?;
        self.send(Command::Register(name, check));
        Ok(())
    }

    /// Removes a native check; it is gone from every answer a moment later.
    ///
    /// # Errors
    ///
    /// A name that no check can have.
    pub fn unregister(&self, name: &str) -> Result<(), InvalidName> {
        self.send(Command::Unregister(name.parse()?));
        Ok(())
    }

    /// Begins no run any more, and gives those in flight `grace`. Answers how many runs had to be
    /// dropped. A second call waits for the first.
    pub async fn shutdown(&self, grace: Duration) -> usize {
        let dropped = self.schedule.shutdown(grace).await;
        self.stop.cancel();
        self.tasks.close();
        // What a stranger's file keeps busy must not hold the exit up.
        let rest = async { tokio::join!(self.tasks.wait(), self.sandbox.kept()) };
        let _ = tokio::time::timeout(TASKS_TIMEOUT, rest).await;
        dropped
    }

    fn send(&self, command: Command) {
        // The watcher ends after the host alone.
        let _ = self.commands.send(command);
    }
}

impl Drop for HostCore {
    fn drop(&mut self) {
        self.stop.cancel();
        self.schedule.abort();
    }
}

/// How long the host's own tasks may take to end.
const TASKS_TIMEOUT: Duration = Duration::from_secs(1);

//! Assembles the parts that load, run and publish checks, and shuts them down in order.
//!
//! The module knows neither the server nor the sinks of events.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vitals_config::{Config, Environment, Sources};
use vitals_model::{CheckName, ErrorTracker, InvalidName};
use vitals_sandbox::{Compiler, Sandbox, SandboxOptions};

use crate::board::Board;
use crate::catalog::{Catalog, RegisterError, ReservedNames};
use crate::client_options::client_options;
use crate::events::Events;
use crate::liveness::{Heartbeats, Loops, sweep};
use crate::native::NativeCheck;
use crate::publisher::Publisher;
use crate::schedule::{Results, Schedule};
use crate::status::{HostStats, HostStatus};
use crate::watch::{Accepts, CatalogPage, Command, Registration, Reloader, Services, Watcher};

/// The checks of a host, which run from its start on. Dropping it aborts its runs.
pub struct HostCore {
    board: Arc<Board>,
    catalog: CatalogPage,
    loops: Arc<Loops>,
    schedule: Arc<Schedule>,
    sandbox: Sandbox,
    commands: mpsc::UnboundedSender<Command>,
    names: ReservedNames,
    tasks: TaskTracker,
    /// Cancelled when this is shut down or dropped.
    stop: CancellationToken,
    /// The runtime of the host's own loops: the watcher and the sweep over stale results. Their
    /// work, and the loading of plugins, takes no thread from the pages.
    background: Option<Runtime>,
}

/// The parts of a [`HostCore`].
pub struct Parts {
    /// The configuration, whose values are within their bounds.
    pub config: Arc<Config>,
    /// The environment from which `allow.env` passes variables to plugins.
    pub environment: Environment,
    /// The sources of the configuration, if it is read again.
    pub sources: Option<Sources>,
    /// Refuses a configuration that is read again and asks for what this host does not have.
    pub accepts: Accepts,
    /// The names that native checks can't have.
    pub names: ReservedNames,
    /// The native checks that exist from the start.
    pub natives: Vec<(CheckName, NativeCheck)>,
    /// The sandbox that runs plugins.
    pub sandbox: Sandbox,
    /// The stream of events.
    pub events: Events,
}

impl HostCore {
    /// Starts to load plugins and run checks. Native checks run on the current tokio runtime.
    /// Everything else has threads of its own.
    ///
    /// # Errors
    ///
    /// The threads for the host's own loops could not be started.
    pub fn start(parts: Parts) -> io::Result<Self> {
        let background = Builder::new_multi_thread()
            .worker_threads(BACKGROUND_THREADS)
            .thread_name("vitals-host")
            .enable_all()
            .build()?;
        let board = Arc::<Board>::default();
        let publisher = Arc::new(Publisher {
            board: Arc::clone(&board),
            events: parts.events,
        });
        let schedule = Arc::new(Schedule::new(
            parts.config.engine.max_runs as usize,
            Arc::clone(&publisher) as Arc<dyn Results>,
        ));
        let mut catalog = Catalog::new(Arc::clone(&parts.config), parts.environment);
        for (name, check) in parts.natives {
            catalog.register(name, check);
        }
        let heartbeats = Heartbeats::default();
        let services = Services {
            sandbox: parts.sandbox.clone(),
            board: Arc::clone(&board),
            schedule: Arc::clone(&schedule),
            publisher: Arc::clone(&publisher),
            names: parts.names.clone(),
            heartbeat: Arc::clone(&heartbeats.watcher),
        };
        let (commands, received) = mpsc::unbounded_channel();
        let sources = parts.sources.map(|sources| (sources, parts.accepts));
        let watcher = Watcher::new(catalog, sources, services, received);
        let catalog = watcher.page();
        let loops = Arc::new(Loops {
            sandbox: parts.sandbox.clone(),
            schedule: Arc::clone(&schedule),
            heartbeats,
        });
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        loops.spawn_guest_heartbeat(stop.clone());
        tasks.spawn(loops.native_heartbeat(stop.clone()));
        let watching = watcher.run(stop.clone());
        let sweeping = sweep(
            publisher,
            Arc::clone(&loops),
            Instant::now() + parts.config.server.startup_grace,
            stop.clone(),
        );
        tasks.spawn_on(watching, background.handle());
        tasks.spawn_on(sweeping, background.handle());
        Ok(Self {
            board,
            catalog,
            loops,
            schedule,
            sandbox: parts.sandbox,
            commands,
            names: parts.names,
            tasks,
            stop,
            background: Some(background),
        })
    }

    /// Returns the latest result of each check.
    pub fn board(&self) -> &Arc<Board> {
        &self.board
    }

    /// Returns the loaded plugins, as `GET /plugins` shows them.
    pub fn catalog(&self) -> CatalogPage {
        self.catalog.clone()
    }

    /// Returns the statistics of the host's own loops.
    pub fn stats(&self) -> Arc<dyn HostStats> {
        Arc::clone(&self.loops) as _
    }

    /// Returns a handle to the host's status, for a supervisor of the process.
    pub fn status(&self) -> HostStatus {
        HostStatus {
            board: Arc::clone(&self.board),
            stats: self.stats(),
        }
    }

    /// Returns a handle for requesting reloads of files and configuration.
    pub fn reloader(&self) -> Reloader {
        Reloader::new(self.commands.clone())
    }

    /// Adds a native check, or replaces the one of that name. It runs at once.
    ///
    /// # Errors
    ///
    /// The name is invalid, or the configuration uses it for a check with a plugin.
    pub fn register(&self, name: &str, check: NativeCheck) -> Result<Registration, RegisterError> {
        let name = self.names.native(name)?;
        let (sender, applied) = oneshot::channel();
        self.send(Command::Register(name, check, sender));
        Ok(Registration(applied))
    }

    /// Removes a native check. It disappears from all pages shortly after.
    ///
    /// # Errors
    ///
    /// The name is invalid.
    pub fn unregister(&self, name: &str) -> Result<(), InvalidName> {
        self.send(Command::Unregister(name.parse()?));
        Ok(())
    }

    /// Starts no more runs, and waits for those in flight for at most `grace`. Returns how many
    /// were dropped. A second call waits for the first.
    pub async fn shutdown(&self, grace: Duration) -> usize {
        let dropped = self.schedule.shutdown(grace).await;
        self.stop.cancel();
        self.tasks.close();
        // A file system that hangs must not delay the exit.
        let rest = async { tokio::join!(self.tasks.wait(), self.sandbox.flush_cache()) };
        let _ = tokio::time::timeout(TASKS_TIMEOUT, rest).await;
        dropped
    }

    fn send(&self, command: Command) {
        // The watcher outlives this handle, so the send can't fail.
        let _ = self.commands.send(command);
    }
}

impl Drop for HostCore {
    fn drop(&mut self) {
        self.stop.cancel();
        self.schedule.abort();
        if let Some(background) = self.background.take() {
            // A blocked thread ends later, and nothing waits for it.
            background.shutdown_background();
        }
    }
}

/// Returns the sandbox options of a configuration. Plugins are compiled in this process, and their
/// metrics are ignored.
pub fn sandbox_options(config: &Config, tracker: Option<Arc<dyn ErrorTracker>>) -> SandboxOptions {
    SandboxOptions {
        max_runs: config.engine.max_runs as usize,
        guest_threads: config.engine.guest_threads as usize,
        cache_dir: config.plugins.cache_dir.clone(),
        compiler: Compiler::default(),
        roots: config.tls.roots.clone(),
        clients: client_options(config),
        tracker,
        metrics: None,
    }
}

/// One thread for the watcher while the other is busy with loading a plugin.
const BACKGROUND_THREADS: usize = 2;

/// The time limit for ending the host's own tasks.
const TASKS_TIMEOUT: Duration = Duration::from_secs(1);

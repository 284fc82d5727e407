//! Configures and starts a host.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Host;
use super::background::Background;
use super::liveness::{Heartbeats, Loops, sweep};
use crate::board::Board;
use crate::catalog::{Catalog, Names, RegisterError};
use crate::check::{CheckName, ErrorTracker};
use crate::config::{Config, Environment, OutOfBounds, Sources};
use crate::event_log::EventLog;
use crate::events::{Events, Sink};
use crate::http::{AppState, PageDeps, Tokens, ToolsPage};
use crate::metrics::Metrics;
use crate::native::{IntoOutcome, NativeCheck};
use crate::notify::Notifier;
use crate::plugin::{Compiler, Sandbox, SandboxError, SandboxOptions, WASMTIME};
use crate::publisher::Publisher;
use crate::sandbox_options::sandbox_options;
use crate::schedule::{Results, Schedule};
use crate::sentry::{NoReports, Sentry};
use crate::watch::{Reloader, Services, Watcher};

/// A host that is being configured.
#[derive(Debug, Default)]
pub struct HostBuilder {
    config: Config,
    environment: Environment,
    natives: Vec<(String, NativeCheck)>,
    tracker: Option<Tracker>,
    compiler: Compiler,
    sources: Option<Sources>,
}

struct Tracker(Arc<dyn ErrorTracker>);

/// The host could not be started. Nothing of it runs.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A native check can't have its name.
    #[error(transparent)]
    Name(#[from] RegisterError),
    /// A value of a configuration that was built in code is out of bounds.
    #[error(transparent)]
    Config(#[from] OutOfBounds),
    /// The sandbox could not be set up on this machine.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The threads for the host's own loops could not be started.
    #[error(
        "cannot start the host's threads: {0}; raise the limits on processes and open files (ulimit \
         -u, -n)"
    )]
    Threads(#[source] io::Error),
    /// Sentry can't be used as configured.
    #[error(transparent)]
    Sentry(#[from] NoReports),
}

impl Host {
    /// Starts to configure a host.
    pub fn builder() -> HostBuilder {
        HostBuilder::default()
    }
}

impl HostBuilder {
    /// Sets the configuration. The default is that of an empty file.
    #[must_use]
    pub fn config(self, config: Config) -> Self {
        Self { config, ..self }
    }

    /// Sets the sources of the configuration. The host reads them again when they change, and
    /// applies the differences. Without sources the configuration does not change.
    #[must_use]
    pub fn sources(self, sources: Sources) -> Self {
        let sources = Some(sources);
        Self { sources, ..self }
    }

    /// Sets the environment from which `allow.env` passes variables to plugins. The default is
    /// empty.
    #[must_use]
    pub fn environment(self, environment: Environment) -> Self {
        Self {
            environment,
            ..self
        }
    }

    /// Sets where plugins are compiled. By default that is this process, where a compilation can
    /// use all memory and block its thread forever. With the `vitals` binary of the same version,
    /// plugins are compiled in child processes with their own limits:
    /// `.compiler(Compiler::program("/usr/bin/vitals".as_ref())?)`.
    #[must_use]
    pub fn compiler(self, compiler: Compiler) -> Self {
        Self { compiler, ..self }
    }

    /// Adds a native check. `[checks.<name>]` in the configuration sets its schedule.
    #[must_use]
    pub fn check<F, R>(mut self, name: &str, check: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = R> + Send + 'static,
        R: IntoOutcome,
    {
        self.natives
            .push((name.to_owned(), NativeCheck::new(check)));
        self
    }

    /// Sets an error tracker for the reports of plugins, instead of the configured Sentry, which
    /// still receives the reports of the host itself. It is called on the threads that guests
    /// share, and must not block.
    #[must_use]
    pub fn error_tracker(self, tracker: Arc<dyn ErrorTracker>) -> Self {
        let tracker = Some(Tracker(tracker));
        Self { tracker, ..self }
    }

    /// Starts the host, which loads plugins and runs checks from then on. Native checks run on the
    /// current tokio runtime. For everything else except its pages the host has threads of its own.
    ///
    /// # Errors
    ///
    /// See [`StartError`]. A plugin that can't be loaded is not an error: its checks show the
    /// reason.
    pub async fn start(self) -> Result<Host, StartError> {
        let Self {
            config,
            environment,
            natives,
            tracker,
            compiler,
            sources,
        } = self;
        config.hold_to_bounds()?;
        let names = Names::new(&config);
        let named = |(name, check): (String, _)| names.native(&name).map(|name| (name, check));
        let natives = natives.into_iter().map(named).collect::<Result<_, _>>()?;
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // If another thread sets one at the same moment, that one is used.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let config = Arc::new(config);
        let from = Arc::clone(&config);
        let metrics = metrics(config.metrics.enabled);
        let counted = metrics.clone();
        let sentry = aside(move || Sentry::new(&from, counted)).await?;
        let tracker = match tracker {
            Some(Tracker(tracker)) => tracker,
            None => Arc::new(sentry.clone()),
        };
        let options = SandboxOptions {
            compiler,
            metrics: metrics.of_guests(),
            ..sandbox_options(&config, Some(tracker))
        };
        // Probing the address space and starting threads blocks for a moment.
        let sandbox = aside(move || Sandbox::new(options)).await?;
        assemble(
            &config,
            environment,
            sources,
            names,
            natives,
            sandbox,
            Outlets {
                notifier: Notifier::new(&config, metrics.clone()),
                sentry,
                metrics,
            },
        )
    }
}

/// Runs blocking work on a blocking thread, and waits for it.
async fn aside<T: Send + 'static>(set_up: impl FnOnce() -> T + Send + 'static) -> T {
    let done = tokio::task::spawn_blocking(set_up).await;
    done.expect("setting up a part of the host does not panic")
}

/// The sinks with other uses besides events.
struct Outlets {
    sentry: Sentry,
    notifier: Notifier,
    metrics: Metrics,
}

fn assemble(
    config: &Arc<Config>,
    environment: Environment,
    sources: Option<Sources>,
    names: Names,
    natives: Vec<(CheckName, NativeCheck)>,
    sandbox: Sandbox,
    outlets: Outlets,
) -> Result<Host, StartError> {
    let background = Background::start().map_err(StartError::Threads)?;
    let Outlets {
        sentry,
        notifier,
        metrics,
    } = outlets;
    let board = Arc::new(Board::default());
    let closing = CancellationToken::new();
    metrics.config_reloaded(true, Timestamp::now());
    let tools = ToolsPage::new(&config.tools);
    let tokens = Tokens::new(config);
    let events = Events::new([
        Arc::new(metrics.clone()) as Arc<dyn Sink>,
        Arc::new(EventLog),
        Arc::new(sentry.clone()),
        Arc::new(notifier),
        Arc::new(tools.clone()),
        Arc::new(tokens.clone()),
    ]);
    let publisher = Arc::new(Publisher {
        board: Arc::clone(&board),
        events: events.clone(),
    });
    let schedule = Arc::new(Schedule::new(
        config.engine.max_runs as usize,
        Arc::clone(&publisher) as Arc<dyn Results>,
    ));
    let mut catalog = Catalog::new(Arc::clone(config), environment);
    for (name, check) in natives {
        catalog.register(name, check);
    }
    let beats = Heartbeats::default();
    let services = Services {
        sandbox: sandbox.clone(),
        board: Arc::clone(&board),
        schedule: Arc::clone(&schedule),
        publisher: Arc::clone(&publisher),
        names: names.clone(),
        beat: Arc::clone(&beats.watcher),
    };
    let (commands, received) = mpsc::unbounded_channel();
    let watcher = Watcher::new(catalog, sources, services, received);
    let loops = Arc::new(Loops::new(sandbox.clone(), Arc::clone(&schedule), beats));
    let inside = PageDeps {
        board: Arc::clone(&board),
        catalog: watcher.page(),
        tools,
        tokens,
        stats: Arc::clone(&loops) as _,
        metrics: metrics.clone(),
        events: events.clone(),
        reloader: Reloader::new(commands.clone()),
        closing: closing.clone(),
    };
    let state = AppState::new(&config.server, inside);
    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();
    loops.beat_among_guests(stop.clone());
    tasks.spawn(loops.beat_among_natives(stop.clone()));
    let watching = watcher.run(stop.clone());
    let sweeping = sweep(
        publisher,
        Arc::clone(&loops),
        Instant::now() + config.server.startup_grace,
        stop.clone(),
    );
    tasks.spawn_on(watching, background.handle());
    tasks.spawn_on(sweeping, background.handle());
    Ok(Host {
        board,
        loops,
        schedule,
        sandbox,
        sentry,
        events,
        metrics,
        state,
        commands,
        names,
        shutdown_grace: config.server.shutdown_grace,
        closing,
        tasks,
        stop,
        _background: background,
    })
}

impl std::fmt::Debug for Tracker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tracker")
    }
}

fn metrics(enabled: bool) -> Metrics {
    if enabled {
        Metrics::enabled(env!("CARGO_PKG_VERSION"), WASMTIME)
    } else {
        Metrics::disabled()
    }
}

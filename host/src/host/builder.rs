//! Configures and starts a host.

use std::future::Future;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use vitals_config::{Config, Environment, Sources};
use vitals_core::events::Events;
use vitals_core::{HostCore, IntoOutcome, NativeCheck, Parts, ReservedNames, sandbox_options};
use vitals_model::ErrorTracker;
use vitals_sandbox::{Compiler, Sandbox, SandboxOptions};
use vitals_server::{AppState, PageDeps, PageSettings};

use super::Host;
use super::reporters::Reporters;
use super::start_error::StartError;
use crate::features::Features;

/// A host that is being configured.
#[derive(Default)]
pub struct HostBuilder {
    config: Config,
    environment: Environment,
    natives: Vec<(String, NativeCheck)>,
    tracker: Option<Arc<dyn ErrorTracker>>,
    compiler: Compiler,
    sources: Option<Sources>,
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
        Self {
            tracker: Some(tracker),
            ..self
        }
    }

    /// Starts the host, which loads plugins and runs checks from then on. Native checks run on the
    /// current tokio runtime. For everything else except its pages the host has threads of its own.
    ///
    /// # Errors
    ///
    /// See [`StartError`]. A plugin that can't be loaded is not an error: its checks show the
    /// reason.
    pub async fn start(self) -> Result<Host, StartError> {
        let config = Arc::new(self.config);
        config.validate()?;
        Features::BUILT.suffice_for(&config)?;
        let names = ReservedNames::new(&config);
        let named = |(name, check): (String, _)| names.native(&name).map(|name| (name, check));
        let natives = self
            .natives
            .into_iter()
            .map(named)
            .collect::<Result<_, _>>()?;
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // If another thread sets one at the same moment, that one is used.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let from = Arc::clone(&config);
        let reporters = run_blocking(move || Reporters::start(&from)).await?;
        let tracker = reporters.error_tracker(self.tracker);
        let options = SandboxOptions {
            compiler: self.compiler,
            metrics: reporters.guest_metrics(),
            ..sandbox_options(&config, tracker)
        };
        // Probing the address space and starting threads blocks for a moment.
        let sandbox = run_blocking(move || Sandbox::new(options)).await?;
        let settings = PageSettings::new(&config);
        let mut sinks = reporters.sinks();
        sinks.push(Arc::new(settings.clone()));
        let events = Events::new(sinks);
        let core = HostCore::start(Parts {
            config: Arc::clone(&config),
            environment: self.environment,
            sources: self.sources,
            accepts,
            names,
            natives,
            sandbox,
            events: events.clone(),
        })
        .map_err(StartError::Threads)?;
        let closing = CancellationToken::new();
        let pages = PageDeps {
            board: Arc::clone(core.board()),
            catalog: core.catalog(),
            settings,
            stats: core.stats(),
            metrics: reporters.exposition(),
            events: events.clone(),
            reloader: core.reloader(),
            closing: closing.clone(),
        };
        Ok(Host {
            state: AppState::new(pages),
            core,
            reporters,
            events,
            shutdown_grace: config.server.shutdown_grace,
            closing,
        })
    }
}

/// Runs blocking work on a blocking thread, and waits for it.
async fn run_blocking<T: Send + 'static>(set_up: impl FnOnce() -> T + Send + 'static) -> T {
    let done = tokio::task::spawn_blocking(set_up).await;
    done.expect("setting up a part of the host does not panic")
}

impl std::fmt::Debug for HostBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostBuilder").finish_non_exhaustive()
    }
}

/// Refuses a configuration that is read again and asks for what this library is built without.
fn accepts(config: &Config) -> Result<(), String> {
    let suffice = Features::BUILT.suffice_for(config);
    suffice.map_err(|missing| missing.to_string())
}

//! The host: assembles the parts, starts them, and shuts them down in order.

mod builder;
mod reporters;
mod start_error;

use std::future::Future;
use std::time::Duration;

use axum::Router;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use vitals_core::events::Events;
use vitals_core::{
    HostCore, HostStatus, IntoOutcome, NativeCheck, RegisterError, Registration, Reloader,
};
use vitals_model::{InvalidName, Status};
use vitals_server::AppState;

pub use self::builder::HostBuilder;
use self::reporters::Reporters;
pub use self::start_error::StartError;

/// A running host. Dropping it without [`Host::shutdown`] aborts its runs.
pub struct Host {
    core: HostCore,
    #[cfg_attr(
        not(any(feature = "metrics", feature = "sentry")),
        expect(dead_code, reason = "the others are reached by events alone")
    )]
    reporters: Reporters,
    events: Events,
    state: AppState,
    shutdown_grace: Duration,
    /// Once cancelled, the host is not ready.
    closing: CancellationToken,
}

impl Host {
    /// Returns all pages, for serving or for mounting in another service.
    pub fn router(&self) -> Router {
        vitals_server::router(self.state.clone())
    }

    /// Returns all pages except `/health`, for a service that has its own.
    pub fn probes_router(&self) -> Router {
        vitals_server::probes_router(self.state.clone())
    }

    /// Adds a native check, or replaces the one of that name. It runs at once. The returned
    /// [`Registration`] can be awaited until the check counts. `[checks.<name>]` in the
    /// configuration sets its schedule.
    ///
    /// # Errors
    ///
    /// The name is invalid, or the configuration uses it for a check with a plugin.
    pub fn register<F, R>(
        &self,
        name: &str,
        check: impl Fn() -> F + Send + Sync + 'static,
    ) -> Result<Registration, RegisterError>
    where
        F: Future<Output = R> + Send + 'static,
        R: IntoOutcome,
    {
        self.core.register(name, NativeCheck::new(check))
    }

    /// Removes a native check. It disappears from all pages shortly after.
    ///
    /// # Errors
    ///
    /// The name is invalid.
    pub fn unregister(&self, name: &str) -> Result<(), InvalidName> {
        self.core.unregister(name)
    }

    /// Returns a handle for requesting reloads of files and configuration.
    pub fn reloader(&self) -> Reloader {
        self.core.reloader()
    }

    /// Returns the metrics of the embedding program, which `GET /metrics` shows with those of the
    /// host.
    ///
    /// ```
    /// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let config = "[plugins]\ndir = ''\n[metrics]\nenabled = true".parse::<vitals_host::config::Config>()?;
    /// let host = vitals_host::Host::builder().config(config).start().await?;
    /// let metrics = host.metrics();
    /// let orders = metrics.counter("shop_orders_total", "Orders by channel.", &[("channel", "web")])?;
    /// orders.increment();
    /// let waiting = metrics.gauge("shop_orders_waiting", "Orders that wait.", &[])?;
    /// waiting.set(3.0);
    /// let packing = metrics.histogram("shop_packing_seconds", "Time to pack.", &[], &[1.0, 60.0])?;
    /// packing.observe(12.5);
    /// # host.shutdown().await;
    /// # Ok(()) }
    /// ```
    #[cfg(feature = "metrics")]
    pub fn metrics(&self) -> vitals_report::metrics::ServiceMetrics {
        self.reporters.metrics.of_service()
    }

    /// Returns the verdict over all checks, as in `/health`.
    pub fn health(&self) -> Status {
        self.core.board().health()
    }

    /// Returns a handle to the host's status, for a supervisor of the process.
    pub fn status(&self) -> HostStatus {
        self.core.status()
    }

    /// Waits until the first round is over: each check has a result, or `startup_grace` has passed.
    pub async fn first_round(&self) {
        self.core.board().first_round().await;
    }

    /// Reports an error of the embedding program to the configured Sentry, with its sources.
    /// Returns the id of the event, or `None` without a DSN or beyond the rate limit.
    ///
    /// Never waits for the server. Secrets of the configuration are removed from every text.
    #[cfg(feature = "sentry")]
    pub fn capture_error(&self, error: &dyn std::error::Error) -> Option<String> {
        self.reporters.sentry.error(error)
    }

    /// Reports a message of the embedding program to the configured Sentry, like
    /// [`Host::capture_error`].
    #[cfg(feature = "sentry")]
    pub fn capture_message(&self, level: vitals_model::Severity, message: &str) -> Option<String> {
        self.reporters.sentry.message(level, message)
    }

    /// Returns the body of `GET /health` at this moment, for use without HTTP.
    pub fn health_json(&self) -> bytes::Bytes {
        self.core.board().page(Timestamp::now()).body(true)
    }

    /// Serves every page until `shutdown` completes, then shuts down. Returns how many runs were
    /// still in flight after their grace period.
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()>) -> usize {
        let site = vitals_server::site(self.state.clone());
        self.serve_router(site, listener, shutdown).await
    }

    /// Serves a router of your own like [`Host::serve`], with ordered shutdown and these limits:
    ///
    /// - 1,024 concurrent connections, half of them from one client address. A new one evicts the
    ///   longest idle connection, or a slow one, of the client with the most connections.
    /// - 10 s for the headers of a request and 16 KiB of them; 30 s and 2 MiB for its body. Reading
    ///   beyond that is an error.
    /// - A client has to read 64 KiB of a response in 10 s, or all that is available. If 128 MiB of
    ///   responses wait to be read, the oldest one of the client with the most bytes is cut off.
    pub async fn serve_router(
        self,
        router: Router,
        listener: TcpListener,
        shutdown: impl Future<Output = ()>,
    ) -> usize {
        let stop = CancellationToken::new();
        let grace = self.shutdown_grace;
        let serving = tokio::spawn(vitals_server::serve(listener, router, stop.clone(), grace));
        // If the caller drops this future, the server stops too.
        let _stop = stop.clone().drop_guard();
        shutdown.await;
        let dropped = self.shutdown().await;
        stop.cancel();
        if let Err(error) = serving.await {
            tracing::error!(error = error.to_string(), "the server ended early");
        }
        dropped
    }

    /// Shuts down: the host is not ready from then on, starts no more runs, waits up to
    /// `shutdown_grace` for runs in flight, and sends pending reports and notifications. Returns
    /// how many runs were dropped. A second call waits for the first.
    pub async fn shutdown(&self) -> usize {
        self.closing.cancel();
        let dropped = self.core.shutdown(self.shutdown_grace).await;
        self.events.flush(FLUSH_TIMEOUT).await;
        dropped
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.closing.cancel();
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host")
            .field("health", &self.health())
            .finish_non_exhaustive()
    }
}

/// The time limit for sending reports and notifications at shutdown.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

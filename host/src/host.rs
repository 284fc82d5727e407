//! The host: puts the parts together, starts them, and takes them down in order.

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
use vitals_core::{HostCore, HostStatus, IntoOutcome, NativeCheck, RegisterError, Reloader};
use vitals_model::{InvalidName, Status};
use vitals_server::AppState;

pub use self::builder::HostBuilder;
use self::reporters::Reporters;
pub use self::start_error::StartError;

/// A running host. Dropping it without [`Host::shutdown`] ends its runs where they are.
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
    /// From here on the host is not ready.
    closing: CancellationToken,
}

impl Host {
    /// Every page, to be served or mounted in somebody's own service.
    pub fn router(&self) -> Router {
        vitals_server::router(self.state.clone())
    }

    /// Every page but `/health` itself, for a service that has its own.
    pub fn probes_router(&self) -> Router {
        vitals_server::probes_router(self.state.clone())
    }

    /// Adds a native check, or replaces the one of that name; it runs at once.
    /// `[checks.<name>]` in the configuration sets its schedule.
    ///
    /// # Errors
    ///
    /// A name that no check can have, or that the configuration gives to a check of a plugin.
    pub fn register<F, R>(
        &self,
        name: &str,
        check: impl Fn() -> F + Send + Sync + 'static,
    ) -> Result<(), RegisterError>
    where
        F: Future<Output = R> + Send + 'static,
        R: IntoOutcome,
    {
        self.core.register(name, NativeCheck::new(check))
    }

    /// Takes a native check out; it is gone from every answer a moment later.
    ///
    /// # Errors
    ///
    /// A name that no check can have.
    pub fn unregister(&self, name: &str) -> Result<(), InvalidName> {
        self.core.unregister(name)
    }

    /// What asks this host to look at files and configuration now.
    pub fn reloader(&self) -> Reloader {
        self.core.reloader()
    }

    /// Where the service around the host counts: `GET /metrics` shows that with the host's own.
    #[cfg(feature = "metrics")]
    pub fn metrics(&self) -> vitals_report::metrics::ServiceMetrics {
        self.reporters.metrics.of_service()
    }

    /// The verdict over all checks, as `/health` has it.
    pub fn health(&self) -> Status {
        self.core.board().health()
    }

    /// What tells how this host does, for whoever supervises the process.
    pub fn status(&self) -> HostStatus {
        self.core.status()
    }

    /// Waits until the first round is over: each check has a result, or `startup_grace` has passed.
    pub async fn first_round(&self) {
        self.core.board().first_round().await;
    }

    /// Reports an error of yours to the Sentry of the configuration, with its sources. Answers the id
    /// of the event; nothing where there is no DSN, or more is reported than is sent in a minute.
    ///
    /// Never waits for the server. What the configuration holds secret is taken out of every text.
    #[cfg(feature = "sentry")]
    pub fn capture_error(&self, error: &dyn std::error::Error) -> Option<String> {
        self.reporters.sentry.error(error)
    }

    /// Reports a message of yours to the Sentry of the configuration, as [`Host::capture_error`]
    /// does an error.
    #[cfg(feature = "sentry")]
    pub fn capture_message(&self, level: vitals_model::Severity, message: &str) -> Option<String> {
        self.reporters.sentry.message(level, message)
    }

    /// The answer to `GET /health` at this moment, for a program that wants it without HTTP.
    pub fn health_json(&self) -> bytes::Bytes {
        self.core.board().page(Timestamp::now()).body(true)
    }

    /// Serves every page until `ended`, then shuts down. Answers how many runs were still going on
    /// when their grace was over.
    pub async fn serve(self, listener: TcpListener, ended: impl Future<Output = ()>) -> usize {
        let site = vitals_server::site(self.state.clone());
        self.serve_router(site, listener, ended).await
    }

    /// Like [`Host::serve`], with pages of your own, shut down in order with the host and bounded:
    ///
    /// - 1,024 connections at once, half of them of one client address. For a new one the longest
    ///   idle connection of the client that holds most is closed, or one that is slow.
    /// - 10 s for the headers of a request and 16 KiB of them; 30 s and 2 MiB for its body, after
    ///   which reading it is an error.
    /// - A client has to take 64 KiB of an answer in 10 s, or all that is there of it. Where 128 MiB
    ///   of answers wait to be taken, the oldest one of the client that has most of them is cut off.
    pub async fn serve_router(
        self,
        router: Router,
        listener: TcpListener,
        ended: impl Future<Output = ()>,
    ) -> usize {
        let stop = CancellationToken::new();
        let grace = self.shutdown_grace;
        let serving = tokio::spawn(vitals_server::serve(listener, router, stop.clone(), grace));
        // A caller that drops this future takes the server down too.
        let _stop = stop.clone().drop_guard();
        ended.await;
        let dropped = self.shutdown().await;
        stop.cancel();
        if let Err(error) = serving.await {
            tracing::error!(error = error.to_string(), "the server ended early");
        }
        dropped
    }

    /// Not ready from here on; begins no run any more, gives those in flight `shutdown_grace`, and
    /// sends what is left to report and to notify. Answers how many runs had to be dropped. A second call waits
    /// for the first.
    pub async fn shutdown(&self) -> usize {
        self.closing.cancel();
        let dropped = self.core.shutdown(self.shutdown_grace).await;
        self.events.flush(FLUSH).await;
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

/// How long reports and notifications may take to be sent at shutdown.
const FLUSH: Duration = Duration::from_secs(2);

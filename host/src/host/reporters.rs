//! The sinks of a host, each where its feature is built in.

use std::sync::Arc;

use vitals_config::Config;
use vitals_core::Exposition;
use vitals_core::events::Sink;
use vitals_model::{ErrorTracker, GuestMetrics};
use vitals_report::event_log::EventLog;
#[cfg(feature = "metrics")]
use vitals_report::metrics::Metrics;
#[cfg(feature = "notify")]
use vitals_report::notify::Notifier;
#[cfg(feature = "sentry")]
use vitals_report::sentry::Sentry;

use super::start_error::StartError;

/// Who reports what happens in a host.
pub(super) struct Reporters {
    #[cfg(feature = "metrics")]
    pub(super) metrics: Metrics,
    #[cfg(feature = "notify")]
    notifier: Notifier,
    #[cfg(feature = "sentry")]
    pub(super) sentry: Sentry,
}

#[cfg_attr(
    not(all(feature = "metrics", feature = "notify", feature = "sentry")),
    allow(clippy::unused_self, reason = "what is not built in is not asked")
)]
impl Reporters {
    /// Reports as the configuration says. Blocks while roots are read.
    #[cfg_attr(
        not(feature = "sentry"),
        expect(clippy::unnecessary_wraps, reason = "Sentry can fail to start")
    )]
    pub(super) fn start(
        #[cfg_attr(
            not(any(feature = "metrics", feature = "notify", feature = "sentry")),
            expect(unused_variables, reason = "the log has nothing to configure")
        )]
        config: &Config,
    ) -> Result<Self, StartError> {
        #[cfg(feature = "metrics")]
        let metrics = metrics(config);
        #[cfg(any(feature = "notify", feature = "sentry"))]
        let deliveries = cfg_select! {
            feature = "metrics" => { metrics.deliveries() }
            _ => { None }
        };
        Ok(Self {
            #[cfg(feature = "sentry")]
            sentry: Sentry::new(config, deliveries.clone())?,
            #[cfg(feature = "notify")]
            notifier: Notifier::new(config, deliveries),
            #[cfg(feature = "metrics")]
            metrics,
        })
    }

    /// The sinks, in the order in which they are told.
    pub(super) fn sinks(&self) -> Vec<Arc<dyn Sink>> {
        vec![
            #[cfg(feature = "metrics")]
            Arc::new(self.metrics.clone()),
            Arc::new(EventLog),
            #[cfg(feature = "sentry")]
            Arc::new(self.sentry.clone()),
            #[cfg(feature = "notify")]
            Arc::new(self.notifier.clone()),
        ]
    }

    /// What `GET /metrics` shows.
    pub(super) fn exposition(&self) -> Option<Arc<dyn Exposition>> {
        cfg_select! {
            feature = "metrics" => { self.metrics.exposition() }
            _ => { None }
        }
    }

    /// Where plugins count.
    pub(super) fn guest_metrics(&self) -> Option<Arc<dyn GuestMetrics>> {
        cfg_select! {
            feature = "metrics" => { self.metrics.of_guests() }
            _ => { None }
        }
    }

    /// Where plugins report errors: to the program's own tracker, else to Sentry.
    pub(super) fn error_tracker(
        &self,
        own: Option<Arc<dyn ErrorTracker>>,
    ) -> Option<Arc<dyn ErrorTracker>> {
        cfg_select! {
            feature = "sentry" => { own.or_else(|| Some(Arc::new(self.sentry.clone()))) }
            _ => { own }
        }
    }
}

#[cfg(feature = "metrics")]
fn metrics(config: &Config) -> Metrics {
    if config.metrics.enabled {
        Metrics::enabled(env!("CARGO_PKG_VERSION"), vitals_sandbox::WASMTIME)
    } else {
        Metrics::default()
    }
}

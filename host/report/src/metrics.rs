//! The metrics for Prometheus, as a value that is handed down, never a global.
//!
//! Events update the counts. Values that belong to the moment of a scrape come with the scrape. The
//! module knows endpoints, plugins and schedules only by name. While metrics are disabled, every
//! call is accepted and ignored.
//!
//! An embedding program defines its own metrics with [`ServiceMetrics`].

mod checks;
mod family;
mod guests;
mod host;
mod moment;
mod plugins;
mod receiver;
mod registry;
mod requests;
mod series_table;
mod service;
mod sink;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use vitals_core::Exposition;

pub use family::{FAMILIES, Family};

pub use service::{Counter, Gauge, Histogram, MetricError, ServiceMetrics};

use crate::delivery_metrics::DeliveryMetrics;
use registry::Registry;
use vitals_core::schedule::{FinishedRun, Skipped};
use vitals_model::{CheckName, Digest, GuestMetrics, PluginName};

/// The metrics of a host. Clones share them.
#[derive(Clone, Default)]
pub struct Metrics(Option<Arc<Registry>>);

impl Metrics {
    /// Creates metrics that are kept. `version` is the host's own, `wasmtime` that of its engine.
    /// Until [`Metrics::config_reloaded`] is called, no configuration counts as applied.
    pub fn enabled(version: &str, wasmtime: &str) -> Self {
        Self(Some(Arc::new(Registry::new(version, wasmtime))))
    }

    /// Creates metrics that are discarded.
    pub fn disabled() -> Self {
        Self(None)
    }

    /// Returns the metrics of plugins, or `None` while metrics are disabled.
    pub fn of_guests(&self) -> Option<Arc<dyn GuestMetrics>> {
        let registry = self.0.as_ref()?;
        Some(Arc::clone(&registry.guests) as _)
    }

    /// Returns the content of `GET /metrics`, or `None` while metrics are disabled.
    pub fn exposition(&self) -> Option<Arc<dyn Exposition>> {
        let registry = self.0.as_ref()?;
        Some(Arc::clone(registry) as _)
    }

    /// Where deliveries are counted; nothing while metrics are disabled.
    pub fn deliveries(&self) -> Option<Arc<dyn DeliveryMetrics>> {
        let registry = self.0.as_ref()?;
        Some(Arc::clone(registry) as _)
    }

    /// Returns the metrics of the embedding program.
    pub fn of_service(&self) -> ServiceMetrics {
        ServiceMetrics::new(self.0.as_ref().map(|registry| &registry.service))
    }

    /// Adds a check, or updates its facts. Its counts stay, and its breaker closes. `plugin` is
    /// empty for a native check.
    pub(crate) fn check_upserted(&self, check: &CheckName, plugin: &str, critical: bool) {
        if let Some(registry) = &self.0
            && let Some(before) = registry.checks.upsert(check, plugin, critical)
        {
            registry.guests.forget(&before, check);
        }
    }

    /// Removes a check and all its series.
    pub(crate) fn check_removed(&self, check: &CheckName) {
        if let Some(registry) = &self.0
            && let Some(plugin) = registry.checks.remove(check)
        {
            registry.guests.forget(&plugin, check);
        }
    }

    /// Counts a finished run. Runs of unknown or removed checks are not counted.
    pub(crate) fn run_finished(&self, run: &FinishedRun, checked_at: Timestamp) {
        if let Some(registry) = &self.0 {
            registry.checks.finish(run, checked_at);
        }
    }

    /// Counts the time that a run waited for a permit, whether it got one or not.
    pub(crate) fn run_waited(&self, time: Duration) {
        if let Some(registry) = &self.0 {
            registry.host.run_waited(time);
        }
    }

    /// Counts skipped runs.
    pub(crate) fn runs_skipped(&self, reason: Skipped, count: u64) {
        if let Some(registry) = &self.0 {
            registry.host.runs_skipped(reason, count);
        }
    }

    /// Counts a loaded version of a plugin. `compile` is the time to compile it, or to read its
    /// compiled code from the cache.
    pub(crate) fn plugin_loaded(
        &self,
        plugin: &PluginName,
        version: &str,
        digest: Digest,
        generation: u64,
        compile: Duration,
    ) {
        if let Some(registry) = &self.0 {
            registry
                .plugins
                .loaded(plugin, version, digest, generation, compile);
        }
    }

    /// Counts a failed load of a plugin. The active version still counts as loaded.
    pub(crate) fn plugin_load_failed(&self, plugin: &PluginName) {
        if let Some(registry) = &self.0 {
            registry.plugins.load_failed(plugin);
        }
    }

    /// Records that the file of a plugin holds the active version again.
    pub(crate) fn plugin_restored(&self, plugin: &PluginName) {
        if let Some(registry) = &self.0 {
            registry.plugins.restored(plugin);
        }
    }

    /// Removes a plugin and all its series.
    pub(crate) fn plugin_removed(&self, plugin: &PluginName) {
        if let Some(registry) = &self.0 {
            registry.plugins.remove(plugin);
            registry.guests.remove(plugin);
        }
    }

    /// Counts a contained panic of the host's own code.
    pub(crate) fn host_panic(&self) {
        if let Some(registry) = &self.0 {
            registry.host.panicked();
        }
    }

    /// Counts a file system that did not answer.
    pub(crate) fn disk_hung(&self) {
        if let Some(registry) = &self.0 {
            registry.host.disk_hung();
        }
    }

    /// Records whether a configuration that was read was applied.
    pub fn config_reloaded(&self, successful: bool, at: Timestamp) {
        if let Some(registry) = &self.0 {
            registry.host.config_reloaded(successful, at);
        }
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() {
            "Metrics(enabled)"
        } else {
            "Metrics(disabled)"
        })
    }
}

#[cfg(test)]
impl Metrics {
    /// Returns what a scrape of a host without checks shows; empty while metrics are disabled.
    pub(crate) fn text(&self) -> String {
        let exposition = self.exposition();
        exposition.map_or_else(String::new, |metrics| metrics.text(&moment::idle()))
    }
}

#[cfg(test)]
mod tests;

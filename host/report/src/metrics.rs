//! What goes out to Prometheus: a value that is handed down, never a global.
//!
//! Events tell it what happened; what holds at the moment of a scrape comes with the scrape.
//! It knows nothing of endpoints, plugins or schedules beyond their names. While metrics are
//! disabled every call is accepted and ignored.
//!
//! A program that embeds the host has metrics of its own through [`ServiceMetrics`].

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

/// The metrics of a host; clones share them.
#[derive(Clone, Default)]
pub struct Metrics(Option<Arc<Registry>>);

impl Metrics {
    /// Metrics that are kept. `version` is the host's own, `wasmtime` that of its engine. Until
    /// [`Metrics::config_reloaded`] is told otherwise, no configuration has been taken over.
    pub fn enabled(version: &str, wasmtime: &str) -> Self {
        Self(Some(Arc::new(Registry::new(version, wasmtime))))
    }

    /// Metrics that are not kept.
    pub fn disabled() -> Self {
        Self(None)
    }

    /// Where plugins count; nothing while metrics are disabled.
    pub fn of_guests(&self) -> Option<Arc<dyn GuestMetrics>> {
        let registry = self.0.as_ref()?;
        Some(Arc::clone(&registry.guests) as _)
    }

    /// What `GET /metrics` shows; nothing while metrics are disabled.
    pub fn exposition(&self) -> Option<Arc<dyn Exposition>> {
        let registry = self.0.as_ref()?;
        Some(Arc::clone(registry) as _)
    }

    /// Where deliveries are counted; nothing while metrics are disabled.
    pub fn deliveries(&self) -> Option<Arc<dyn DeliveryMetrics>> {
        let registry = self.0.as_ref()?;
        Some(Arc::clone(registry) as _)
    }

    /// Where the service around the host counts.
    pub fn of_service(&self) -> ServiceMetrics {
        ServiceMetrics::new(self.0.as_ref().map(|registry| &registry.service))
    }

    /// A check is there from now on, or what is known about it has changed; its counts stay, and
    /// its breaker closes.
    /// `plugin` is empty for a native check.
    pub(crate) fn check_placed(&self, check: &CheckName, plugin: &str, critical: bool) {
        if let Some(registry) = &self.0
            && let Some(before) = registry.checks.place(check, plugin, critical)
        {
            registry.guests.forget(&before, check);
        }
    }

    /// A check is gone, and with it all its series.
    pub(crate) fn check_removed(&self, check: &CheckName) {
        if let Some(registry) = &self.0
            && let Some(plugin) = registry.checks.remove(check)
        {
            registry.guests.forget(&plugin, check);
        }
    }

    /// A run is over. A check that has not been placed, or has been removed meanwhile, is not
    /// counted.
    pub(crate) fn run_finished(&self, run: &FinishedRun, checked_at: Timestamp) {
        if let Some(registry) = &self.0 {
            registry.checks.finish(run, checked_at);
        }
    }

    /// A run waited so long for a slot, whether it got one or not.
    pub(crate) fn run_waited(&self, time: Duration) {
        if let Some(registry) = &self.0 {
            registry.host.run_waited(time);
        }
    }

    /// `count` runs that were due were not made.
    pub(crate) fn runs_skipped(&self, reason: Skipped, count: u64) {
        if let Some(registry) = &self.0 {
            registry.host.runs_skipped(reason, count);
        }
    }

    /// A version of a plugin has been loaded; `compile` is what compilation, or the read of code
    /// compiled before, took.
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

    /// A version of a plugin could not be loaded; one loaded before still counts as loaded.
    pub(crate) fn plugin_load_failed(&self, plugin: &PluginName) {
        if let Some(registry) = &self.0 {
            registry.plugins.load_failed(plugin);
        }
    }

    /// The file of a plugin is again the version that is loaded.
    pub(crate) fn plugin_restored(&self, plugin: &PluginName) {
        if let Some(registry) = &self.0 {
            registry.plugins.restored(plugin);
        }
    }

    /// A plugin is gone, and with it all its series.
    pub(crate) fn plugin_removed(&self, plugin: &PluginName) {
        if let Some(registry) = &self.0 {
            registry.plugins.remove(plugin);
            registry.guests.remove(plugin);
        }
    }

    /// A panic of the host's own code was contained.
    pub(crate) fn host_panic(&self) {
        if let Some(registry) = &self.0 {
            registry.host.panicked();
        }
    }

    /// A file system did not answer, and nothing waits for it any more.
    pub(crate) fn disk_hung(&self) {
        if let Some(registry) = &self.0 {
            registry.host.disk_hung();
        }
    }

    /// The configuration has been read again, and taken over or refused.
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
    /// What a scrape of a host without checks shows; empty while metrics are disabled.
    pub(crate) fn text(&self) -> String {
        let exposition = self.exposition();
        exposition.map_or_else(String::new, |metrics| metrics.text(&moment::idle()))
    }
}

#[cfg(test)]
mod tests;

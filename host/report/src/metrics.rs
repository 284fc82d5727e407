//! The metrics for Prometheus, as a value that is handed down, never a global.
//!
//! Events update the counts. Values that belong to the moment of a scrape come with the scrape. The
//! module knows endpoints, plugins and schedules only by name. While metrics are disabled, every
//! event is ignored.
//!
//! An embedding program defines its own metrics with [`ServiceMetrics`].

mod checks;
mod family;
mod guests;
mod host;
mod moment;
mod plugins;
mod registry;
mod series_table;
mod service;
mod sink;

use std::sync::Arc;

use jiff::Timestamp;

pub use family::{FAMILIES, Family};
pub use service::{Counter, Gauge, Histogram, MetricError, ServiceMetrics};

use crate::delivery_metrics::DeliveryMetrics;
use registry::Registry;
use vitals_core::Exposition;
use vitals_model::GuestMetrics;

/// The metrics of a host. Clones share them. The default is disabled ones.
#[derive(Clone, Default)]
pub struct Metrics(Option<Arc<Registry>>);

impl Metrics {
    /// Creates metrics that are kept, with a configuration that was applied just now. `version` is
    /// the host's own, `wasmtime` that of its engine.
    pub fn enabled(version: &str, wasmtime: &str) -> Self {
        let registry = Registry::new(version, wasmtime);
        registry.host.config_reloaded(true, Timestamp::now());
        Self(Some(Arc::new(registry)))
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
        let registry = self.0.as_ref();
        registry.map_or_else(ServiceMetrics::default, |it| it.service.clone())
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

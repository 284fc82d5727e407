//! Everything that is counted while metrics are enabled.
//!
//! The registry knows neither the callers nor the values that are read at a scrape.

use std::sync::Arc;

use prometheus::proto::MetricFamily;

use super::checks::Checks;
use super::guests::Guests;
use super::host::Host;
use super::plugins::Plugins;
use super::service::Kept;

/// The values counted since the start.
pub(super) struct Registry {
    pub(super) checks: Arc<Checks>,
    pub(super) plugins: Plugins,
    pub(super) guests: Arc<Guests>,
    pub(super) service: Kept,
    pub(super) host: Host,
}

impl Registry {
    /// Creates an empty registry. `version` is the host's own, `wasmtime` that of its engine.
    pub(super) fn new(version: &str, wasmtime: &str) -> Self {
        let checks = Arc::new(Checks::default());
        Self {
            guests: Arc::new(Guests::new(Arc::clone(&checks))),
            checks,
            plugins: Plugins::default(),
            service: Kept::default(),
            host: Host::new(version, wasmtime),
        }
    }

    /// Returns all metrics in no particular order.
    pub(super) fn families(&self) -> Vec<MetricFamily> {
        let mut families = self.host.families();
        families.extend(self.checks.families());
        families.extend(self.plugins.families());
        families.extend(self.guests.families());
        families.extend(self.service.families());
        families
    }
}

//! Everything that is counted while metrics are enabled, by what it is counted of.
//!
//! Knows neither who counts nor what holds at the moment of a scrape.

use std::sync::Arc;

use prometheus::proto::MetricFamily;

use super::checks::Checks;
use super::guests::Guests;
use super::host::Host;
use super::plugins::Plugins;
use super::service::Kept;

/// What has been counted since start.
pub(super) struct Registry {
    pub(super) checks: Arc<Checks>,
    pub(super) plugins: Plugins,
    pub(super) guests: Arc<Guests>,
    pub(super) service: Kept,
    pub(super) host: Host,
}

impl Registry {
    /// Nothing yet. `version` is the host's own, `wasmtime` that of its engine.
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

    /// All that was counted, in no order.
    pub(super) fn families(&self) -> Vec<MetricFamily> {
        let mut families = self.host.families();
        families.extend(self.checks.families());
        families.extend(self.plugins.families());
        families.extend(self.guests.families());
        families.extend(self.service.families());
        families
    }
}

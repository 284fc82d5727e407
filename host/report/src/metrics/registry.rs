//! Everything that is counted while metrics are enabled.
//!
//! The registry knows neither the callers nor the values that are read at a scrape.

use std::sync::Arc;

use prometheus::TextEncoder;
use vitals_core::{Exposition, Moment, RequestCounter};

use super::checks::Checks;
use super::family::FamilySeries;
use super::guests::Guests;
use super::host::HostMetrics;
use super::moment;
use super::plugins::Plugins;
use super::service::ServiceMetrics;
use crate::delivery_metrics::{DeliveryMetrics, ReceiverMetrics};

/// The values counted since the start.
pub(super) struct Registry {
    pub(super) checks: Arc<Checks>,
    pub(super) plugins: Plugins,
    pub(super) guests: Arc<Guests>,
    pub(super) service: ServiceMetrics,
    pub(super) host: HostMetrics,
}

impl Registry {
    /// Creates an empty registry. `version` is the host's own, `wasmtime` that of its engine.
    pub(super) fn new(version: &str, wasmtime: &str) -> Self {
        let checks = Arc::new(Checks::default());
        Self {
            guests: Arc::new(Guests::new(Arc::clone(&checks))),
            checks,
            plugins: Plugins::default(),
            service: ServiceMetrics::enabled(),
            host: HostMetrics::new(version, wasmtime),
        }
    }
}

impl Exposition for Registry {
    fn text(&self, moment: &Moment) -> String {
        let mut series = FamilySeries::default();
        moment::add(moment, &mut series);
        self.checks.add_to(&mut series);
        self.plugins.add_to(&mut series);
        let mut families = self.host.families();
        families.extend(series.into_families());
        families.extend(self.guests.families());
        families.extend(self.service.families());
        families.sort_by(|one, other| one.name().cmp(other.name()));
        let mut text = String::new();
        if let Err(error) = TextEncoder::new().encode_utf8(&families, &mut text) {
            tracing::error!(
                error = error.to_string(),
                "some metrics cannot be written as text and are left out"
            );
        }
        text
    }

    fn endpoint(&self, endpoint: &'static str) -> Arc<dyn RequestCounter> {
        Arc::new(self.host.requests(endpoint))
    }
}

impl DeliveryMetrics for Registry {
    fn host_panicked(&self) {
        self.host.panics.inc();
    }

    fn receiver(&self, receiver: &str) -> Arc<dyn ReceiverMetrics> {
        Arc::new(self.host.receiver(receiver))
    }

    fn receiver_removed(&self, receiver: &str) {
        self.host.receiver_removed(receiver);
    }
}

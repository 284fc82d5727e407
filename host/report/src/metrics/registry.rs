//! Everything that is counted while metrics are enabled.
//!
//! The registry knows neither the callers nor the values that are read at a scrape.

use std::sync::Arc;

use prometheus::TextEncoder;
use prometheus::proto::MetricFamily;
use vitals_core::{Exposition, Moment, RequestCounter};

use super::checks::Checks;
use super::guests::Guests;
use super::host::HostMetrics;
use super::moment;
use super::plugins::Plugins;
use super::service::Kept;
use crate::delivery_metrics::{DeliveryMetrics, ReceiverMetrics};

/// The values counted since the start.
pub(super) struct Registry {
    pub(super) checks: Arc<Checks>,
    pub(super) plugins: Plugins,
    pub(super) guests: Arc<Guests>,
    pub(super) service: Kept,
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
            service: Kept::default(),
            host: HostMetrics::new(version, wasmtime),
        }
    }

    /// Returns all metrics in no particular order.
    fn families(&self) -> Vec<MetricFamily> {
        let mut families = self.host.families();
        families.extend(self.checks.families());
        families.extend(self.plugins.families());
        families.extend(self.guests.families());
        families.extend(self.service.families());
        families
    }
}

impl Exposition for Registry {
    fn text(&self, moment: &Moment) -> String {
        let mut families = self.families();
        families.extend(moment::families(moment));
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
        self.host.panicked();
    }

    fn receiver(&self, receiver: &str) -> Arc<dyn ReceiverMetrics> {
        Arc::new(self.host.receiver(receiver))
    }

    fn receiver_removed(&self, receiver: &str) {
        self.host.receiver_removed(receiver);
    }
}

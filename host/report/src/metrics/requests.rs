//! The metrics of one endpoint's requests.

use std::time::Duration;

use prometheus::{Histogram, IntCounterVec};
use vitals_core::RequestCounter;

/// The counters of one endpoint's requests.
pub(super) struct Requests {
    pub(super) endpoint: &'static str,
    pub(super) total: IntCounterVec,
    pub(super) duration: Histogram,
}

impl RequestCounter for Requests {
    fn answered(&self, method: &'static str, status: &str, took: Duration) {
        let counter = self
            .total
            .with_label_values(&[method, self.endpoint, status]);
        counter.inc();
        self.duration.observe(took.as_secs_f64());
    }
}

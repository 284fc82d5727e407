//! The metrics of the notifications of one receiver.

use prometheus::{IntCounter, IntGauge};

use crate::delivery_metrics::{ReceiverMetrics, RequestResult};

/// The series of one receiver.
pub(super) struct Receiver {
    /// In the order of [`RESULTS`].
    pub(super) requests: [IntCounter; RESULTS.len()],
    pub(super) dropped: IntCounter,
    pub(super) waiting: IntGauge,
}

/// The results of requests as labels, in the order of [`RequestResult`].
pub(super) const RESULTS: [&str; 3] = ["sent", "failed", "refused"];

impl ReceiverMetrics for Receiver {
    fn requested(&self, result: RequestResult) {
        self.requests[result as usize].inc();
    }

    fn dropped(&self, count: usize) {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.dropped.inc_by(count);
    }

    fn waiting(&self, count: usize) {
        self.waiting.set(i64::try_from(count).unwrap_or(i64::MAX));
    }
}

//! The metrics of the notifications of one receiver.

use prometheus::{IntCounter, IntGauge};

/// The counters of one receiver, or none while metrics are disabled. After the series are removed,
/// it counts without being shown and does not bring them back.
#[derive(Debug)]
pub(crate) struct ReceiverMetrics(Option<Series>);

#[derive(Debug)]
struct Series {
    requests: [IntCounter; RequestResult::ALL.len()],
    dropped: IntCounter,
    waiting: IntGauge,
}

/// The result of a request to a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestResult {
    Sent,
    /// The request will be retried.
    Failed,
    Refused,
}

impl RequestResult {
    pub(super) const ALL: [Self; 3] = [Self::Sent, Self::Failed, Self::Refused];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Refused => "refused",
        }
    }
}

impl ReceiverMetrics {
    pub(super) fn counted(
        requests: [IntCounter; RequestResult::ALL.len()],
        dropped: IntCounter,
        waiting: IntGauge,
    ) -> Self {
        Self(Some(Series {
            requests,
            dropped,
            waiting,
        }))
    }

    pub(super) fn ignored() -> Self {
        Self(None)
    }

    /// Counts a finished request.
    pub(crate) fn requested(&self, result: RequestResult) {
        if let Some(series) = &self.0 {
            series.requests[result as usize].inc();
        }
    }

    /// Counts lost notifications.
    pub(crate) fn dropped(&self, count: usize) {
        if let Some(series) = &self.0 {
            let count = u64::try_from(count).unwrap_or(u64::MAX);
            series.dropped.inc_by(count);
        }
    }

    /// Sets the number of waiting notifications.
    pub(crate) fn waiting(&self, count: usize) {
        if let Some(series) = &self.0 {
            series.waiting.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }
}

//! The interface through which deliveries are counted.

use std::sync::Arc;

/// Counts the outcomes of deliveries.
pub trait DeliveryMetrics: Send + Sync {
    /// Counts a contained panic of the host's own code.
    fn host_panicked(&self);

    /// Returns the metrics of a receiver of notifications, with all its series.
    fn receiver(&self, receiver: &str) -> Arc<dyn ReceiverMetrics>;

    /// Removes a receiver of notifications and all its series.
    fn receiver_removed(&self, receiver: &str);
}

/// Counts the outcomes of one receiver's notifications. After its series are removed, it counts
/// without being shown and does not bring them back.
pub trait ReceiverMetrics: Send + Sync {
    /// Counts a finished request.
    fn requested(&self, result: RequestResult);

    /// Counts lost notifications.
    fn dropped(&self, count: usize);

    /// Sets the number of waiting notifications.
    fn waiting(&self, count: usize);
}

/// The result of a request to a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestResult {
    /// The message was delivered.
    Sent,
    /// The request failed and will be retried.
    Failed,
    /// The receiver rejected the message, which is lost.
    Refused,
}

//! Where deliveries are counted, as those who deliver see it.

use std::sync::Arc;

/// Counts what becomes of deliveries.
pub trait DeliveryMetrics: Send + Sync {
    /// A panic of the host's own code was contained.
    fn host_panicked(&self);

    /// Where what becomes of the notifications of a receiver is counted. It has all its series from here
    /// on.
    fn receiver(&self, receiver: &str) -> Arc<dyn ReceiverMetrics>;

    /// A receiver of notifications is gone, and with it all its series.
    fn receiver_removed(&self, receiver: &str);
}

/// Counts what becomes of the notifications of one receiver. Once its series are removed, it counts where
/// nobody sees it: it does not bring them back.
pub trait ReceiverMetrics: Send + Sync {
    /// A request has come to its end.
    fn requested(&self, result: Requested);

    /// So many notifications were lost.
    fn dropped(&self, count: usize);

    /// So many notifications wait.
    fn waiting(&self, count: usize);
}

/// The result of a request to a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requested {
    /// It arrived.
    Sent,
    /// It is made once more.
    Failed,
    /// It was refused, and is not made again.
    Refused,
}

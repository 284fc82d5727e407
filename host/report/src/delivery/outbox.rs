//! The messages that wait for a server.

use bytes::Bytes;
use jiff::Timestamp;
use tokio::time::Instant;

/// The messages that wait for one server. At most one is in flight.
pub(crate) trait Outbox: Send + 'static {
    /// Returns the message that is due. It is in flight from then on.
    fn next(&mut self, now: TimePoint) -> Next;

    /// Records that the message in flight is done, or has to be retried.
    fn completed(&mut self, retry: bool, now: TimePoint);

    /// Returns the number of waiting messages, including the one in flight.
    fn len(&self) -> usize;
}

/// The next action of a delivery.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Post(Bytes),
    /// Wait until this time, or until the outbox changes.
    Wait(Option<Instant>),
}

/// One moment, on both clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimePoint {
    pub(crate) instant: Instant,
    pub(crate) time: Timestamp,
}

impl TimePoint {
    pub(crate) fn now() -> Self {
        Self {
            instant: Instant::now(),
            time: Timestamp::now(),
        }
    }
}

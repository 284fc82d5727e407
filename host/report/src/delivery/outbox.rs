//! What waits for a server, as a delivery sees it.

use bytes::Bytes;
use jiff::Timestamp;
use tokio::time::Instant;

/// The messages that wait for one server. One at a time is under way.
pub(crate) trait Outbox: Send + 'static {
    /// The message that is due; it is under way from here on.
    fn next(&mut self, now: Moment) -> Next;

    /// The message under way has come to its end, or is to be sent once more.
    fn ended(&mut self, once_more: bool, now: Moment);

    /// How many messages wait, the one under way included.
    fn len(&self) -> usize;
}

/// What is to be done next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Post(Bytes),
    /// Nothing before this moment.
    Wait(Option<Instant>),
}

/// One and the same moment by both clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) instant: Instant,
    pub(crate) time: Timestamp,
}

impl Moment {
    pub(crate) fn now() -> Self {
        Self {
            instant: Instant::now(),
            time: Timestamp::now(),
        }
    }
}

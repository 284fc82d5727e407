//! The server of a delivery, as its owner sees it. Knows neither what waits nor how it is sent.

use http::{HeaderMap, StatusCode};
use jiff::Timestamp;

use super::sender::{Failure, judge};

/// The server at the other end: what its answers mean, and what is counted and logged of it.
pub(crate) trait Endpoint: Send + Sync + 'static {
    /// Judges an answer.
    fn judge(&self, status: StatusCode, headers: &HeaderMap) -> Result<(), Failure> {
        judge(status, headers, Timestamp::now())
    }

    /// Why no message may be sent at present; one that is due is refused then.
    fn closed(&self) -> Option<String> {
        None
    }

    /// Counts the messages that wait.
    fn waiting(&self, _count: usize) {}

    /// A message has arrived.
    fn delivered(&self);

    /// A message did not arrive, and is sent once more.
    fn retried(&self, why: &str);

    /// A message was refused, and is lost.
    fn refused(&self, why: &str);

    /// Messages were lost, because they were not taken in time.
    fn dropped(&self, count: usize);

    /// The host panicked over a message, which is sent once more. The panic is counted already.
    fn panicked(&self);
}

//! The server of a delivery, from the owner's side.

use http::{HeaderMap, StatusCode};
use jiff::Timestamp;

use super::sender::{Failure, judge};

/// The server at the other end: the meaning of its responses, and the metrics and logs of its
/// messages.
pub(crate) trait Endpoint: Send + Sync + 'static {
    /// Judges a response.
    fn judge(&self, status: StatusCode, headers: &HeaderMap) -> Result<(), Failure> {
        judge(status, headers, Timestamp::now())
    }

    /// Returns why no message may be sent at present. A message that is due is then rejected.
    fn blocked_reason(&self) -> Option<String> {
        None
    }

    /// Reports the number of waiting messages.
    fn waiting(&self, _count: usize) {}

    /// Reports that a message was delivered.
    fn delivered(&self);

    /// Reports that a message failed and is retried.
    fn retried(&self, why: &str);

    /// Reports that a message was rejected and is lost.
    fn rejected(&self, why: &str);

    /// Reports that messages were dropped because the server is too slow.
    fn dropped(&self, count: usize);

    /// Reports that the host panicked while sending a message, which is retried. The panic is
    /// already counted.
    fn panicked(&self);
}

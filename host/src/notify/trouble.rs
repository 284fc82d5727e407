//! What the log says of a receiver: once when it begins to fail, once when it works again, and once in
//! a while what it lost.

use std::time::{Duration, Instant};

/// The trouble with one receiver.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    /// What was said last, unless something has arrived since.
    said: Option<String>,
    /// Dropped and not said yet.
    dropped: usize,
    dropped_said_at: Option<Instant>,
}

impl Trouble {
    /// A request failed, and is made once more.
    pub(super) fn failed(&mut self, receiver: &str, why: &str) {
        if self.is_news(why) {
            tracing::warn!(
                receiver,
                error = why,
                "notifications cannot be delivered, they are tried again"
            );
        }
    }

    /// A request was refused, and is not made once more.
    pub(super) fn refused(&mut self, receiver: &str, why: &str) {
        if self.is_news(why) {
            tracing::error!(
                receiver,
                error = why,
                "notification refused by its receiver"
            );
        }
    }

    /// Something has arrived.
    pub(super) fn over(&mut self, receiver: &str) {
        if self.said.take().is_some() {
            tracing::info!(receiver, "notifications are delivered again");
        }
    }

    /// So many more were dropped.
    pub(super) fn dropped(&mut self, receiver: &str, count: usize) {
        self.dropped += count;
        let now = Instant::now();
        let is_due = |said: Instant| now.duration_since(said) >= BETWEEN_LINES;
        if self.dropped_said_at.is_none_or(is_due) {
            self.dropped_said_at = Some(now);
            let dropped = std::mem::take(&mut self.dropped);
            tracing::warn!(
                receiver,
                dropped,
                "notifications are dropped, their receiver does not take them in time"
            );
        }
    }

    fn is_news(&mut self, why: &str) -> bool {
        let is_news = self.said.as_deref() != Some(why);
        if is_news {
            self.said = Some(why.to_owned());
        }
        is_news
    }
}

const BETWEEN_LINES: Duration = Duration::from_mins(1);

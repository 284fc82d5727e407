//! The log of failed deliveries, which writes a line for the first failure only.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Counts lost messages.
#[derive(Debug, Default)]
pub(crate) struct DropCounter(Mutex<Dropped>);

#[derive(Debug, Default)]
struct Dropped {
    unlogged: usize,
    unreported: usize,
    logged_at: Option<Instant>,
}

impl DropCounter {
    /// Counts lost messages. Returns the number since the last log line if another line is due.
    pub(crate) fn count(&self, count: usize) -> Option<usize> {
        let mut dropped = self.0.lock();
        dropped.unlogged += count;
        dropped.unreported += count;
        let now = Instant::now();
        let is_due = |last: Instant| now.duration_since(last) >= LOG_INTERVAL;
        dropped.logged_at.is_none_or(is_due).then(|| {
            dropped.logged_at = Some(now);
            std::mem::take(&mut dropped.unlogged)
        })
    }

    /// Returns the number since the last call.
    pub(crate) fn take(&self) -> usize {
        std::mem::take(&mut self.0.lock().unreported)
    }
}

/// The failure that was last logged, unless a message was delivered since.
#[derive(Debug, Default)]
pub(crate) struct FailureLog(Mutex<Option<String>>);

impl FailureLog {
    /// Records a failure. Returns whether it differs from the last one.
    pub(crate) fn is_new(&self, why: &str) -> bool {
        let mut logged = self.0.lock();
        let is_new = logged.as_deref() != Some(why);
        if is_new {
            *logged = Some(why.to_owned());
        }
        is_new
    }

    /// Records a delivered message. Returns whether that ends a failure.
    pub(crate) fn resolve(&self) -> bool {
        self.0.lock().take().is_some()
    }
}

const LOG_INTERVAL: Duration = Duration::from_mins(1);

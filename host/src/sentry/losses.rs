//! Reports that did not leave: counted, and said in the log once in a while.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Counts what was left out or lost.
#[derive(Debug, Default)]
pub(super) struct Losses {
    /// Since a report last said how many.
    unsaid: AtomicU64,
    in_log: Mutex<InLog>,
}

#[derive(Debug, Default)]
struct InLog {
    /// Since the last line.
    unsaid: u64,
    line_at: Option<Instant>,
}

impl Losses {
    /// One more, and why.
    pub(super) fn count(&self, why: &str) {
        self.unsaid.fetch_add(1, Ordering::Relaxed);
        let mut in_log = self.in_log.lock().unwrap_or_else(PoisonError::into_inner);
        in_log.unsaid += 1;
        let now = Instant::now();
        if in_log
            .line_at
            .is_none_or(|line_at| now.duration_since(line_at) >= BETWEEN_LINES)
        {
            let reports = std::mem::take(&mut in_log.unsaid);
            in_log.line_at = Some(now);
            drop(in_log);
            tracing::warn!(reports, error = why, "reports to Sentry are left out");
        }
    }

    /// How many there were since this was last asked.
    pub(super) fn take(&self) -> u64 {
        self.unsaid.swap(0, Ordering::Relaxed)
    }
}

const BETWEEN_LINES: Duration = Duration::from_mins(1);

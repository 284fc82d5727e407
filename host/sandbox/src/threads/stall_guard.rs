//! Keeps connections and timers served while a guest thread is stuck in a long poll.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{GuestThreads, Inner};

/// Wakes a sleeping guest thread while a poll takes long.
///
/// In tokio one idle worker waits for connections and timers, and the other idle workers sleep. The
/// worker that waits also continues the task of an event, and the next worker to become idle takes
/// its place. If all others are asleep, nobody waits until the poll ends, which is never if a call
/// into the host blocks.
#[derive(Debug)]
pub(crate) struct StallGuard {
    inner: Arc<Inner>,
    /// The polls that had started at the last check.
    seen_polls: u64,
    /// Whether a thread was woken since then.
    has_woken: bool,
}

impl GuestThreads {
    /// Returns a guard, whose [`StallGuard::check`] must be called regularly.
    pub(crate) fn stall_guard(&self) -> StallGuard {
        StallGuard {
            inner: Arc::clone(&self.inner),
            seen_polls: 0,
            has_woken: false,
        }
    }
}

impl StallGuard {
    /// Wakes a thread if a poll has been running since the last check and no other has started.
    pub(crate) fn check(&mut self) {
        let inner = &self.inner;
        let started_polls = inner.started_polls.load(Ordering::Relaxed);
        if started_polls != self.seen_polls {
            (self.seen_polls, self.has_woken) = (started_polls, false);
            return;
        }
        if self.has_woken || started_polls == inner.finished_polls.load(Ordering::Relaxed) {
            return;
        }
        self.has_woken = true;
        if inner.run_queue.lock().active_workers < inner.thread_count {
            // The woken worker finds no task, and waits for events.
            inner.threads.spawn(async {});
        }
    }
}

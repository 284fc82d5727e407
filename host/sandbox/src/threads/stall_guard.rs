//! Wakes a sleeping guest thread while another one is stuck in a long poll.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{GuestThreads, Inner};

/// Sees to it that somebody waits for connections and timers while a turn takes long.
///
/// Of the threads that have nothing to do one waits for them, and the rest sleep. When something
/// comes it is that one which goes on with it; the next to have nothing to do takes its place. Where
/// all others sleep nobody would, for as long as the turn takes: for ever, should a call into the
/// host block.
#[derive(Debug)]
pub(crate) struct StallGuard {
    inner: Arc<Inner>,
    /// The turns that had begun at the last look.
    seen_polls: u64,
    /// Whether a thread was woken since then.
    has_woken: bool,
}

impl GuestThreads {
    /// What has to look at the threads now and then.
    pub(crate) fn stall_guard(&self) -> StallGuard {
        StallGuard {
            inner: Arc::clone(&self.inner),
            seen_polls: 0,
            has_woken: false,
        }
    }
}

impl StallGuard {
    /// Wakes a thread that sleeps where a turn has gone on since the last look, and none has begun.
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
        if inner.run_queue().active_workers < inner.thread_count {
            // It finds nothing to do, and waits for what comes.
            inner.threads.spawn(async {});
        }
    }
}

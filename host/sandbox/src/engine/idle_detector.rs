//! Tells the epoch clock whether it may tick slowly, because no guest runs.
//!
//! It knows neither threads nor time. `tests/models` tries every interleaving of its steps.

#[cfg(loom)]
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};

/// The state that runs and the clock share.
#[derive(Debug)]
pub(super) struct IdleDetector {
    runs: AtomicUsize,
    /// Runs that have started since the last tick.
    started: AtomicUsize,
    /// Whether the clock ticks slowly.
    is_idle: AtomicBool,
}

impl IdleDetector {
    pub(super) fn new() -> Self {
        Self {
            runs: AtomicUsize::new(0),
            started: AtomicUsize::new(0),
            is_idle: AtomicBool::new(false),
        }
    }

    /// Counts a run that starts. Returns whether the clock is idle and has to be woken.
    pub(super) fn run_started(&self) -> bool {
        self.runs.fetch_add(1, Ordering::Relaxed);
        self.started.fetch_add(1, Ordering::Relaxed);
        // Pairs with the fence in `try_idle`: this run sees the idle clock, or the clock sees this
        // run.
        fence(Ordering::SeqCst);
        self.is_idle.swap(false, Ordering::Relaxed)
    }

    pub(super) fn run_ended(&self) {
        self.runs.fetch_sub(1, Ordering::Relaxed);
    }

    /// Called by the clock after each tick. Returns whether the clock may tick slowly: no guest
    /// runs, or has run since the last tick.
    pub(super) fn try_idle(&self) -> bool {
        if self.started.swap(0, Ordering::Relaxed) > 0 || self.has_runs() {
            return false;
        }
        self.is_idle.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        !self.has_runs()
    }

    fn has_runs(&self) -> bool {
        self.runs.load(Ordering::Relaxed) > 0
    }
}

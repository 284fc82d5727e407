//! Whether the epoch clock may doze: it keeps its pace while guests run, and takes its time while none
//! does.
//!
//! It knows neither threads nor time. `tests/models` tries all orders in which its steps can happen.

#[cfg(loom)]
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};

/// What runs and the clock tell each other.
#[derive(Debug)]
pub(super) struct IdleDetector {
    runs: AtomicUsize,
    /// Runs that have begun since the last tick.
    started: AtomicUsize,
    /// Whether the clock takes its time, because nothing has run for a tick.
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

    /// Counts a run that begins. Answers whether the clock dozes and has to be woken.
    pub(super) fn run_started(&self) -> bool {
        self.runs.fetch_add(1, Ordering::Relaxed);
        self.started.fetch_add(1, Ordering::Relaxed);
        // With the one in `try_idle`: this run sees that the clock dozes, or the clock sees this run.
        fence(Ordering::SeqCst);
        self.is_idle.swap(false, Ordering::Relaxed)
    }

    /// Counts a run that has ended.
    pub(super) fn run_ended(&self) {
        self.runs.fetch_sub(1, Ordering::Relaxed);
    }

    /// Asked by the clock after each tick. It may not doze while anything runs or has run since the last
    /// tick.
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

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
pub(super) struct Pace {
    runs: AtomicUsize,
    /// Runs that have begun since the last tick.
    begun: AtomicUsize,
    /// Whether the clock takes its time, because nothing has run for a tick.
    dozing: AtomicBool,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self {
            runs: AtomicUsize::new(0),
            begun: AtomicUsize::new(0),
            dozing: AtomicBool::new(false),
        }
    }

    /// Counts a run that begins. Answers whether the clock dozes and has to be woken.
    pub(super) fn begin_run(&self) -> bool {
        self.runs.fetch_add(1, Ordering::Relaxed);
        self.begun.fetch_add(1, Ordering::Relaxed);
        // With the one in `may_doze`: this run sees that the clock dozes, or the clock sees this run.
        fence(Ordering::SeqCst);
        self.dozing.swap(false, Ordering::Relaxed)
    }

    /// Counts a run that has ended.
    pub(super) fn end_run(&self) {
        self.runs.fetch_sub(1, Ordering::Relaxed);
    }

    /// Asked by the clock after each tick. It may not doze while anything runs or has run since the last
    /// tick.
    pub(super) fn may_doze(&self) -> bool {
        if self.begun.swap(0, Ordering::Relaxed) > 0 || self.is_busy() {
            return false;
        }
        self.dozing.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        !self.is_busy()
    }

    fn is_busy(&self) -> bool {
        self.runs.load(Ordering::Relaxed) > 0
    }
}

//! The heartbeat of a loop of the host: the time of its last iteration.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The time when a loop last made an iteration.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    started: Instant,
    last_ms: AtomicU64,
}

impl Heartbeat {
    /// Records an iteration now.
    pub(crate) fn beat(&self) {
        self.beat_at(Instant::now());
    }

    /// Records an iteration at `moment`.
    pub(crate) fn beat_at(&self, moment: Instant) {
        let age = moment.saturating_duration_since(self.started);
        let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        self.last_ms.store(age, Ordering::Relaxed);
    }

    /// Returns the time between the last iteration, or the creation, and `now`.
    pub(crate) fn since(&self, now: Instant) -> Duration {
        let last = Duration::from_millis(self.last_ms.load(Ordering::Relaxed));
        now.saturating_duration_since(self.started)
            .saturating_sub(last)
    }
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            last_ms: AtomicU64::new(0),
        }
    }
}

/// The interval of the watcher's heartbeat.
pub(super) const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);

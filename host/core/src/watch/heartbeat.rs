//! The beat of a loop that must turn: when it last did. Knows nothing of what the loop does.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// When a loop last turned.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    started: Instant,
    last_ms: AtomicU64,
}

impl Heartbeat {
    /// The loop turns now.
    pub(crate) fn turn(&self) {
        self.turn_at(Instant::now());
    }

    /// The loop turned at that moment.
    pub(crate) fn turn_at(&self, moment: Instant) {
        let age = moment.saturating_duration_since(self.started);
        let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        self.last_ms.store(age, Ordering::Relaxed);
    }

    /// How long before `now` the loop last turned, or was made.
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

/// From one heartbeat of the watcher to the next.
pub(super) const BEAT: Duration = Duration::from_secs(1);

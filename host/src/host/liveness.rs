//! Whether the host's own loops turn: what `/health/live` answers by, and nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::board::{Board, EXPIRY_SWEEP};
use crate::http::Pulse;
use crate::plugin::Sandbox;
use crate::schedule::Schedule;

/// The loops that must turn.
pub(super) struct Loops {
    sandbox: Sandbox,
    schedule: Arc<Schedule>,
    started: Instant,
    last_sweep_ms: AtomicU64,
}

impl Loops {
    pub(super) fn new(sandbox: Sandbox, schedule: Arc<Schedule>) -> Self {
        Self {
            sandbox,
            schedule,
            started: Instant::now(),
            last_sweep_ms: AtomicU64::new(0),
        }
    }

    fn swept(&self) {
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_sweep_ms.store(now, Ordering::Relaxed);
    }
}

impl Pulse for Loops {
    fn standing_still(&self) -> Option<&'static str> {
        let last_sweep = Duration::from_millis(self.last_sweep_ms.load(Ordering::Relaxed));
        let since_sweep = self.started.elapsed().saturating_sub(last_sweep);
        if self.sandbox.since_last_epoch_tick() > STILL {
            Some("epoch")
        } else if since_sweep > STILL {
            Some("schedule")
        } else {
            None
        }
    }

    fn runs_in_flight(&self) -> usize {
        self.schedule.in_flight()
    }

    fn max_runs(&self) -> usize {
        self.schedule.max_runs()
    }

    fn epoch_ticks(&self) -> u64 {
        self.sandbox.epoch_ticks()
    }
}

/// Looks at the age of results, and ends the first round when its grace is over. It lives on the
/// timers that the schedule lives on: while it turns, they do.
pub(super) async fn sweep(
    board: Arc<Board>,
    loops: Arc<Loops>,
    grace_ends: Instant,
    stop: CancellationToken,
) {
    loop {
        let now = Instant::now();
        loops.swept();
        if now >= grace_ends {
            board.end_first_round();
        }
        let next = board.expire(now).unwrap_or(now + EXPIRY_SWEEP);
        let next = next.clamp(now + SHORTEST_SWEEP, now + EXPIRY_SWEEP);
        tokio::select! {
            () = tokio::time::sleep_until(next.into()) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// A loop that has not turned for so long stands still.
const STILL: Duration = Duration::from_secs(10);
const SHORTEST_SWEEP: Duration = Duration::from_millis(20);

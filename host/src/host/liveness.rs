//! Whether the host's own loops turn: what `/health/live` answers by, and nothing else.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::board::{Board, EXPIRY_SWEEP};
use crate::http::Pulse;
use crate::plugin::Sandbox;
use crate::schedule::Schedule;
use crate::watch::Beat;

/// The loops that must turn.
pub(super) struct Loops {
    sandbox: Sandbox,
    schedule: Arc<Schedule>,
    sweep: Beat,
    watcher: Arc<Beat>,
}

impl Loops {
    pub(super) fn new(sandbox: Sandbox, schedule: Arc<Schedule>, watcher: Arc<Beat>) -> Self {
        Self {
            sandbox,
            schedule,
            sweep: Beat::default(),
            watcher,
        }
    }
}

impl Pulse for Loops {
    fn standing_still(&self) -> Option<&'static str> {
        first_still([
            ("epoch", self.sandbox.since_last_epoch_tick()),
            ("schedule", self.sweep.since()),
            ("watcher", self.watcher.since()),
        ])
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
        loops.sweep.turn();
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

/// The first of the loops that has not turned for too long.
fn first_still(loops: [(&'static str, Duration); 3]) -> Option<&'static str> {
    let mut still = loops.into_iter().filter(|(_, since)| *since > STILL);
    still.next().map(|(name, _)| name)
}

/// A loop that has not turned for so long stands still.
const STILL: Duration = Duration::from_secs(10);
const SHORTEST_SWEEP: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_loop_that_stands_still_is_named() {
        let (turns, stands) = (STILL, STILL + Duration::from_millis(1));
        let loops = |epoch, schedule, watcher| {
            first_still([
                ("epoch", epoch),
                ("schedule", schedule),
                ("watcher", watcher),
            ])
        };
        assert_eq!(loops(turns, turns, turns), None);
        assert_eq!(loops(stands, turns, turns), Some("epoch"));
        assert_eq!(loops(turns, stands, turns), Some("schedule"));
        assert_eq!(loops(turns, turns, stands), Some("watcher"));
    }
}

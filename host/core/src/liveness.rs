//! The liveness of the host's own loops, which `/health/live` reports.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::board::EXPIRY_SWEEP;
use crate::publisher::Publisher;
use crate::schedule::Schedule;
use crate::status::HostStats;
use crate::watch::Heartbeat;
use vitals_sandbox::Sandbox;

/// The loops that must make progress.
pub(crate) struct Loops {
    pub(crate) sandbox: Sandbox,
    pub(crate) schedule: Arc<Schedule>,
    pub(crate) heartbeats: Heartbeats,
}

/// The heartbeats of the loops that run as tasks.
#[derive(Debug, Default)]
pub(crate) struct Heartbeats {
    /// The runtime that the host was started in, where loops of native checks run.
    schedule: Arc<Heartbeat>,
    /// The guest threads, where loops of guest checks run.
    guests: Arc<Heartbeat>,
    /// The sweep over stale results.
    sweep: Arc<Heartbeat>,
    pub(crate) watcher: Arc<Heartbeat>,
}

impl Loops {
    /// Spawns a heartbeat on the guest threads until shutdown. It runs like the loops of checks and
    /// stalls when they do. Guests that compute endlessly do not stall it, because they share the
    /// threads.
    pub(crate) fn spawn_guest_heartbeat(&self, stop: CancellationToken) {
        let heartbeat = Arc::clone(&self.heartbeats.guests);
        self.sandbox
            .spawn_on_guest_runtime(keep_beating(heartbeat, stop));
    }

    /// Returns a heartbeat for the runtime of native checks. It stalls when their loops do.
    pub(crate) fn native_heartbeat(
        &self,
        stop: CancellationToken,
    ) -> impl Future<Output = ()> + Send + 'static {
        keep_beating(Arc::clone(&self.heartbeats.schedule), stop)
    }
}

impl Heartbeats {
    /// Returns the first stalled loop at `now`. Loops that others depend on come first.
    fn stalled_loop(&self, since_epoch: Duration, now: Instant) -> Option<&'static str> {
        let loops = [
            ("epoch", since_epoch),
            ("schedule", self.schedule.since(now)),
            ("guests", self.guests.since(now)),
            ("sweep", self.sweep.since(now)),
            ("watcher", self.watcher.since(now)),
        ];
        let mut still = loops
            .into_iter()
            .filter(|(_, since)| *since > STALL_TIMEOUT);
        still.next().map(|(name, _)| name)
    }
}

impl HostStats for Loops {
    fn stalled_loop(&self) -> Option<&'static str> {
        let since_epoch = self.sandbox.since_last_epoch_tick();
        self.heartbeats.stalled_loop(since_epoch, Instant::now())
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

async fn keep_beating(heartbeat: Arc<Heartbeat>, stop: CancellationToken) {
    loop {
        heartbeat.beat();
        tokio::select! {
            () = tokio::time::sleep(EXPIRY_SWEEP) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Expires stale results, and ends the first round when its grace period is over.
pub(crate) async fn sweep(
    publisher: Arc<Publisher>,
    loops: Arc<Loops>,
    grace_ends: Instant,
    stop: CancellationToken,
) {
    loop {
        let now = Instant::now();
        loops.heartbeats.sweep.beat();
        if now >= grace_ends {
            publisher.board.end_first_round();
        }
        let next = publisher.expire(now).unwrap_or(now + EXPIRY_SWEEP);
        let next = next.clamp(now + MIN_SWEEP_INTERVAL, now + EXPIRY_SWEEP);
        tokio::select! {
            () = tokio::time::sleep_until(next.into()) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// A loop without an iteration for this long is stalled.
const STALL_TIMEOUT: Duration = Duration::from_secs(10);
const MIN_SWEEP_INTERVAL: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stalled_loop_is_named_until_it_beats_again() {
        let heartbeats = Heartbeats::default();
        let all = [
            &heartbeats.schedule,
            &heartbeats.guests,
            &heartbeats.sweep,
            &heartbeats.watcher,
        ];
        let mut now = Instant::now();
        let names = ["schedule", "guests", "sweep", "watcher"];
        for (withheld, name) in names.into_iter().enumerate() {
            for heartbeat in all {
                heartbeat.beat_at(now);
            }
            now += STALL_TIMEOUT + Duration::from_secs(1);
            assert!(heartbeats.stalled_loop(Duration::ZERO, now).is_some());
            for (number, heartbeat) in all.iter().enumerate() {
                if number != withheld {
                    heartbeat.beat_at(now);
                }
            }
            assert_eq!(heartbeats.stalled_loop(Duration::ZERO, now), Some(name));
            all[withheld].beat_at(now);
            assert_eq!(heartbeats.stalled_loop(Duration::ZERO, now), None);
        }
        let long = STALL_TIMEOUT + Duration::from_millis(1);
        assert_eq!(heartbeats.stalled_loop(long, now), Some("epoch"));
        assert_eq!(heartbeats.stalled_loop(STALL_TIMEOUT, now), None);
    }
}

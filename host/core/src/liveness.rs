//! Whether the host's own loops turn: what `/health/live` answers by, and nothing else.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::board::EXPIRY_SWEEP;
use crate::publisher::Publisher;
use crate::schedule::Schedule;
use crate::stats::HostStats;
use crate::watch::Heartbeat;
use vitals_sandbox::Sandbox;

/// The loops that must turn.
pub(crate) struct Loops {
    sandbox: Sandbox,
    schedule: Arc<Schedule>,
    beats: Heartbeats,
}

/// When those that live on tasks last turned.
#[derive(Debug, Default)]
pub(crate) struct Heartbeats {
    /// The runtime that the host was started in, where the loops of native checks live.
    schedule: Arc<Heartbeat>,
    /// The guest threads, where the loops of guests' checks live.
    guests: Arc<Heartbeat>,
    /// The sweep over old results.
    sweep: Arc<Heartbeat>,
    pub(crate) watcher: Arc<Heartbeat>,
}

impl Loops {
    pub(crate) fn new(sandbox: Sandbox, schedule: Arc<Schedule>, beats: Heartbeats) -> Self {
        Self {
            sandbox,
            schedule,
            beats,
        }
    }

    /// Lets a loop turn on the guest threads until the host closes: one that lives as the loops of
    /// checks do, so that it stands still when they do. Guests that compute without end don't hold
    /// it up, because they share their threads.
    pub(crate) fn beat_among_guests(&self, stop: CancellationToken) {
        let beat = Arc::clone(&self.beats.guests);
        self.sandbox
            .spawn_on_guest_runtime(keep_beating(beat, stop));
    }

    /// Turns until the host closes, beside the loops of native checks: it stands still when they do.
    pub(crate) fn beat_among_natives(
        &self,
        stop: CancellationToken,
    ) -> impl Future<Output = ()> + Send + 'static {
        keep_beating(Arc::clone(&self.beats.schedule), stop)
    }
}

impl Heartbeats {
    /// The first of the loops that has not turned for too long at the moment `now`; one that others
    /// depend on comes before them.
    fn stalled_loop(&self, since_epoch: Duration, now: Instant) -> Option<&'static str> {
        let loops = [
            ("epoch", since_epoch),
            ("schedule", self.schedule.since(now)),
            ("guests", self.guests.since(now)),
            ("sweep", self.sweep.since(now)),
            ("watcher", self.watcher.since(now)),
        ];
        let mut still = loops.into_iter().filter(|(_, since)| *since > STILL);
        still.next().map(|(name, _)| name)
    }
}

impl HostStats for Loops {
    fn stalled_loop(&self) -> Option<&'static str> {
        let since_epoch = self.sandbox.since_last_epoch_tick();
        self.beats.stalled_loop(since_epoch, Instant::now())
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

async fn keep_beating(beat: Arc<Heartbeat>, stop: CancellationToken) {
    loop {
        beat.turn();
        tokio::select! {
            () = tokio::time::sleep(EXPIRY_SWEEP) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Looks at the age of results, and ends the first round when its grace is over.
pub(crate) async fn sweep(
    publisher: Arc<Publisher>,
    loops: Arc<Loops>,
    grace_ends: Instant,
    stop: CancellationToken,
) {
    loop {
        let now = Instant::now();
        loops.beats.sweep.turn();
        if now >= grace_ends {
            publisher.board.end_first_round();
        }
        let next = publisher.expire(now).unwrap_or(now + EXPIRY_SWEEP);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_loop_whose_beat_is_withheld_is_named_until_it_goes_on() {
        let beats = Heartbeats::default();
        let all = [&beats.schedule, &beats.guests, &beats.sweep, &beats.watcher];
        let mut now = Instant::now();
        let names = ["schedule", "guests", "sweep", "watcher"];
        for (withheld, name) in names.into_iter().enumerate() {
            for beat in all {
                beat.turn_at(now);
            }
            now += STILL + Duration::from_secs(1);
            assert!(beats.stalled_loop(Duration::ZERO, now).is_some());
            for (number, beat) in all.iter().enumerate() {
                if number != withheld {
                    beat.turn_at(now);
                }
            }
            assert_eq!(beats.stalled_loop(Duration::ZERO, now), Some(name));
            all[withheld].turn_at(now);
            assert_eq!(beats.stalled_loop(Duration::ZERO, now), None);
        }
        let long = STILL + Duration::from_millis(1);
        assert_eq!(beats.stalled_loop(long, now), Some("epoch"));
        assert_eq!(beats.stalled_loop(STILL, now), None);
    }
}

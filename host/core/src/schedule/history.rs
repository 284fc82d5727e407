//! What is known of a check from run to run, whichever of its jobs made them. The loop of the check
//! and whoever tries a new job of its out share it.

use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use tracing::field::display;

use super::job::{Job, Timing};
use super::phase::next_due;
use vitals_model::{Breaker, BreakerChange, CheckName, Hysteresis, RunReport, Status};

/// The history of one check.
#[derive(Debug, Default)]
pub(super) struct History {
    /// Held by who makes a run of the check: no two runs of it overlap.
    pub(super) alone: tokio::sync::Mutex<()>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// What the last run found.
    previous: Option<Status>,
    hysteresis: Hysteresis,
    breaker: Breaker,
}

/// What a run has come to.
pub(super) struct Counted {
    /// The status to show.
    pub(super) status: Status,
    pub(super) consecutive_failures: u32,
    pub(super) breaker: Breaker,
    /// When the next run is due.
    pub(super) next: Instant,
}

impl History {
    /// What the last run found.
    pub(super) fn previous(&self) -> Option<Status> {
        self.lock().previous
    }

    /// Another job has come: what the one before it did is not held against it.
    pub(super) fn forgive(&self, job: &Job) {
        let mut known = self.lock();
        if known.breaker.is_open() {
            let why = "its plugin or its settings changed";
            closed(&job.name, job.timing.interval, why);
        }
        known.breaker = Breaker::default();
    }

    /// Counts a run of a job; `due` is the next moment that is in phase.
    pub(super) fn count(&self, job: &Job, report: &RunReport, due: Instant) -> Counted {
        let (timing, now) = (job.timing, Instant::now());
        let mut known = self.lock();
        let found = report.outcome.status();
        let status = known.hysteresis.observe(found, timing.thresholds);
        if found != Status::Unknown {
            known.previous = Some(found);
        }
        let turned = known.breaker.observe(report.limit_use());
        let breaker = known.breaker;
        let next = if breaker.is_open() {
            due + timing.interval * (breaker.stretch() - 1)
        } else if known.hysteresis.is_counting() {
            due.min(now + timing.retry_interval)
        } else {
            due
        };
        let consecutive_failures = known.hysteresis.consecutive_failures();
        drop(known);
        tell_of_turn(job, report, breaker, turned);
        Counted {
            status,
            consecutive_failures,
            breaker,
            next,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock()
    }
}

/// The next moment of `timing` that is in phase with `due`.
pub(super) fn in_phase(due: Instant, timing: Timing, now: Instant) -> Instant {
    if due <= now {
        next_due(due, timing.interval, now)
    } else {
        due
    }
}

fn tell_of_turn(job: &Job, report: &RunReport, breaker: Breaker, turned: Option<BreakerChange>) {
    let (check, interval) = (&job.name, job.timing.interval);
    match turned {
        None => {}
        Some(BreakerChange::Closed) => closed(check, interval, "a run kept within its limits"),
        Some(BreakerChange::Opened) => {
            let runs = breaker.violations();
            let (code, stretched) = (display(report.result()), breaker.stretched(interval));
            tracing::warn!(
                %check, runs, code, ?interval, ?stretched,
                "breaker opened, the check runs less often"
            );
        }
    }
}

fn closed(check: &CheckName, interval: Duration, why: &str) {
    tracing::info!(%check, ?interval, why, "breaker closed");
}

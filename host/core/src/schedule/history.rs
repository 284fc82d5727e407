//! The history of a check from run to run, across its jobs. The loop of the check and trial runs
//! share it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tracing::field::display;

use super::job::{Job, Timing};
use super::phase::next_due;
use super::results::FinishedRun;
use vitals_model::{Breaker, BreakerChange, CheckName, Hysteresis, RunReport, Status};

/// The history of one check.
#[derive(Debug, Default)]
pub(super) struct History {
    /// Held during each run of the check, so that runs never overlap.
    pub(super) run_lock: tokio::sync::Mutex<()>,
    state: Mutex<HistoryState>,
}

#[derive(Debug, Default)]
struct HistoryState {
    /// The status that the last run found.
    previous: Option<Status>,
    hysteresis: Hysteresis,
    breaker: Breaker,
}

impl History {
    /// Returns the status that the last run found.
    pub(super) fn previous(&self) -> Option<Status> {
        self.state.lock().previous
    }

    /// Closes the breaker for a new job, because the earlier runs were made by another job.
    pub(super) fn reset_breaker(&self, job: &Job) {
        let mut state = self.state.lock();
        if state.breaker.is_open() {
            let why = "its plugin or its settings changed";
            log_breaker_closed(&job.name, job.timing.interval, why);
        }
        state.breaker = Breaker::default();
    }

    /// Records a run of a job; `due` is the next time in phase.
    pub(super) fn record(&self, job: &Job, report: RunReport, due: Instant) -> FinishedRun {
        let (timing, now) = (job.timing, Instant::now());
        let mut state = self.state.lock();
        let found = report.outcome.status();
        let status = state.hysteresis.observe(found, timing.thresholds);
        if found != Status::Unknown {
            state.previous = Some(found);
        }
        let change = state.breaker.observe(report.limit_use());
        let breaker = state.breaker;
        let next = if breaker.is_open() {
            due + timing.interval * (breaker.stretch() - 1)
        } else if state.hysteresis.is_counting() {
            due.min(now + timing.retry_interval)
        } else {
            due
        };
        let consecutive_failures = state.hysteresis.consecutive_failures();
        drop(state);
        log_breaker_change(job, &report, breaker, change);
        FinishedRun {
            check: job.name.clone(),
            job_generation: job.job_generation,
            report: Arc::new(report),
            status,
            consecutive_failures,
            breaker,
            next_due: next,
            stale_at: timing.stale_at(next),
        }
    }
}

/// Returns the next time after `now` that is in phase with `due`.
pub(super) fn in_phase(due: Instant, timing: Timing, now: Instant) -> Instant {
    if due <= now {
        next_due(due, timing.interval, now)
    } else {
        due
    }
}

fn log_breaker_change(
    job: &Job,
    report: &RunReport,
    breaker: Breaker,
    change: Option<BreakerChange>,
) {
    let (check, interval) = (&job.name, job.timing.interval);
    match change {
        None => {}
        Some(BreakerChange::Closed) => {
            log_breaker_closed(check, interval, "a run kept within its limits");
        }
        Some(BreakerChange::Opened) => {
            let runs = breaker.violations();
            let (code, stretched) = (display(report.result()), breaker.stretched(interval));
            tracing::warn!(
                %check, runs, code, ?interval, ?stretched,
                "breaker opened, check runs less often"
            );
        }
    }
}

fn log_breaker_closed(check: &CheckName, interval: Duration, why: &str) {
    tracing::info!(%check, ?interval, why, "breaker closed");
}

//! One check through time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::phase::{first_due, next_due};
use super::{FinishedRun, Job, Shared, Skipped};
use crate::check::{Code, Hysteresis, RunReport, Status};

/// Runs a check until it is stopped.
pub(super) async fn follow(
    shared: Arc<Shared>,
    mut job: watch::Receiver<Arc<Job>>,
    stop: CancellationToken,
    mut hysteresis: Hysteresis,
) {
    let mut previous = None;
    let mut interval = job.borrow().timing.interval;
    let mut due = first_due(&job.borrow().name, interval, Instant::now());
    while !stop.is_cancelled() {
        let now = Arc::clone(&job.borrow_and_update());
        if now.timing.interval != interval {
            interval = now.timing.interval;
            due = first_due(&now.name, interval, Instant::now());
        }
        let Some(run) = run(&shared, &now, previous, &stop).await else {
            return;
        };
        due = if due > Instant::now() {
            due
        } else {
            next_due(due, interval, Instant::now())
        };
        let next = match run {
            Run::Missed => due,
            Run::Made { report, waited } => {
                let found = report.outcome.status();
                let status = hysteresis.observe(found, now.timing.thresholds);
                if found != Status::Unknown {
                    previous = Some(found);
                }
                let next = if hysteresis.is_counting() {
                    due.min(Instant::now() + now.timing.retry_interval)
                } else {
                    due
                };
                let stale_at = next + now.timing.timeout + interval;
                shared.results.finished(FinishedRun {
                    check: now.name.clone(),
                    placement: now.placement,
                    report: *report,
                    status,
                    consecutive_failures: hysteresis.consecutive_failures(),
                    waited,
                    next_due: next,
                    stale_at,
                });
                next
            }
        };
        tokio::select! {
            () = tokio::time::sleep_until(next.into()) => {}
            changed = job.changed() => if changed.is_err() { return },
            () = stop.cancelled() => return,
        }
    }
}

enum Run {
    Made {
        report: Box<RunReport>,
        waited: Duration,
    },
    Missed,
}

/// Waits for a slot and makes one run; nothing if the check is stopped meanwhile.
async fn run(
    shared: &Shared,
    job: &Job,
    previous: Option<Status>,
    stop: &CancellationToken,
) -> Option<Run> {
    let due = Instant::now();
    let slot = if let Ok(slot) = shared.slots.try_acquire() {
        slot
    } else {
        tokio::select! {
            slot = shared.slots.acquire() => slot.expect("the semaphore is never closed"),
            () = tokio::time::sleep(job.timing.interval) => {
                shared.results.skipped(&job.name, Skipped::Busy);
                return Some(Run::Missed);
            }
            () = stop.cancelled() => return None,
        }
    };
    let waited = due.elapsed();
    let forgotten = async {
        stop.cancelled().await;
        // At shutdown a run in flight has its grace; a check that is forgotten has not.
        if shared.closing.is_cancelled() {
            shared.aborting.cancelled().await;
        }
    };
    let report = tokio::select! {
        biased;
        () = forgotten => return None,
        report = job.probe.run(previous) => report,
    };
    drop(slot);
    if report
        .error
        .as_ref()
        .is_some_and(|error| error.code == Code::Host)
    {
        let why = report.outcome.message();
        tracing::warn!(check = %job.name, "a run failed for the host's own reasons: {why}");
        shared.results.skipped(&job.name, Skipped::Host);
        return Some(Run::Missed);
    }
    Some(Run::Made {
        report: Box::new(report),
        waited,
    })
}

//! The schedule: when each check runs, and how many run at once. It knows neither what a check does
//! nor where its result is shown.
//!
//! The first run of a check starts at once. Later runs follow at a fixed rate, with a phase that is
//! a hash of the name: checks are spread over time, and a restart keeps the phase. Runs of a check
//! never overlap. Waiting for a permit is no failure, and permits are granted in the order of the
//! requests. A panic costs at most one run of one check.

mod check_loop;
mod history;
mod job;
mod phase;
mod results;
mod trial_run;

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use check_loop::{CheckLoop, LoopContext};
use history::History;
pub use job::{FirstRun, Job, JobGeneration, Probe, Timing};
pub use results::{FinishedRun, Results, Skipped};
use vitals_model::CheckName;

/// Runs checks, each at its own interval.
pub struct Schedule {
    context: Arc<LoopContext>,
    checks: Mutex<Checks>,
    tasks: TaskTracker,
    /// The runtime for loops of checks that have no threads of their own.
    runtime: Handle,
}

#[derive(Default)]
struct Checks {
    scheduled: HashMap<CheckName, ScheduledCheck>,
    /// Removed checks whose last run may still be in flight.
    stopping: HashMap<CheckName, CancellationToken>,
}

struct ScheduledCheck {
    job: watch::Sender<Arc<Job>>,
    history: Arc<History>,
    stop: CancellationToken,
    /// Cancelled when the loop has ended.
    ended: CancellationToken,
}

impl Schedule {
    /// Creates a schedule that makes at most `max_runs` runs at once. The loops of checks without
    /// threads of their own run on the current tokio runtime.
    pub fn new(max_runs: usize, results: Arc<dyn Results>) -> Self {
        let context = LoopContext {
            permits: Semaphore::new(max_runs),
            max_runs,
            results,
            closing: CancellationToken::new(),
            aborting: CancellationToken::new(),
        };
        Self {
            context: Arc::new(context),
            checks: Mutex::default(),
            tasks: TaskTracker::new(),
            runtime: Handle::current(),
        }
    }

    /// Schedules a check: runs it at once and then at its interval. If the name is already
    /// scheduled, the new job replaces the old one. A run in flight finishes, and the history of
    /// the check stays.
    pub fn upsert(&self, job: Arc<Job>) {
        let mut checks = self.checks.lock();
        if let Some(known) = checks.scheduled.get(&job.name) {
            let before = known.job.send_replace(job);
            // The drop may run code of the embedding program, so it happens outside the lock.
            drop(checks);
            drop(before);
            return;
        }
        let (stop, ended) = (self.context.closing.child_token(), CancellationToken::new());
        let name = job.name.clone();
        let probe = Arc::clone(&job.probe);
        let before = checks.stopping.remove(&name);
        let (sender, receiver) = watch::channel(job);
        let history = Arc::<History>::default();
        let context = Arc::clone(&self.context);
        let mut check_loop = CheckLoop::new(context, Arc::clone(&history), receiver, stop.clone());
        let on_end = ended.clone().drop_guard();
        let check_loop = async move {
            let _on_end = on_end;
            // Waits even if this check is removed meanwhile, so that a successor has to wait for
            // this loop only.
            if let Some(before) = before {
                before.cancelled().await;
            }
            let _stopped = check_loop.run_until_stopped().await;
            check_loop.release();
        };
        checks.scheduled.insert(
            name,
            ScheduledCheck {
                job: sender,
                history,
                stop,
                ended,
            },
        );
        drop(checks);
        self.spawn_loop(&*probe, check_loop);
    }

    /// Spawns a loop on its runtime, whatever the runtime of the caller.
    fn spawn_loop(&self, probe: &dyn Probe, check_loop: impl Future<Output = ()> + Send + 'static) {
        let _entered = self.runtime.enter();
        probe.spawn_loop(Box::pin(self.tasks.track_future(check_loop)));
    }

    /// Removes a check. A run in flight is dropped without a result.
    pub fn remove(&self, name: &CheckName) {
        let mut checks = self.checks.lock();
        checks.stopping.retain(|_, ended| !ended.is_cancelled());
        let Some(known) = checks.scheduled.remove(name) else {
            return;
        };
        checks.stopping.insert(name.clone(), known.ended.clone());
        drop(checks);
        known.stop.cancel();
    }

    /// Returns the limit on concurrent runs.
    pub fn max_runs(&self) -> usize {
        self.context.max_runs
    }

    /// Returns the number of runs in flight.
    pub fn in_flight(&self) -> usize {
        self.context.max_runs - self.context.permits.available_permits()
    }

    /// Starts no more runs, and drops those in flight.
    pub fn abort(&self) {
        self.context.closing.cancel();
        self.context.aborting.cancel();
    }

    /// Starts no more runs, and waits for those in flight for at most `grace`. Returns how many
    /// were dropped.
    pub async fn shutdown(&self, grace: Duration) -> usize {
        self.context.closing.cancel();
        self.tasks.close();
        if tokio::time::timeout(grace, self.tasks.wait()).await.is_ok() {
            return 0;
        }
        let dropped = self.in_flight();
        self.context.aborting.cancel();
        // A run that blocks its thread can't be dropped and is left behind.
        let _ = tokio::time::timeout(ABORT_TIME, self.tasks.wait()).await;
        dropped
    }
}

/// The time limit for dropping runs in flight.
const ABORT_TIME: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;

//! When each check runs, and how many at once. Knows neither what a check is nor where its result
//! is shown.
//!
//! A check's first run starts at once; later ones follow at a fixed rate whose phase is a hash of
//! the name, so that many checks spread and a restart keeps the phase. A check never overlaps
//! itself. A run that waits for a slot is not a failing one, and slots are given in the order in
//! which they were asked for. A panic costs the check that it comes from one run at most.

mod follow;
mod history;
mod job;
mod phase;
mod results;
mod shared;
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

use follow::CheckLoop;
use history::History;
pub use job::{FirstRun, Job, JobGeneration, Probe, Timing};
pub use results::{FinishedRun, Results, Skipped};
use shared::Shared;
pub use trial_run::JobPromotion;
use vitals_model::CheckName;

/// Runs many checks, each in its own time.
pub struct Schedule {
    shared: Arc<Shared>,
    checks: Mutex<Checks>,
    tasks: TaskTracker,
    /// Where the loops of checks live that have no threads of their own.
    home: Handle,
}

#[derive(Default)]
struct Checks {
    followed: HashMap<CheckName, Followed>,
    /// Those that are followed no longer, and whose last run may still be going on.
    leaving: HashMap<CheckName, CancellationToken>,
}

struct Followed {
    job: watch::Sender<Arc<Job>>,
    history: Arc<History>,
    stop: CancellationToken,
    /// Cancelled when nothing of the check goes on any more.
    ended: CancellationToken,
}

impl Schedule {
    /// A schedule that makes at most `max_runs` runs at once. Checks without threads of their own live
    /// in the tokio runtime that this is called in.
    pub fn new(max_runs: usize, results: Arc<dyn Results>) -> Self {
        let shared = Shared {
            slots: Semaphore::new(max_runs),
            capacity: max_runs,
            results,
            closing: CancellationToken::new(),
            aborting: CancellationToken::new(),
        };
        Self {
            shared: Arc::new(shared),
            checks: Mutex::default(),
            tasks: TaskTracker::new(),
            home: Handle::current(),
        }
    }

    /// Schedules a check: runs it at once and then at its interval. Where the name is scheduled already
    /// the new job takes its place: a run in flight ends as it began, and what was counted of the check
    /// stays.
    pub fn upsert(&self, job: Arc<Job>) {
        let mut checks = self.checks.lock();
        if let Some(known) = checks.followed.get(&job.name) {
            let before = known.job.send_replace(job);
            // What it drops may be a stranger's code.
            drop(checks);
            drop(before);
            return;
        }
        let (stop, ended) = (self.shared.closing.child_token(), CancellationToken::new());
        let name = job.name.clone();
        let probe = Arc::clone(&job.probe);
        let before = checks.leaving.remove(&name);
        let (sender, receiver) = watch::channel(job);
        let history = Arc::<History>::default();
        let shared = Arc::clone(&self.shared);
        let mut check_loop = CheckLoop::new(shared, Arc::clone(&history), receiver, stop.clone());
        let at_end = ended.clone().drop_guard();
        let check_loop = async move {
            let _at_end = at_end;
            // Removed or not: whoever follows waits for this loop alone, not for the ones before it.
            if let Some(before) = before {
                before.cancelled().await;
            }
            check_loop.live().await;
            check_loop.end();
        };
        checks.followed.insert(
            name,
            Followed {
                job: sender,
                history,
                stop,
                ended,
            },
        );
        drop(checks);
        self.spawn_loop(&*probe, check_loop);
    }

    /// Hands a loop over to where it lives, whoever calls.
    fn spawn_loop(&self, probe: &dyn Probe, check_loop: impl Future<Output = ()> + Send + 'static) {
        let _at_home = self.home.enter();
        probe.spawn_loop(Box::pin(self.tasks.track_future(check_loop)));
    }

    /// Follows a check no longer; a run in flight ends without a result.
    pub fn remove(&self, name: &CheckName) {
        let mut checks = self.checks.lock();
        checks.leaving.retain(|_, ended| !ended.is_cancelled());
        let Some(known) = checks.followed.remove(name) else {
            return;
        };
        checks.leaving.insert(name.clone(), known.ended.clone());
        drop(checks);
        known.stop.cancel();
    }

    /// Runs that may be made at once.
    pub fn max_runs(&self) -> usize {
        self.shared.capacity
    }

    /// Runs that are being made now.
    pub fn in_flight(&self) -> usize {
        self.shared.capacity - self.shared.slots.available_permits()
    }

    /// Begins no run any more, and drops those in flight.
    pub fn abort(&self) {
        self.shared.closing.cancel();
        self.shared.aborting.cancel();
    }

    /// Begins no run any more, and gives those in flight `grace` to end. Answers how many had to be
    /// dropped.
    pub async fn shutdown(&self, grace: Duration) -> usize {
        self.shared.closing.cancel();
        self.tasks.close();
        if tokio::time::timeout(grace, self.tasks.wait()).await.is_ok() {
            return 0;
        }
        let dropped = self.in_flight();
        self.shared.aborting.cancel();
        // One that blocks its thread can't be dropped, and nobody waits for it any longer.
        let _ = tokio::time::timeout(ABORT_TIME, self.tasks.wait()).await;
        dropped
    }
}

/// How long runs in flight may take to be dropped.
const ABORT_TIME: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;

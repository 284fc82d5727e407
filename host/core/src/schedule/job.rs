//! A job of the schedule: how a check runs, and when.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use vitals_model::{CheckName, RunReport, Status, Thresholds};

/// A way to run a check.
pub trait Probe: Send + Sync {
    /// Makes one run. `previous` is the status that the last run found. Dropping the future ends
    /// the run.
    fn run(&self, previous: Option<Status>) -> Pin<Box<dyn Future<Output = RunReport> + Send>>;

    /// Spawns the loop that makes the runs. A check with its own threads runs the loop on them,
    /// because handing each run from thread to thread costs more than a short run. The default
    /// spawns it on the tokio runtime that the schedule was created in.
    fn spawn_loop(&self, check_loop: Pin<Box<dyn Future<Output = ()> + Send>>) {
        tokio::spawn(check_loop);
    }
}

/// One check as the schedule sees it.
pub struct Job {
    /// The name of the check.
    pub name: CheckName,
    /// The generation of the job, which its results carry.
    pub job_generation: JobGeneration,
    /// The timing of the runs.
    pub timing: Timing,
    /// The way to run the check.
    pub probe: Arc<dyn Probe>,
    /// The first run, if it was made before the promotion. Otherwise a run starts at once.
    pub first_run: Option<FirstRun>,
}

/// The timing after a first run that was made as a trial run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstRun {
    /// The next time that is in phase.
    pub(super) due: Instant,
    /// The time of the next run.
    pub(super) next: Instant,
}

/// The number of a job of a check. Later jobs have greater numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct JobGeneration(pub u64);

/// The timing of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// The interval between runs.
    pub interval: Duration,
    /// The timeout of one run.
    pub timeout: Duration,
    /// The interval while `fall` or `rise` is being counted.
    pub retry_interval: Duration,
    /// The number of runs that change the status.
    pub thresholds: Thresholds,
}

impl Timing {
    /// Returns when a result becomes stale if the next run is due at `next`.
    pub(super) fn stale_at(&self, next: Instant) -> Instant {
        next + self.timeout + self.interval
    }
}

//! What the schedule is given to run: how a run is made, and when.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use vitals_model::{CheckName, RunReport, Status, Thresholds};

/// A run of a check, in whatever way it is made.
pub trait Probe: Send + Sync {
    /// Makes one run. `previous` is what the last one found. Dropping the future ends the run.
    fn run(&self, previous: Option<Status>) -> Pin<Box<dyn Future<Output = RunReport> + Send>>;

    /// Takes in the loop that makes the runs, and polls it to its end. A check that runs on threads
    /// of its own has its loop there too, because the way from thread to thread and back costs more
    /// than a short run. Without such it lives in the tokio runtime that this is called in, which is
    /// the one that the schedule was made in.
    fn spawn_loop(&self, check_loop: Pin<Box<dyn Future<Output = ()> + Send>>) {
        tokio::spawn(check_loop);
    }
}

/// One check as the schedule sees it.
pub struct Job {
    /// Its name.
    pub name: CheckName,
    /// Tells this job of the check from earlier ones, in its results.
    pub job_generation: JobGeneration,
    /// When and how long it runs.
    pub timing: Timing,
    /// How it runs.
    pub probe: Arc<dyn Probe>,
    /// Its first run, where that has been made before it takes over; else it begins at once.
    pub first_run: Option<FirstRun>,
}

/// What follows from a first run that was made beside the schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstRun {
    /// The next moment that is in phase.
    pub(super) due: Instant,
    /// When the next run is due.
    pub(super) next: Instant,
}

/// Tells the jobs that a check has had apart; a later one is greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct JobGeneration(pub u64);

/// When a check runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// From one run to the next.
    pub interval: Duration,
    /// How long one run may take.
    pub timeout: Duration,
    /// From one run to the next while `fall` or `rise` is being counted.
    pub retry_interval: Duration,
    /// How many runs it takes for the status to turn.
    pub thresholds: Thresholds,
}

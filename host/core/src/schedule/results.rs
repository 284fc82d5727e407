//! The results of runs and the reports of skipped runs, as the schedule hands them over.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::job::JobGeneration;
use vitals_model::{Breaker, CheckName, RunReport, Status};

/// A receiver of results.
pub trait Results: Send + Sync {
    /// Handles the result of a run.
    fn finished(&self, run: FinishedRun);

    /// Handles the time that a due run waited for a permit, whether it got one or not.
    fn waited(&self, check: &CheckName, time: Duration);

    /// Handles the report that `count` due runs were skipped.
    fn skipped(&self, check: &CheckName, reason: Skipped, count: u64);

    /// Handles the report that the host's own code panicked with `message`, in a run of the check
    /// or while handling its result. The panic was contained and logged.
    fn panicked(&self, check: &CheckName, message: &str);
}

/// The reason why a due run was skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skipped {
    /// No permit was free before the next run was due.
    Busy,
    /// The run had a permit, but the host lacked other resources for it.
    Full,
    /// The machine was so busy, or the previous run took so long, that the next run was due.
    Late,
}

impl Skipped {
    /// Returns the metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Full => "full",
            Self::Late => "late",
        }
    }
}

/// A finished run, with the status of the check after it.
#[derive(Clone, Debug)]
pub struct FinishedRun {
    /// The name of the check.
    pub check: CheckName,
    /// The job generation that made the run.
    pub job_generation: JobGeneration,
    /// The report of the run.
    pub report: Arc<RunReport>,
    /// The status to show, after `fall` and `rise`.
    pub status: Status,
    /// Consecutive failing runs.
    pub consecutive_failures: u32,
    /// The breaker after the run, which stretches the interval.
    pub breaker: Breaker,
    /// The time of the next run.
    pub next_due: Instant,
    /// The time when the result becomes stale: the next due time plus timeout and interval.
    pub stale_at: Instant,
}

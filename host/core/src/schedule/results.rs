//! What the schedule says of the runs that it made, and of those that it did not make.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::job::JobGeneration;
use vitals_model::{Breaker, CheckName, RunReport, Status};

/// Where results go.
pub trait Results: Send + Sync {
    /// Takes the result of a run.
    fn finished(&self, run: FinishedRun);

    /// A due run waited so long for a slot, and got one or gave up.
    fn waited(&self, check: &CheckName, time: Duration);

    /// `count` runs that were due were not made.
    fn skipped(&self, check: &CheckName, reason: Skipped, count: u64);

    /// The host's own code panicked in a run of the check, or over its result, and said `what`. That
    /// was contained, and told in the log.
    fn panicked(&self, check: &CheckName, what: &str);
}

/// Why a due run was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skipped {
    /// No slot came free before the next one was due.
    Busy,
    /// It had a permit, and the host still had no room for it.
    Full,
    /// The machine was so busy, or the run before it took so long, that the next one was due.
    Late,
}

impl Skipped {
    /// The word that metrics use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Full => "full",
            Self::Late => "late",
        }
    }
}

/// A run that is over, and what the check's status is after it.
#[derive(Clone, Debug)]
pub struct FinishedRun {
    /// The check.
    pub check: CheckName,
    /// The job of the check that was run.
    pub job_generation: JobGeneration,
    /// What the run found and cost.
    pub report: Arc<RunReport>,
    /// The status to show, after `fall` and `rise`.
    pub status: Status,
    /// Failing runs in a row.
    pub consecutive_failures: u32,
    /// By how much the interval is stretched from here on.
    pub breaker: Breaker,
    /// When the next run is due.
    pub next_due: Instant,
    /// From when on the result is too old: next due time, timeout and interval together.
    pub stale_at: Instant,
}

//! Where results go: the board, metrics, the log and the error tracker.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::board::{Board, CheckFacts, Posted, Posting, Succession};
use crate::check::{CheckName, Status};
use crate::metrics::Metrics;
use crate::schedule::{FinishedRun, Results, Skipped};
use crate::sentry::{Sentry, Turn};

/// Posts each result and says what turned.
pub(crate) struct Recorder {
    pub(crate) board: Arc<Board>,
    pub(crate) metrics: Metrics,
    pub(crate) sentry: Sentry,
}

impl Recorder {
    /// Shows new placements of checks together with the results of their first runs.
    pub(crate) fn succeeded(&self, runs: Vec<(CheckFacts, FinishedRun)>) {
        let checked_at = Timestamp::now();
        let mut successions = Vec::with_capacity(runs.len());
        let mut finished = Vec::with_capacity(runs.len());
        for (facts, run) in runs {
            self.metrics.run_finished(&run, checked_at);
            successions.push(Succession {
                name: run.check.clone(),
                facts,
                posting: posting(&run, checked_at),
            });
            finished.push(run);
        }
        let posted = self.board.succeed(successions);
        for (run, posted) in finished.iter().zip(posted) {
            self.tell(run, posted);
        }
    }

    /// Says what turned.
    fn tell(&self, run: &FinishedRun, posted: Posted) {
        let before = match posted {
            Posted::First => None,
            Posted::After(before) => Some(before),
            Posted::Refused => return,
        };
        if before == Some(run.status) {
            return;
        }
        let message = run.report.outcome.message().as_str();
        turned(&run.check, before, run.status, message);
        let facts = self.board.facts(&run.check, run.placement);
        self.sentry.turned(&Turn {
            check: &run.check,
            facts: facts.as_deref(),
            before,
            status: run.status,
            report: &run.report,
            failures: run.consecutive_failures,
        });
    }
}

impl Results for Recorder {
    fn finished(&self, run: FinishedRun) {
        let checked_at = Timestamp::now();
        // Counted before it is shown, so that who has seen a result finds it in the metrics. But
        // nothing may stand in the way of the board.
        let count = || self.metrics.run_finished(&run, checked_at);
        let counted = catch_unwind(AssertUnwindSafe(count));
        let posted = self.board.post(&run.check, posting(&run, checked_at));
        if let Err(panic) = counted {
            resume_unwind(panic);
        }
        self.tell(&run, posted);
    }

    fn waited(&self, _check: &CheckName, time: Duration) {
        self.metrics.run_waited(time);
    }

    fn skipped(&self, check: &CheckName, reason: Skipped) {
        tracing::debug!(%check, reason = reason.as_str(), "a run was left out");
        self.metrics.run_skipped(reason);
    }

    fn panicked(&self, check: &CheckName, what: &str) {
        self.metrics.host_panic();
        self.sentry
            .panicked("over the run of a check", Some(check), Some(what));
    }
}

/// A result as the board takes it.
fn posting(run: &FinishedRun, checked_at: Timestamp) -> Posting {
    let until_next = run.next_due.saturating_duration_since(Instant::now());
    Posting {
        placement: run.placement,
        status: run.status,
        report: Arc::clone(&run.report),
        checked_at,
        consecutive_failures: run.consecutive_failures,
        breaker: run.breaker,
        next_run: checked_at.checked_add(until_next).ok(),
        stale_at: Some(run.stale_at),
    }
}

/// One line for each transition, none for a run that changes nothing.
fn turned(check: &CheckName, before: Option<Status>, status: Status, message: &str) {
    let from = before.map_or("new", Status::as_str);
    let colon = if message.is_empty() { "" } else { ": " };
    match status {
        Status::Healthy => tracing::info!(%check, from, "check is healthy{colon}{message}"),
        Status::Degraded => tracing::warn!(%check, from, "check is degraded{colon}{message}"),
        Status::Unhealthy => tracing::error!(%check, from, "check is unhealthy{colon}{message}"),
        Status::Unknown => tracing::warn!(%check, from, "check is unknown{colon}{message}"),
    }
}

/// How long events may take to leave at shutdown.
pub(crate) const FLUSH: Duration = Duration::from_secs(2);

//! Where results go: the board, metrics, the log, the error tracker, and who is notified.

mod line;
mod turn;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use self::line::log_turn;
pub(crate) use self::turn::Turn;
use crate::board::{Board, CheckFacts, Expired, Posted, Posting, STALE, Succession};
use crate::check::{CheckName, Code, Outcome, RunReport, Status};
use crate::metrics::Metrics;
use crate::notify::Notifier;
use crate::schedule::{FinishedRun, Results, Skipped};
use crate::sentry::Sentry;

/// Posts each result and says what turned.
pub(crate) struct Recorder {
    pub(crate) board: Arc<Board>,
    pub(crate) metrics: Metrics,
    pub(crate) sentry: Sentry,
    pub(crate) notifier: Notifier,
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

    /// Says that a check has turned, or fails otherwise than before; to the error tracker too, where it
    /// `is_news` there.
    pub(crate) fn turned(&self, turn: &Turn<'_>, is_news: bool) {
        log_turn(turn);
        if is_news {
            self.sentry.turned(turn);
        }
        self.notifier.turned(turn, || self.board.status(turn.check));
    }

    /// Says that the result of a check has become too old.
    pub(crate) fn expired(&self, expired: &Expired) {
        let outcome = Outcome::new(Status::Unknown, STALE);
        let turn = Turn {
            check: &expired.check,
            facts: Some(&expired.facts),
            before: Some(expired.before),
            status: Status::Unknown,
            report: &RunReport::answered(outcome, Duration::ZERO),
            failures: 0,
        };
        self.turned(&turn, false);
    }

    /// Says what turned.
    fn tell(&self, run: &FinishedRun, posted: Posted) {
        let (report, status) = (&run.report, run.status);
        let code = report.error.as_ref().map(|error| error.code);
        tracing::debug!(
            check = %run.check,
            found = report.outcome.status().as_str(),
            code = code.map(Code::as_str),
            elapsed_ms = report.elapsed.as_secs_f64() * 1e3,
            "run finished"
        );
        let before = match posted {
            Posted::First => None,
            Posted::After(before) => Some(before),
            Posted::Refused => return,
        };
        let has_turned = before.is_none_or(|before| before.status != status);
        // What has to be done about it may be something else from here on.
        let fails_otherwise = before.is_some_and(|before| before.code != code)
            && status != Status::Healthy
            && report.outcome.status() != Status::Healthy;
        if !has_turned && !fails_otherwise {
            return;
        }
        let facts = self.board.facts(&run.check, run.placement);
        let turn = Turn {
            check: &run.check,
            facts: facts.as_deref(),
            before: before.map(|before| before.status),
            status,
            report,
            failures: run.consecutive_failures,
        };
        self.turned(&turn, has_turned);
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

    fn skipped(&self, check: &CheckName, reason: Skipped, count: u64) {
        tracing::debug!(%check, reason = reason.as_str(), count, "runs skipped");
        self.metrics.runs_skipped(reason, count);
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

/// How long reports and notifications may take to leave at shutdown.
pub(crate) const FLUSH: Duration = Duration::from_secs(2);

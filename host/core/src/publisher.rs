//! Publishes results: shows each result on the board and emits the events that follow from it.
//!
//! Finished runs, failed loads and expired results reach the sinks only through this module. The
//! events of a check come in the same order as its changes on the board.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::board::{Board, CheckFacts, CheckResult, Promotion, Published, STALE};
use crate::events::{Cause, Event, Events, Transition};
use crate::schedule::{FinishedRun, JobGeneration, Results, Skipped};
use vitals_model::{Breaker, CheckName, Code, Outcome, RunError, RunReport, Status};

/// Publishes results to the board and to every sink.
pub(crate) struct Publisher {
    pub(crate) board: Arc<Board>,
    pub(crate) events: Events,
}

impl Publisher {
    /// Adds a check, or replaces its facts. Returns the job generation to publish results for.
    pub(crate) fn upsert(&self, check: &CheckName, facts: CheckFacts) -> JobGeneration {
        let order = self.board.order(check);
        let _in_order = order.lock();
        self.emit_upserted(check, &facts);
        self.board.upsert(check.clone(), facts)
    }

    /// Removes a check and its result.
    pub(crate) fn remove(&self, check: &CheckName) {
        let order = self.board.order(check);
        let _in_order = order.lock();
        self.board.remove(check);
        self.events.emit(&Event::CheckRemoved { check });
    }

    /// Switches checks to new job generations, together with the results of their first runs.
    pub(crate) fn promote(&self, mut runs: Vec<(CheckFacts, FinishedRun)>) {
        let checked_at = Timestamp::now();
        // The locks are taken in the order of the names, which prevents a deadlock between two
        // callers.
        runs.sort_by(|(_, one), (_, other)| one.check.cmp(&other.check));
        let order = |(_, run): &(_, FinishedRun)| self.board.order(&run.check);
        let orders: Vec<_> = runs.iter().map(order).collect();
        let _in_order: Vec<_> = orders.iter().map(|order| order.lock()).collect();
        let promotion = |(facts, run): &(CheckFacts, FinishedRun)| {
            self.emit_upserted(&run.check, facts);
            self.events.emit(&Event::RunFinished { run, checked_at });
            Promotion {
                name: run.check.clone(),
                facts: facts.clone(),
                result: result(run, checked_at),
            }
        };
        let published = self.board.promote(runs.iter().map(promotion).collect());
        for ((_, run), published) in runs.iter().zip(published) {
            self.emit_transition(run, published);
        }
    }

    /// Publishes why a check can't run: the file of its plugin was rejected, or its configuration
    /// is unusable. With `is_host_error` the check is unknown instead of unhealthy.
    pub(crate) fn not_runnable(
        &self,
        check: &CheckName,
        job_generation: JobGeneration,
        why: &str,
        is_host_error: bool,
        cause: Cause,
    ) {
        let error = RunError::new(Code::Load, why);
        let report = Arc::new(if is_host_error {
            RunReport::unknown(error, Duration::ZERO)
        } else {
            RunReport::failed(error, Duration::ZERO)
        });
        let order = self.board.order(check);
        let _in_order = order.lock();
        let result = CheckResult {
            job_generation,
            status: report.outcome.status(),
            report: Arc::clone(&report),
            checked_at: Timestamp::now(),
            consecutive_failures: 0,
            breaker: Breaker::default(),
            next_run: None,
            stale_at: None,
        };
        let before = match self.board.publish(check, result) {
            Published::First => None,
            Published::After(before) => Some(before),
            Published::Late => return,
        };
        let facts = self.board.facts(check, job_generation);
        self.events.emit(&Event::Transition(&Transition {
            check,
            facts: facts.as_deref(),
            before: before.map(|before| before.status),
            status: report.outcome.status(),
            report: &report,
            consecutive_failures: 0,
            cause,
        }));
    }

    /// Turns stale results into `unknown`. Returns when the next result becomes stale.
    pub(crate) fn expire(&self, now: Instant) -> Option<Instant> {
        self.board.expire(now, |expired| {
            let outcome = Outcome::new(Status::Unknown, STALE);
            self.events.emit(&Event::Transition(&Transition {
                check: &expired.check,
                facts: Some(&expired.facts),
                before: Some(expired.before),
                status: Status::Unknown,
                report: &RunReport::answered(outcome, Duration::ZERO),
                consecutive_failures: 0,
                cause: Cause::Expired,
            }));
        })
    }

    fn emit_upserted(&self, check: &CheckName, facts: &CheckFacts) {
        self.events.emit(&Event::CheckUpserted { check, facts });
    }

    /// Emits the transition that a published result caused, if any.
    fn emit_transition(&self, run: &FinishedRun, published: Published) {
        let before = match published {
            Published::First => None,
            Published::After(before) => Some(before),
            Published::Late => return,
        };
        let (report, status) = (&run.report, run.status);
        let code = report.error.as_ref().map(|error| error.code);
        let has_changed = before.is_none_or(|before| before.status != status);
        // A different failure may need a different response by the operator.
        let fails_otherwise = before.is_some_and(|before| before.code != code)
            && status != Status::Healthy
            && report.outcome.status() != Status::Healthy;
        if !has_changed && !fails_otherwise {
            return;
        }
        let facts = self.board.facts(&run.check, run.job_generation);
        self.events.emit(&Event::Transition(&Transition {
            check: &run.check,
            facts: facts.as_deref(),
            before: before.map(|before| before.status),
            status,
            report,
            consecutive_failures: run.consecutive_failures,
            cause: Cause::Run,
        }));
    }
}

impl Results for Publisher {
    /// Publishes the result of a run to the board and to every sink.
    fn finished(&self, run: FinishedRun) {
        let checked_at = Timestamp::now();
        let order = self.board.order(&run.check);
        let _in_order = order.lock();
        // The event comes first, so that a client that has seen a result finds it in the metrics.
        self.events.emit(&Event::RunFinished {
            run: &run,
            checked_at,
        });
        let published = self.board.publish(&run.check, result(&run, checked_at));
        self.emit_transition(&run, published);
    }

    fn waited(&self, _check: &CheckName, time: Duration) {
        self.events.emit(&Event::RunWaited { time });
    }

    fn skipped(&self, check: &CheckName, reason: Skipped, count: u64) {
        self.events.emit(&Event::RunsSkipped {
            check,
            reason,
            count,
        });
    }

    fn panicked(&self, check: &CheckName, message: &str) {
        self.events.emit(&Event::HostPanicked {
            place: "during a run of a check",
            check: Some(check),
            message: Some(message),
        });
    }
}

/// Converts a finished run to a result for the board.
fn result(run: &FinishedRun, checked_at: Timestamp) -> CheckResult {
    let until_next = run.next_due.saturating_duration_since(Instant::now());
    CheckResult {
        job_generation: run.job_generation,
        status: run.status,
        report: Arc::clone(&run.report),
        checked_at,
        consecutive_failures: run.consecutive_failures,
        breaker: run.breaker,
        next_run: checked_at.checked_add(until_next).ok(),
        stale_at: Some(run.stale_at),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
    use std::sync::{Mutex, OnceLock};
    use std::thread;

    use super::*;
    use crate::events::Sink;

    /// Removes the check of the first transition that it receives, from another thread, and records
    /// which of the two events was handled first.
    #[derive(Default)]
    struct Removing {
        publisher: OnceLock<Arc<Publisher>>,
        removed: Mutex<Option<Receiver<()>>>,
        seen: Mutex<Vec<&'static str>>,
    }

    impl Sink for Removing {
        fn on(&self, event: &Event<'_>) {
            let what = match event {
                Event::Transition(transition) => {
                    let publisher = Arc::clone(self.publisher.get().unwrap());
                    let check = transition.check.clone();
                    let (done, removed) = channel();
                    thread::spawn(move || {
                        publisher.remove(&check);
                        done.send(()).unwrap();
                    });
                    let soon = removed.recv_timeout(Duration::from_millis(100));
                    assert_eq!(soon, Err(RecvTimeoutError::Timeout));
                    *self.removed.lock().unwrap() = Some(removed);
                    "transition"
                }
                Event::CheckRemoved { .. } => "removed",
                _ => return,
            };
            self.seen.lock().unwrap().push(what);
        }
    }

    #[test]
    fn events_of_a_check_keep_the_order_of_the_board() {
        let sink = Arc::new(Removing::default());
        let publisher = Arc::new(Publisher {
            board: Arc::default(),
            events: Events::new([Arc::clone(&sink) as Arc<dyn Sink>]),
        });
        assert!(sink.publisher.set(Arc::clone(&publisher)).is_ok());
        let check: CheckName = "a".parse().unwrap();
        let facts = CheckFacts {
            critical: true,
            interval_ms: 1000,
            timeout_ms: 1000,
            plugin: None,
            grants: Vec::new(),
        };
        let job_generation = publisher.upsert(&check, facts);
        publisher.not_runnable(&check, job_generation, "why", false, Cause::NotRunnable);
        let removed = sink.removed.lock().unwrap().take().unwrap();
        removed.recv().unwrap();
        assert_eq!(*sink.seen.lock().unwrap(), ["transition", "removed"]);
        assert!(publisher.board.statuses().is_empty());
    }
}

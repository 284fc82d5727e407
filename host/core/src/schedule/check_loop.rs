//! The loop of one check.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_lite::FutureExt as _;
use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;

use super::history::{History, in_phase};
use super::job::{FirstRun, Job};
use super::phase::first_due;
use super::results::{Results, Skipped};
use vitals_io::panic_text;
use vitals_model::{CheckName, Code, RunError, RunReport};

/// The state that the loops of all checks share.
pub(super) struct LoopContext {
    pub(super) permits: Semaphore,
    pub(super) max_runs: usize,
    pub(super) results: Arc<dyn Results>,
    /// Once cancelled, no run starts.
    pub(super) closing: CancellationToken,
    /// Once cancelled, runs in flight are dropped.
    pub(super) aborting: CancellationToken,
}

/// The loop of one check, with its state between runs.
pub(super) struct CheckLoop {
    context: Arc<LoopContext>,
    history: Arc<History>,
    job: watch::Receiver<Arc<Job>>,
    /// The job of the last run.
    current: Arc<Job>,
    stop: CancellationToken,
    /// The next time that is in phase.
    due: Instant,
    /// The time of the next run.
    next: Instant,
    /// Whether the last run was skipped because the host lacked resources.
    lacked_resources: bool,
}

impl CheckLoop {
    pub(super) fn new(
        context: Arc<LoopContext>,
        history: Arc<History>,
        job: watch::Receiver<Arc<Job>>,
        stop: CancellationToken,
    ) -> Self {
        let (current, now) = (Arc::clone(&job.borrow()), Instant::now());
        Self {
            context,
            history,
            job,
            due: first_due(&current.name, current.timing.interval, now),
            current,
            stop,
            next: now,
            lacked_resources: false,
        }
    }

    /// Runs the check until it is stopped, which it returns as `None`. A panic costs one run; the
    /// next run takes place when it is due.
    pub(super) async fn run_until_stopped(&mut self) -> Option<()> {
        while !self.stop.is_cancelled() {
            match AssertUnwindSafe(self.run_once()).catch_unwind().await {
                Ok(Some(())) => {}
                Ok(None) => return None,
                Err(panic) => {
                    self.advance();
                    report_panic(&self.context, &self.current.name, panic.as_ref());
                }
            }
            self.wait_for_next().await?;
        }
        None
    }

    /// Waits until a run is due, or a new job needs its first run.
    async fn wait_for_next(&mut self) -> Option<()> {
        loop {
            tokio::select! {
                () = sleep_until(self.next.into()) => return Some(()),
                changed = self.job.changed() => changed.ok()?,
                () = self.stop.cancelled() => return None,
            }
            if !self.switch_to_promoted_job() {
                return Some(());
            }
        }
    }

    /// Drops the check. The drop may run code of the embedding program, which may panic.
    pub(super) fn release(self) {
        let (context, check) = (Arc::clone(&self.context), self.current.name.clone());
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(self))) {
            report_panic(&context, &check, panic.as_ref());
        }
    }

    /// Waits for a permit, makes one run and publishes its result. Returns `None` if the check is
    /// stopped meanwhile.
    async fn run_once(&mut self) -> Option<()> {
        let asked = Instant::now();
        self.count_late(asked.saturating_duration_since(self.next));
        let (context, history) = (Arc::clone(&self.context), Arc::clone(&self.history));
        let run_lock = tokio::select! {
            biased;
            () = self.stop.cancelled() => return None,
            run_lock = history.run_lock.lock() => run_lock,
        };
        // A trial run may have held the lock for a while.
        self.count_late(asked.elapsed());
        let permit = self.acquire_permit(&context).await?;
        if self.switch_to_promoted_job() {
            return Some(());
        }
        self.switch_job();
        let began = Instant::now();
        let report = self.run_probe().await?;
        drop((permit, run_lock));
        self.count_late(began.elapsed());
        self.advance();
        match report.error.as_ref().map(|error| error.code) {
            Some(Code::Full) => {
                self.report_lack_of_resources(&report);
                context
                    .results
                    .skipped(&self.current.name, Skipped::Full, 1);
            }
            code => {
                self.lacked_resources = false;
                if code == Some(Code::Host) {
                    let message = report.outcome.message().as_str();
                    context.results.panicked(&self.current.name, message);
                }
                self.publish(report);
            }
        }
        Some(())
    }

    /// Waits for a permit. If an interval passes without one, the run is skipped and the next run
    /// keeps the place in the queue.
    async fn acquire_permit<'s>(
        &mut self,
        context: &'s LoopContext,
    ) -> Option<SemaphorePermit<'s>> {
        let mut permit = pin!(context.permits.acquire());
        let mut due = Instant::now();
        let name = self.current.name.clone();
        loop {
            let deadline = due + self.job.borrow().timing.interval;
            tokio::select! {
                biased;
                () = self.stop.cancelled() => {
                    context.results.waited(&name, due.elapsed());
                    return None;
                }
                permit = &mut permit => {
                    context.results.waited(&name, due.elapsed());
                    return Some(permit.expect("the semaphore is never closed"));
                }
                // The new job may have another interval.
                changed = self.job.changed() => changed.ok()?,
                () = sleep_until(deadline.into()) => {
                    context.results.waited(&name, due.elapsed());
                    context.results.skipped(&name, Skipped::Busy, 1);
                    due = Instant::now();
                }
            }
        }
    }

    /// Switches to the newest job. The breaker starts anew, because the earlier runs were made by
    /// another job.
    fn switch_job(&mut self) {
        let job = Arc::clone(&self.job.borrow_and_update());
        if Arc::ptr_eq(&job, &self.current) {
            return;
        }
        let interval = job.timing.interval;
        if interval != self.current.timing.interval {
            self.due = first_due(&job.name, interval, Instant::now());
        }
        self.history.reset_breaker(&job);
        self.current = job;
    }

    /// Switches to the newest job if its first run has already been made. The next run takes place
    /// when it is due.
    fn switch_to_promoted_job(&mut self) -> bool {
        let job = Arc::clone(&self.job.borrow());
        let Some(FirstRun { due, next }) = job.first_run else {
            return false;
        };
        if Arc::ptr_eq(&job, &self.current) {
            return false;
        }
        self.job.mark_unchanged();
        (self.due, self.next) = (due, next);
        self.current = job;
        true
    }

    async fn run_probe(&self) -> Option<RunReport> {
        let (context, job) = (&self.context, &self.current);
        let previous = self.history.previous();
        let removed = async {
            self.stop.cancelled().await;
            // At shutdown a run in flight gets the grace period. The run of a removed check is
            // dropped at once.
            if context.closing.is_cancelled() {
                context.aborting.cancelled().await;
            }
        };
        let started = Instant::now();
        let run = async { job.probe.run(previous).await };
        let ran = tokio::select! {
            biased;
            () = removed => return None,
            ran = AssertUnwindSafe(run).catch_unwind() => ran,
        };
        // A run that blocked its thread could not be dropped in time.
        if self.stop.is_cancelled() && !context.closing.is_cancelled() {
            return None;
        }
        Some(ran.unwrap_or_else(|panic| {
            let (check, message) = (&job.name, panic_text(panic.as_ref()));
            tracing::error!(%check, panic = message, "the host panicked during a run");
            panicked(message, started)
        }))
    }

    /// Logs that the host lacks resources for a run, once until a run is possible again.
    fn report_lack_of_resources(&mut self, report: &RunReport) {
        if !std::mem::replace(&mut self.lacked_resources, true) {
            let (check, error) = (&self.current.name, report.outcome.message().as_str());
            tracing::warn!(
                %check, code = Code::Full.as_str(), error,
                "run skipped, the host lacks resources"
            );
        }
    }

    /// Counts the other runs that were due within `late`.
    fn count_late(&self, late: Duration) {
        let interval = self.current.timing.interval.as_nanos().max(1);
        let missed = u64::try_from(late.as_nanos() / interval).unwrap_or(u64::MAX);
        if missed > 0 {
            let (results, check) = (&self.context.results, &self.current.name);
            results.skipped(check, Skipped::Late, missed);
        }
    }

    /// Moves on to the next time in phase.
    fn advance(&mut self) {
        self.due = in_phase(self.due, self.current.timing, Instant::now());
        self.next = self.due;
    }

    /// Records a run and publishes its result.
    fn publish(&mut self, report: RunReport) {
        // A job that arrived meanwhile runs at once. If it has already made its first run, the
        // board shows that result, and this one is dropped.
        let is_new = self.job.has_changed().unwrap_or(false);
        let newest = Arc::clone(&self.job.borrow());
        if is_new && newest.first_run.is_some() {
            return;
        }
        let mut run = self.history.record(&self.current, report, self.due);
        if is_new {
            run.next_due = Instant::now();
            run.stale_at = newest.timing.stale_at(run.next_due);
        }
        self.next = run.next_due;
        self.context.results.finished(run);
    }
}

/// Returns the report of a run, begun at `started`, during which the host's own code panicked.
pub(super) fn panicked(message: &str, started: Instant) -> RunReport {
    let message = format!("the host panicked during the run: {message}");
    RunReport::failed(RunError::new(Code::Host, &message), started.elapsed())
}

/// Reports a panic between two runs. The code that panicked may panic again here.
fn report_panic(context: &LoopContext, check: &CheckName, panic: &(dyn Any + Send)) {
    let message = panic_text(panic);
    let report = || {
        tracing::error!(
            %check, panic = message,
            "the host panicked between runs, the check continues with its next run"
        );
        context.results.panicked(check, message);
    };
    let _ = catch_unwind(AssertUnwindSafe(report));
}

//! One check through time.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_lite::FutureExt as _;
use tokio::sync::{SemaphorePermit, watch};
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;

use super::phase::{first_due, next_due};
use super::{FinishedRun, Job, Shared, Skipped};
use crate::check::{
    Breaker, BreakerTurn, CheckName, Code, Hysteresis, RunError, RunReport, Status,
};
use crate::panics::panic_text;

/// A check that is followed, with all that is known of it from run to run.
pub(super) struct Life {
    shared: Arc<Shared>,
    job: watch::Receiver<Arc<Job>>,
    /// The job as of the last run.
    current: Arc<Job>,
    stop: CancellationToken,
    /// What the last run found.
    previous: Option<Status>,
    hysteresis: Hysteresis,
    breaker: Breaker,
    /// The next moment that is in phase.
    due: Instant,
    /// When the next run is due.
    next: Instant,
}

impl Life {
    pub(super) fn new(
        shared: Arc<Shared>,
        job: watch::Receiver<Arc<Job>>,
        stop: CancellationToken,
    ) -> Self {
        let (current, now) = (Arc::clone(&job.borrow()), Instant::now());
        Self {
            shared,
            job,
            due: first_due(&current.name, current.timing.interval, now),
            current,
            stop,
            previous: None,
            hysteresis: Hysteresis::default(),
            breaker: Breaker::default(),
            next: now,
        }
    }

    /// Waits for the end of another life, but not for longer than this one is to go on.
    pub(super) async fn wait_for(&self, ended: &CancellationToken) {
        tokio::select! {
            () = ended.cancelled() => {}
            () = self.stop.cancelled() => {}
        }
    }

    /// Runs the check until it is stopped. A panic costs one run, and the next one comes when it is
    /// due.
    pub(super) async fn live(&mut self) {
        while !self.stop.is_cancelled() {
            match AssertUnwindSafe(self.turn()).catch_unwind().await {
                Ok(Some(())) => {}
                Ok(None) => return,
                Err(panic) => {
                    self.advance();
                    tell_of_panic(&self.shared, &self.current.name, panic.as_ref());
                }
            }
            tokio::select! {
                () = sleep_until(self.next.into()) => {}
                changed = self.job.changed() => if changed.is_err() { return },
                () = self.stop.cancelled() => return,
            }
        }
    }

    /// Lets go of the check. What a program gave for it may panic once more.
    pub(super) fn end(self) {
        let (shared, check) = (Arc::clone(&self.shared), self.current.name.clone());
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(self))) {
            tell_of_panic(&shared, &check, panic.as_ref());
        }
    }

    /// Waits for a slot, makes one run and hands over what came of it; nothing if the check is
    /// stopped meanwhile.
    async fn turn(&mut self) -> Option<()> {
        let shared = Arc::clone(&self.shared);
        let slot = self.slot(&shared).await?;
        self.take_job_in();
        let report = self.run().await?;
        drop(slot);
        self.advance();
        match report.error.as_ref().map(|error| error.code) {
            Some(Code::Full) => {
                let (check, why) = (&self.current.name, report.outcome.message());
                tracing::warn!(%check, "a run was left out: {why}");
                shared.results.skipped(check, Skipped::Full);
            }
            code => {
                if code == Some(Code::Host) {
                    shared.results.panicked(&self.current.name);
                }
                self.hand_over(report);
            }
        }
        Some(())
    }

    /// Waits for a slot. A run that gets none until the next one would be due is left out, and that
    /// next one takes its place in the line.
    async fn slot<'s>(&mut self, shared: &'s Shared) -> Option<SemaphorePermit<'s>> {
        let mut slot = pin!(shared.slots.acquire());
        let mut due = Instant::now();
        let name = self.current.name.clone();
        loop {
            let gives_up = due + self.job.borrow().timing.interval;
            tokio::select! {
                biased;
                () = self.stop.cancelled() => {
                    shared.results.waited(&name, due.elapsed());
                    return None;
                }
                slot = &mut slot => {
                    shared.results.waited(&name, due.elapsed());
                    return Some(slot.expect("the semaphore is never closed"));
                }
                // It may have another interval now.
                changed = self.job.changed() => changed.ok()?,
                () = sleep_until(gives_up.into()) => {
                    shared.results.waited(&name, due.elapsed());
                    shared.results.skipped(&name, Skipped::Busy);
                    due = Instant::now();
                }
            }
        }
    }

    /// Takes in the job that is to be run now. What another one did is not held against it.
    fn take_job_in(&mut self) {
        let job = Arc::clone(&self.job.borrow_and_update());
        if Arc::ptr_eq(&job, &self.current) {
            return;
        }
        let interval = job.timing.interval;
        if interval != self.current.timing.interval {
            self.due = first_due(&job.name, interval, Instant::now());
        }
        if self.breaker.is_open() {
            closed(&job.name, interval, "its plugin or its settings changed");
        }
        self.breaker = Breaker::default();
        self.current = job;
    }

    async fn run(&self) -> Option<RunReport> {
        let (shared, job, previous) = (&self.shared, &self.current, self.previous);
        let forgotten = async {
            self.stop.cancelled().await;
            // At shutdown a run in flight has its grace; a check that is forgotten has not.
            if shared.closing.is_cancelled() {
                shared.aborting.cancelled().await;
            }
        };
        let started = Instant::now();
        let run = async { job.probe.run(previous).await };
        let ran = tokio::select! {
            biased;
            () = forgotten => return None,
            ran = AssertUnwindSafe(run).catch_unwind() => ran,
        };
        // One that kept its thread to its end could not be dropped in time.
        if self.stop.is_cancelled() && !shared.closing.is_cancelled() {
            return None;
        }
        Some(ran.unwrap_or_else(|panic| {
            let (check, what) = (&job.name, panic_text(panic.as_ref()));
            tracing::error!(%check, panic = what, "the host panicked inside a run");
            let message = format!("the host panicked inside the run: {what}");
            RunReport::failed(RunError::new(Code::Host, &message), started.elapsed())
        }))
    }

    /// Moves on to the next moment that is in phase.
    fn advance(&mut self) {
        let now = Instant::now();
        if self.due <= now {
            self.due = next_due(self.due, self.current.timing.interval, now);
        }
        self.next = self.due;
    }

    /// Counts a run, and says what became of the check.
    fn hand_over(&mut self, report: RunReport) {
        let timing = self.current.timing;
        let found = report.outcome.status();
        let status = self.hysteresis.observe(found, timing.thresholds);
        if found != Status::Unknown {
            self.previous = Some(found);
        }
        self.count_conduct(&report);
        let now = Instant::now();
        // A job that came meanwhile runs at once, and counts from there.
        let is_new = self.job.has_changed().unwrap_or(false);
        let coming = self.job.borrow().timing;
        if is_new {
            self.next = now;
        } else if self.breaker.is_open() {
            self.next = self.due + timing.interval * (self.breaker.stretch() - 1);
        } else if self.hysteresis.is_counting() {
            self.next = self.due.min(now + timing.retry_interval);
        }
        self.shared.results.finished(FinishedRun {
            check: self.current.name.clone(),
            placement: self.current.placement,
            report: Arc::new(report),
            status,
            consecutive_failures: self.hysteresis.consecutive_failures(),
            breaker: self.breaker,
            next_due: self.next,
            stale_at: self.next + coming.timeout + coming.interval,
        });
    }

    fn count_conduct(&mut self, report: &RunReport) {
        let turned = self.breaker.observe(report.conduct());
        let (check, interval) = (&self.current.name, self.current.timing.interval);
        match turned {
            None => {}
            Some(BreakerTurn::Closed) => closed(check, interval, "a run kept within its limits"),
            Some(BreakerTurn::Opened) => {
                let runs = self.breaker.runs_in_a_row();
                let (why, stretched) = (report.result(), self.breaker.stretched(interval));
                tracing::warn!(
                    %check, runs, why, ?interval,
                    "breaker opened: the plugin broke its limits in {runs} runs in a row (the last \
                     one: {why}); the next run is after {stretched:?}"
                );
            }
        }
    }
}

/// Tells of a panic between two runs. What panicked may do so again.
fn tell_of_panic(shared: &Shared, check: &CheckName, panic: &(dyn Any + Send)) {
    let what = panic_text(panic);
    let tell = || {
        tracing::error!(
            %check, panic = what,
            "the host panicked over a run; a check that is followed goes on when it is due"
        );
        shared.results.panicked(check);
    };
    let _ = catch_unwind(AssertUnwindSafe(tell));
}

fn closed(check: &CheckName, interval: Duration, why: &str) {
    tracing::info!(%check, ?interval, "breaker closed: {why}");
}

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

use super::history::{History, in_phase};
use super::job::{FirstRun, Job};
use super::phase::first_due;
use super::results::{FinishedRun, Skipped};
use super::shared::Shared;
use vitals_io::panic_text;
use vitals_model::{CheckName, Code, RunError, RunReport};

/// A check that is followed, with all that is known of it from run to run.
pub(super) struct CheckLoop {
    shared: Arc<Shared>,
    history: Arc<History>,
    job: watch::Receiver<Arc<Job>>,
    /// The job as of the last run.
    current: Arc<Job>,
    stop: CancellationToken,
    /// The next moment that is in phase.
    due: Instant,
    /// When the next run is due.
    next: Instant,
    /// Whether the host had no room for the last run.
    had_no_room: bool,
}

impl CheckLoop {
    pub(super) fn new(
        shared: Arc<Shared>,
        history: Arc<History>,
        job: watch::Receiver<Arc<Job>>,
        stop: CancellationToken,
    ) -> Self {
        let (current, now) = (Arc::clone(&job.borrow()), Instant::now());
        Self {
            shared,
            history,
            job,
            due: first_due(&current.name, current.timing.interval, now),
            current,
            stop,
            next: now,
            had_no_room: false,
        }
    }

    /// Runs the check until it is stopped. A panic costs one run, and the next one comes when it is
    /// due.
    pub(super) async fn live(&mut self) {
        // Nothing once it is stopped.
        let _ = self.go_on().await;
    }

    async fn go_on(&mut self) -> Option<()> {
        while !self.stop.is_cancelled() {
            match AssertUnwindSafe(self.turn()).catch_unwind().await {
                Ok(Some(())) => {}
                Ok(None) => return None,
                Err(panic) => {
                    self.advance();
                    tell_of_panic(&self.shared, &self.current.name, panic.as_ref());
                }
            }
            self.rest().await?;
        }
        None
    }

    /// Waits until a run is due, or another job has come that begins with one.
    async fn rest(&mut self) -> Option<()> {
        loop {
            tokio::select! {
                () = sleep_until(self.next.into()) => return Some(()),
                changed = self.job.changed() => changed.ok()?,
                () = self.stop.cancelled() => return None,
            }
            if !self.take_promoted_job() {
                return Some(());
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
        let asked = Instant::now();
        self.count_missed(asked.saturating_duration_since(self.next));
        let (shared, history) = (Arc::clone(&self.shared), Arc::clone(&self.history));
        let alone = tokio::select! {
            biased;
            () = self.stop.cancelled() => return None,
            alone = history.alone.lock() => alone,
        };
        // A trial run of a new version may have taken its time.
        self.count_missed(asked.elapsed());
        let slot = self.slot(&shared).await?;
        if self.take_promoted_job() {
            return Some(());
        }
        self.take_job_in();
        let began = Instant::now();
        let report = self.run().await?;
        drop((slot, alone));
        self.count_missed(began.elapsed());
        self.advance();
        match report.error.as_ref().map(|error| error.code) {
            Some(Code::Full) => {
                self.tell_of_no_room(&report);
                shared.results.skipped(&self.current.name, Skipped::Full, 1);
            }
            code => {
                self.had_no_room = false;
                if code == Some(Code::Host) {
                    let what = report.outcome.message().as_str();
                    shared.results.panicked(&self.current.name, what);
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
                    shared.results.skipped(&name, Skipped::Busy, 1);
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
        self.history.forgive(&job);
        self.current = job;
    }

    /// Takes in a job that has come, if it has made its first run already: the next one is made when
    /// that is due.
    fn take_promoted_job(&mut self) -> bool {
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

    async fn run(&self) -> Option<RunReport> {
        let (shared, job) = (&self.shared, &self.current);
        let previous = self.history.previous();
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

    /// Says that the host had no room for a run, once until it has some again.
    fn tell_of_no_room(&mut self, report: &RunReport) {
        if !std::mem::replace(&mut self.had_no_room, true) {
            let (check, error) = (&self.current.name, report.outcome.message().as_str());
            tracing::warn!(%check, code = Code::Full.as_str(), error, "no room for a run");
        }
    }

    /// Counts the runs that were due within `late` besides the one that is being made.
    fn count_missed(&self, late: Duration) {
        let interval = self.current.timing.interval.as_nanos().max(1);
        let missed = u64::try_from(late.as_nanos() / interval).unwrap_or(u64::MAX);
        if missed > 0 {
            let (results, check) = (&self.shared.results, &self.current.name);
            results.skipped(check, Skipped::Late, missed);
        }
    }

    /// Moves on to the next moment that is in phase.
    fn advance(&mut self) {
        self.due = in_phase(self.due, self.current.timing, Instant::now());
        self.next = self.due;
    }

    /// Counts a run, and says what became of the check.
    fn hand_over(&mut self, report: RunReport) {
        // A job that came meanwhile runs at once, and counts from there; the result of one that has
        // been run already stands above this one.
        let is_new = self.job.has_changed().unwrap_or(false);
        let coming = Arc::clone(&self.job.borrow());
        if is_new && coming.first_run.is_some() {
            return;
        }
        let counted = self.history.count(&self.current, &report, self.due);
        self.next = if is_new { Instant::now() } else { counted.next };
        self.shared.results.finished(FinishedRun {
            check: self.current.name.clone(),
            job_generation: self.current.job_generation,
            report: Arc::new(report),
            status: counted.status,
            consecutive_failures: counted.consecutive_failures,
            breaker: counted.breaker,
            next_due: self.next,
            stale_at: self.next + coming.timing.timeout + coming.timing.interval,
        });
    }
}

/// Tells of a panic between two runs. What panicked may do so again.
fn tell_of_panic(shared: &Shared, check: &CheckName, panic: &(dyn Any + Send)) {
    let what = panic_text(panic);
    let tell = || {
        tracing::error!(
            %check, panic = what,
            "the host panicked over a run, the check goes on when it is due"
        );
        shared.results.panicked(check, what);
    };
    let _ = catch_unwind(AssertUnwindSafe(tell));
}

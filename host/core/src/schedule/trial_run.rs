//! Makes trial runs of new jobs, and promotes jobs that have made one.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures_lite::FutureExt as _;
use tokio::sync::oneshot;

use super::check_loop::panicked;
use super::history::History;
use super::phase::first_due;
use super::{FinishedRun, FirstRun, Job, Probe, Schedule};
use vitals_io::panic_text;
use vitals_model::{CheckName, RunReport};

impl Schedule {
    /// Makes one run of a check with `probe` instead of its job. The run takes a permit, never
    /// overlaps another run of the check, and is not recorded. The check need not be scheduled.
    /// Returns `None` if it is removed meanwhile, or at shutdown.
    pub async fn trial_run(&self, name: &CheckName, probe: Arc<dyn Probe>) -> Option<RunReport> {
        let (history, stop) = {
            let checks = self.checks.lock();
            match checks.scheduled.get(name) {
                Some(scheduled) => (Arc::clone(&scheduled.history), scheduled.stop.clone()),
                None => (Arc::default(), self.context.closing.clone()),
            }
        };
        let context = Arc::clone(&self.context);
        let (answer, answered) = oneshot::channel();
        let (check, tried) = (name.clone(), Arc::clone(&probe));
        let trial = async move {
            let run = async {
                let _run_lock = history.run_lock.lock().await;
                let asked = Instant::now();
                let permit = context.permits.acquire().await;
                let _permit = permit.expect("the semaphore is never closed");
                context.results.waited(&check, asked.elapsed());
                run(&history, &tried, &check).await
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                // The caller may have gone.
                report = run => { let _ = answer.send(report); }
            }
        };
        self.spawn_loop(&*probe, trial);
        answered.await.ok()
    }

    /// Promotes a job that has made its first run. Records the run and returns its result, for
    /// publishing it together with others. The next run takes place when it is due. Returns `None`
    /// if the check was removed.
    pub fn promote(&self, mut job: Job, report: RunReport) -> Option<FinishedRun> {
        let checks = self.checks.lock();
        let scheduled = checks.scheduled.get(&job.name)?;
        let due = first_due(&job.name, job.timing.interval, Instant::now());
        scheduled.history.reset_breaker(&job);
        let run = scheduled.history.record(&job, report, due);
        let next = run.next_due;
        job.first_run = Some(FirstRun { due, next });
        let before = scheduled.job.send_replace(Arc::new(job));
        drop(checks);
        // The drop may run code of the embedding program, so it happens outside the lock.
        drop(before);
        Some(run)
    }
}

async fn run(history: &History, probe: &Arc<dyn Probe>, check: &CheckName) -> RunReport {
    let started = Instant::now();
    let run = async { probe.run(history.previous()).await };
    let ran = AssertUnwindSafe(run).catch_unwind().await;
    ran.unwrap_or_else(|panic| {
        let message = panic_text(panic.as_ref());
        tracing::error!(%check, panic = message, "the host panicked during a trial run");
        panicked(message, started)
    })
}

//! One run of a check: a fresh store and instance with every limit armed. Every ending becomes a
//! report.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_lite::FutureExt as _;
use wasmtime::Store;

use super::call::{FinishedStore, finish_store, until_deadline};
use super::contract::{CheckAnswer, CheckRequest};
use super::grants::Grants;
use super::plugin::Plugin;
use super::run_limits::RunLimits;
use super::run_log::{Origin, RunLog};
use super::state::State;
use vitals_io::panic_text;
use vitals_io::trust::Roots;
use vitals_model::{
    CheckName, Code, Limits, Outcome, OutcomeParts, RunError, RunReport, Secrets, Status,
};

/// A check for a plugin to run, with its configuration, grants and limits.
#[derive(Clone, Debug)]
pub struct Task {
    /// The name of the check.
    pub check: CheckName,
    /// The configuration: a JSON object that the plugin's schema accepts.
    pub config: Arc<str>,
    /// What the check may reach.
    pub grants: Arc<Grants>,
    /// How much a run may use.
    pub limits: Limits,
    /// How long one run may take.
    pub timeout: Duration,
    /// The texts that must not leave the host.
    pub secrets: Arc<Secrets>,
    /// The roots that TLS connections of this check trust.
    pub roots: Roots,
}

impl Plugin {
    /// Runs the check once. `previous` is the status of the previous run.
    ///
    /// Every run ends in a report, within the task's timeout. Dropping the future ends the run.
    pub async fn run(self: &Arc<Self>, task: Arc<Task>, previous: Option<Status>) -> RunReport {
        let (plugin, panicking_task) = (Arc::clone(self), Arc::clone(&task));
        let work = async move { plugin.run_uncontained(&task, previous).await };
        let outcome = self.sandbox.0.threads.run(work).await;
        outcome.unwrap_or_else(|panic| self.panicked(&panicking_task, panic.as_ref()))
    }

    /// Like [`Plugin::run`], but on the calling thread: for loops on the guest runtime
    /// ([`Plugin::spawn_on_guest_runtime`]).
    pub async fn run_here(&self, task: &Task, previous: Option<Status>) -> RunReport {
        let outcome = AssertUnwindSafe(self.run_uncontained(task, previous))
            .catch_unwind()
            .await;
        outcome.unwrap_or_else(|panic| self.panicked(task, panic.as_ref()))
    }

    /// Runs `task` on the guest threads, and logs its panic.
    pub fn spawn_on_guest_runtime(&self, task: Pin<Box<dyn Future<Output = ()> + Send>>) {
        let plugin = self.name().clone();
        let contained = async move {
            if let Err(panic) = AssertUnwindSafe(task).catch_unwind().await {
                let panic_message = panic_text(panic.as_ref());
                tracing::error!(
                    %plugin, panic = panic_message,
                    "the host panicked in the loop of a check; the loop has ended"
                );
            }
        };
        self.sandbox.0.threads.run(contained).detach();
    }

    fn panicked(&self, task: &Task, panic: &(dyn std::any::Any + Send)) -> RunReport {
        // The message may quote the guest or the settings.
        let panic_message = task.secrets.line(panic_text(panic), PANIC_BYTES);
        let (check, plugin) = (&task.check, self.name());
        tracing::error!(%check, %plugin, panic = panic_message.as_str(), "the host panicked during a run");
        let message = format!("the host panicked during the run: {panic_message}");
        RunReport::failed(RunError::new(Code::Host, &message), Duration::ZERO)
    }

    /// Makes an instance with all limits, as for a run, and drops it. Returns how long that took.
    ///
    /// # Errors
    ///
    /// The error of a run that ends before the guest is called.
    pub async fn instantiate(self: &Arc<Self>, task: Arc<Task>) -> Result<Duration, RunError> {
        let (plugin, panicking_task) = (Arc::clone(self), Arc::clone(&task));
        let work = async move {
            let started = Instant::now();
            let limits = task.run_limits();
            let mut store = plugin.fresh_store(&task, &limits, started);
            let instance = until_deadline(&mut store, &limits, async |store| {
                plugin.admitted.linked.pre.instantiate(store).await
            });
            instance.await.map(|()| started.elapsed())
        };
        let instantiated = self.sandbox.0.threads.run(work).await;
        instantiated.unwrap_or_else(|panic| {
            let report = self.panicked(&panicking_task, panic.as_ref());
            Err(report.error.expect("a panic is an error"))
        })
    }

    async fn run_uncontained(&self, task: &Task, previous: Option<Status>) -> RunReport {
        let started = Instant::now();
        let limits = task.run_limits();
        let mut store = self.fresh_store(task, &limits, started);
        let request = CheckRequest {
            check: &task.check,
            config: &task.config,
            timeout: limits.timeout,
            previous,
        };
        let answer = until_deadline(&mut store, &limits, async |store| {
            self.admitted.linked.pre.check(store, &request).await
        });
        let answer = answer.await;
        let finished = finish_store(store, &limits, started);
        report(answer, finished, &task.secrets)
    }

    fn fresh_store(&self, task: &Task, limits: &RunLimits, started: Instant) -> Store<State> {
        let run_log = RunLog::new(
            task.check.clone(),
            Origin::Run(Arc::clone(&self.identity)),
            Arc::clone(&task.secrets),
            self.sandbox.0.tracker.clone(),
            self.metrics.clone(),
        );
        let roots = task.roots.clone();
        self.sandbox
            .store(limits, started, &task.grants, roots, run_log)
    }
}

impl Task {
    fn run_limits(&self) -> RunLimits {
        RunLimits {
            timeout: self.timeout,
            limits: self.limits.clone(),
        }
    }
}

fn report(
    answer: Result<CheckAnswer, RunError>,
    finished: FinishedStore,
    secrets: &Secrets,
) -> RunReport {
    let FinishedStore {
        usage,
        elapsed,
        state,
    } = finished;
    let show = |text: &str, max_bytes: usize| secrets.bounded(text, max_bytes);
    let mut report = match answer {
        Ok(Ok((status, parts))) => {
            RunReport::answered(Outcome::sanitized(status, parts, &show), elapsed)
        }
        Ok(Err(message)) => {
            let parts = OutcomeParts::new(message, Vec::new(), Vec::new());
            RunReport::answered(Outcome::sanitized(Status::Unhealthy, parts, &show), elapsed)
        }
        Err(error) => RunReport::failed(error, elapsed),
    };
    report.usage = usage;
    report.denials = state.egress.denials(secrets);
    report.denied = state.egress.denied();
    report.dropped_log_lines = state.run_log.dropped;
    report.output = state.output.lines();
    state.run_log.close(&report.output);
    if report.error.is_none()
        && report.outcome.status() != Status::Healthy
        && let Some(denial) = report.denials.first()
    {
        report.error = Some(RunError::with_text(Code::Denied, denial.message.clone()));
    }
    report
}

const PANIC_BYTES: usize = 1 << 10;

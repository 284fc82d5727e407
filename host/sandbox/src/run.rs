//! One run: a fresh store and instance, every limit armed, and whatever happens becomes a report.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_lite::FutureExt as _;
use wasmtime::Store;

use super::admission::Plugin;
use super::call::{Leftovers, bounded, leftovers};
use super::contract::{CheckAnswer, CheckRequest};
use super::egress::Egress;
use super::grants::Grants;
use super::journal::{Journal, Origin};
use super::run_limits::RunLimits;
use super::state::State;
use vitals_io::panic_text;
use vitals_io::trust::Roots;
use vitals_model::{
    CheckName, Code, Limits, Outcome, OutcomeParts, RunError, RunReport, Secrets, Status,
};

/// What a plugin is asked to do: one check, with what it is told and what it may do.
#[derive(Clone, Debug)]
pub struct Task {
    /// The name of the check.
    pub check: CheckName,
    /// Its configuration, a JSON object that the plugin's schema accepts.
    pub config: Arc<str>,
    /// What it may reach.
    pub grants: Arc<Grants>,
    /// How much it may use.
    pub limits: Limits,
    /// How long one run may take.
    pub timeout: Duration,
    /// What must not leave the host in any text.
    pub secrets: Arc<Secrets>,
    /// The roots that TLS connections of this check trust.
    pub roots: Roots,
}

impl Plugin {
    /// Runs the check once. `previous` is what the last run found.
    ///
    /// Whatever the guest does ends in a report, within the task's timeout. Dropping the future
    /// ends the run.
    pub async fn run(self: &Arc<Self>, task: Arc<Task>, previous: Option<Status>) -> RunReport {
        let (plugin, of) = (Arc::clone(self), Arc::clone(&task));
        let work = async move { plugin.run_bare(&task, previous).await };
        let ran = self.sandbox().threads().run(work).await;
        ran.unwrap_or_else(|panic| self.panicked(&of, panic.as_ref()))
    }

    /// Like [`Plugin::run`], on the thread that polls it: for a loop that
    /// [`Plugin::spawn_on_guest_runtime`] took in.
    pub async fn run_here(&self, task: &Task, previous: Option<Status>) -> RunReport {
        let ran = AssertUnwindSafe(self.run_bare(task, previous))
            .catch_unwind()
            .await;
        ran.unwrap_or_else(|panic| self.panicked(task, panic.as_ref()))
    }

    /// Polls `task` to its end on the guest threads.
    pub fn spawn_on_guest_runtime(&self, task: Pin<Box<dyn Future<Output = ()> + Send>>) {
        let plugin = self.name().clone();
        let contained = async move {
            if let Err(panic) = AssertUnwindSafe(task).catch_unwind().await {
                let what = panic_text(panic.as_ref());
                tracing::error!(
                    %plugin, panic = what,
                    "the host panicked in the loop of a check, which has ended"
                );
            }
        };
        self.sandbox().threads().run(contained).detach();
    }

    fn panicked(&self, task: &Task, panic: &(dyn std::any::Any + Send)) -> RunReport {
        // It may quote what the guest said, or the settings.
        let what = task.secrets.line(panic_text(panic), PANIC_BYTES);
        let (check, plugin) = (&task.check, self.name());
        tracing::error!(%check, %plugin, panic = what.as_str(), "the host panicked inside a run");
        let message = format!("the host panicked during the run: {what}");
        RunReport::failed(RunError::new(Code::Host, &message), Duration::ZERO)
    }

    /// Makes an instance with all its limits, as each run has one, and drops it; answers how long that took.
    ///
    /// # Errors
    ///
    /// What a run would end in that goes no further.
    pub async fn instantiate(self: &Arc<Self>, task: Arc<Task>) -> Result<Duration, RunError> {
        let (plugin, of) = (Arc::clone(self), Arc::clone(&task));
        let work = async move {
            let started = Instant::now();
            let limits = RunLimits::new(&task.limits, task.timeout);
            let mut store = plugin.fresh_store(&task, &limits, started);
            let instance = bounded(&mut store, &limits, async |store| {
                plugin.pre().instantiate(store).await
            });
            instance.await.map(|()| started.elapsed())
        };
        let made = self.sandbox().threads().run(work).await;
        made.unwrap_or_else(|panic| {
            let report = self.panicked(&of, panic.as_ref());
            Err(report.error.expect("a panic is an error"))
        })
    }

    async fn run_bare(&self, task: &Task, previous: Option<Status>) -> RunReport {
        let started = Instant::now();
        let limits = RunLimits::new(&task.limits, task.timeout);
        let mut store = self.fresh_store(task, &limits, started);
        let request = CheckRequest {
            check: &task.check,
            config: &task.config,
            timeout: limits.timeout,
            previous,
        };
        let answer = bounded(&mut store, &limits, async |store| {
            self.pre().check(store, &request).await
        });
        let answer = answer.await;
        let left = leftovers(store, &limits, started);
        report(answer, left, &task.secrets)
    }

    /// A store for one run that began at `started`.
    fn fresh_store(&self, task: &Task, limits: &RunLimits, started: Instant) -> Store<State> {
        let sandbox = self.sandbox();
        let egress = Egress::new(
            Arc::clone(sandbox.network()),
            Arc::clone(&task.grants),
            task.check.clone(),
            started + limits.timeout,
            limits.connections,
            limits.http_body,
            task.roots.clone(),
        );
        let tracker = sandbox.tracker().cloned();
        let (check, metrics) = (task.check.clone(), self.metrics().cloned());
        let origin = Origin::Run(Arc::clone(self.identity()));
        let secrets = Arc::clone(&task.secrets);
        let journal = Journal::new(check, origin, secrets, tracker, metrics);
        let grants = Arc::clone(&task.grants);
        let deadline = started + limits.timeout;
        let state = State::new(
            limits,
            deadline,
            egress,
            grants,
            Arc::clone(sandbox.files()),
            journal,
            sandbox.ticking(),
        );
        sandbox.store(state, limits)
    }
}

fn report(answer: Result<CheckAnswer, RunError>, left: Leftovers, secrets: &Secrets) -> RunReport {
    let Leftovers {
        usage,
        elapsed,
        state,
    } = left;
    let show = |text: &str, max_bytes: usize| secrets.bounded(text, max_bytes);
    let mut report = match answer {
        Ok(Ok((status, parts))) => {
            RunReport::answered(Outcome::shown(status, parts, &show), elapsed)
        }
        Ok(Err(message)) => {
            let parts = OutcomeParts {
                message,
                ..OutcomeParts::default()
            };
            RunReport::answered(Outcome::shown(Status::Unhealthy, parts, &show), elapsed)
        }
        Err(error) => RunReport::failed(error, elapsed),
    };
    report.usage = usage;
    report.refusals = state.egress.refusals(secrets);
    report.denied = state.egress.denied();
    report.dropped_log_lines = state.journal.dropped();
    report.output = state.output.lines();
    state.journal.close(&report.output);
    if report.error.is_none()
        && report.outcome.status() != Status::Healthy
        && let Some(refusal) = report.refusals.first()
    {
        report.error = Some(RunError::of(Code::Denied, refusal.message.clone()));
    }
    report
}

const PANIC_BYTES: usize = 1 << 10;

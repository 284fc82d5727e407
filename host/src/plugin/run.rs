//! One run: a fresh store and instance, every limit armed, and whatever happens becomes a report.

use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_lite::FutureExt as _;
use wasmtime::{Store, UpdateDeadline};

use super::admission::Plugin;
use super::bindings::v0_1::vitals::health::types;
use super::capabilities::{Journal, Origin};
use super::classify::{Busy, DeadlinePassed, classify, timeout};
use super::egress::{Egress, Roots};
use super::grants::Grants;
use super::sandbox::Sandbox;
use super::state::State;
use super::threads::due_at;
use crate::check::{
    Bound, CheckName, Code, Detail, DetailValue, Measurement, Outcome, OutcomeParts, RunError,
    RunReport, Status, Usage,
};
use crate::config::{Limits, Secrets};
use vitals_io::panic_text;

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

/// The limits of one run as the sandbox arms them.
#[derive(Clone, Debug)]
pub(super) struct RunLimits {
    pub(super) timeout: Duration,
    pub(super) fuel: u64,
    pub(super) memory: u64,
    pub(super) output: u64,
    pub(super) resources: usize,
    pub(super) connections: u32,
    pub(super) http_body: u64,
}

impl RunLimits {
    pub(super) fn new(limits: &Limits, timeout: Duration) -> Self {
        Self {
            timeout,
            fuel: limits.fuel,
            memory: limits.memory,
            output: limits.output,
            resources: RESOURCES,
            connections: limits.connections,
            http_body: limits.http_body,
        }
    }
}

/// What a guest's answer cost, known however it ended.
pub(super) struct Leftovers {
    pub(super) usage: Usage,
    pub(super) elapsed: Duration,
    pub(super) state: State,
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
    /// [`Plugin::live_among_guests`] took in.
    pub(crate) async fn run_here(&self, task: &Task, previous: Option<Status>) -> RunReport {
        let ran = AssertUnwindSafe(self.run_bare(task, previous))
            .catch_unwind()
            .await;
        ran.unwrap_or_else(|panic| self.panicked(task, panic.as_ref()))
    }

    /// Polls `life` to its end on the guest threads.
    pub(crate) fn live_among_guests(&self, life: Pin<Box<dyn Future<Output = ()> + Send>>) {
        let plugin = self.name().clone();
        let contained = async move {
            if let Err(panic) = AssertUnwindSafe(life).catch_unwind().await {
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
        let message = format!("the host panicked inside the run: {what}");
        RunReport::failed(RunError::new(Code::Host, &message), Duration::ZERO)
    }

    /// Makes an instance with all its limits, as each run has one, and drops it; answers how long that took.
    ///
    /// # Errors
    ///
    /// What a run would end in that goes no further.
    pub(crate) async fn instantiate(
        self: &Arc<Self>,
        task: Arc<Task>,
    ) -> Result<Duration, RunError> {
        let (plugin, of) = (Arc::clone(self), Arc::clone(&task));
        let work = async move {
            let started = Instant::now();
            let limits = RunLimits::new(&task.limits, task.timeout);
            let mut store = plugin.fresh_store(&task, &limits, started);
            let instance = bounded(&mut store, &limits, async |store| {
                plugin.pre().instantiate_async(store).await
            });
            instance.await.map(|_| started.elapsed())
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
        let request = types::Request {
            check: task.check.to_string(),
            config: task.config.to_string(),
            timeout_ms: u32::try_from(limits.timeout.as_millis()).unwrap_or(u32::MAX),
            previous: previous.and_then(to_wire),
        };
        let answer = bounded(&mut store, &limits, async |store| {
            let instance = self.pre().instantiate_async(&mut *store).await?;
            instance
                .vitals_health_health_check()
                .call_check(store, &request)
                .await
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

impl Sandbox {
    /// A store with every limit armed, before any guest code runs in it.
    pub(super) fn store(&self, state: State, limits: &RunLimits) -> Store<State> {
        let mut store = Store::new(self.engine(), state);
        store.limiter(|state| &mut state.limiter);
        store
            .set_fuel(limits.fuel)
            .expect("the engine is configured to consume fuel");
        store.set_hostcall_fuel(usize::try_from(limits.output).unwrap_or(usize::MAX));
        store.set_max_component_handles(limits.resources);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|context| {
            let state = context.data();
            if Instant::now() >= state.deadline {
                return Err(DeadlinePassed.into());
            }
            state.interrupted.store(true, Ordering::Relaxed);
            Ok(UpdateDeadline::Yield(1))
        });
        store
    }
}

/// Waits for guest code until the deadline of its store, and puts what ended it into words.
///
/// A guest whose time is over is not even resumed: ending it costs less than a slice of its time,
/// and many may be over at once.
pub(super) async fn bounded<T>(
    store: &mut Store<State>,
    limits: &RunLimits,
    call: impl AsyncFnOnce(&mut Store<State>) -> wasmtime::Result<T>,
) -> Result<T, RunError> {
    let deadline = store.data().deadline;
    let interrupted = Arc::clone(&store.data().interrupted);
    let _due = due_at(deadline);
    let mut computing_since = Instant::now();
    let answer = {
        let mut call = pin!(call(store));
        let in_time = poll_fn(|context| {
            let now = Instant::now();
            if now >= deadline {
                return Poll::Ready(None);
            }
            if !interrupted.swap(false, Ordering::Relaxed) {
                computing_since = now;
            }
            call.as_mut().poll(context).map(Some)
        });
        let ended = tokio::time::timeout_at(deadline.into(), in_time).await;
        ended.ok().flatten()
    };
    // Whoever waited for nearly all of the time, and computes a little at the end, has waited.
    let computed = deadline.saturating_duration_since(computing_since);
    let busy = if computed > limits.timeout / 10 {
        Busy::Computing
    } else {
        Busy::Waiting
    };
    match answer {
        Some(Ok(answer)) => Ok(answer),
        Some(Err(error)) if error.is::<DeadlinePassed>() => Err(timeout(limits, busy)),
        Some(Err(error)) => {
            let State {
                output, journal, ..
            } = store.data();
            Err(classify(&error, limits, &output.lines(), journal.secrets()))
        }
        None if interrupted.load(Ordering::Relaxed) => Err(timeout(limits, busy)),
        None => Err(timeout(limits, Busy::Waiting)),
    }
}

/// Takes a store apart after its run.
pub(super) fn leftovers(store: Store<State>, limits: &RunLimits, started: Instant) -> Leftovers {
    let fuel = limits.fuel.saturating_sub(store.get_fuel().unwrap_or(0));
    let memory_peak_bytes = store.data().limiter.peak();
    let state = store.into_data();
    Leftovers {
        usage: Usage {
            fuel,
            memory_peak_bytes,
        },
        elapsed: started.elapsed(),
        state,
    }
}

fn report(
    answer: Result<Result<types::Outcome, String>, RunError>,
    left: Leftovers,
    secrets: &Secrets,
) -> RunReport {
    let Leftovers {
        usage,
        elapsed,
        state,
    } = left;
    let show = |text: &str, max_bytes: usize| secrets.bounded(text, max_bytes);
    let mut report = match answer {
        Ok(Ok(outcome)) => {
            let (status, parts) = from_wire(outcome);
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

fn from_wire(outcome: types::Outcome) -> (Status, OutcomeParts) {
    let status = match outcome.status {
        types::Status::Healthy => Status::Healthy,
        types::Status::Degraded => Status::Degraded,
        types::Status::Unhealthy => Status::Unhealthy,
    };
    let detail = |detail: types::Detail| {
        let value = match detail.value {
            types::Value::Text(text) => DetailValue::Text(text),
            types::Value::Integer(number) => DetailValue::Integer(number),
            types::Value::Decimal(number) => DetailValue::Decimal(number),
            types::Value::Boolean(truth) => DetailValue::Boolean(truth),
            types::Value::Json(document) => DetailValue::Json(document),
        };
        Detail {
            key: detail.key,
            value,
        }
    };
    let bound = |bound: types::Bound| match bound {
        types::Bound::Above(value) => Bound::Above(value),
        types::Bound::Below(value) => Bound::Below(value),
    };
    let measurement = |measurement: types::Measurement| Measurement {
        name: measurement.name,
        value: measurement.value,
        unit: measurement.unit,
        degraded_at: measurement.degraded_at.map(bound),
        unhealthy_at: measurement.unhealthy_at.map(bound),
    };
    let parts = OutcomeParts {
        message: outcome.message,
        details: outcome.details.into_iter().map(detail).collect(),
        measurements: outcome.measurements.into_iter().map(measurement).collect(),
    };
    (status, parts)
}

fn to_wire(status: Status) -> Option<types::Status> {
    match status {
        Status::Healthy => Some(types::Status::Healthy),
        Status::Degraded => Some(types::Status::Degraded),
        Status::Unhealthy => Some(types::Status::Unhealthy),
        Status::Unknown => None,
    }
}

/// Streams, pollables and other handles that one run may hold.
const RESOURCES: usize = 1_000;
const PANIC_BYTES: usize = 1 << 10;

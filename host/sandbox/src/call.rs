//! One call of a guest: a fresh store with every limit armed, a bounded wait, and what the call
//! used.
//!
//! Both `describe` and `check` run this way; nothing else runs a guest.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::{Duration, Instant};

use wasmtime::{Store, UpdateDeadline};

use super::classify::{DeadlinePassed, classify, timeout};
use super::egress::Egress;
use super::grants::Grants;
use super::run_limits::{MAX_RESOURCES, RunLimits};
use super::run_log::RunLog;
use super::sandbox::Sandbox;
use super::state::State;
use super::threads::with_deadline;
use vitals_io::trust::Roots;
use vitals_model::{Activity, RunError, Usage};

/// What a call used, and the state of its store, however the call ended.
pub(super) struct FinishedStore {
    pub(super) usage: Usage,
    pub(super) elapsed: Duration,
    pub(super) state: State,
}

impl Sandbox {
    /// Arms the limits of a run that began at `started`: makes a store with all of them before any
    /// guest code runs in it.
    pub(super) fn store(
        &self,
        limits: &RunLimits,
        started: Instant,
        grants: &Arc<Grants>,
        roots: Roots,
        run_log: RunLog,
    ) -> Store<State> {
        let deadline = started + limits.timeout;
        let egress = Egress::new(
            Arc::clone(&self.0.network),
            Arc::clone(grants),
            run_log.check.clone(),
            deadline,
            limits.connections,
            limits.http_body,
            roots,
        );
        let state = State::new(
            limits.memory,
            deadline,
            egress,
            Arc::clone(grants),
            Arc::clone(&self.0.files),
            run_log,
            self.0.clock.keep_ticking(),
        );
        let mut store = Store::new(&self.0.engine, state);
        store.limiter(|state| &mut state.limiter);
        store
            .set_fuel(limits.fuel)
            .expect("the engine is configured to consume fuel");
        store.set_hostcall_fuel(usize::try_from(limits.output).unwrap_or(usize::MAX));
        store.set_max_component_handles(MAX_RESOURCES);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|context| {
            let state = context.data();
            if Instant::now() >= state.deadline {
                return Err(DeadlinePassed.into());
            }
            state.was_computing.store(true, Ordering::Relaxed);
            Ok(UpdateDeadline::Yield(1))
        });
        store
    }
}

/// Runs a call until it ends or the deadline of its store passes, and classifies its error.
///
/// A guest whose deadline has passed is not resumed: ending it costs less than a slice, and many
/// guests may be overdue at the same time.
pub(super) async fn until_deadline<T>(
    store: &mut Store<State>,
    limits: &RunLimits,
    call: impl AsyncFnOnce(&mut Store<State>) -> wasmtime::Result<T>,
) -> Result<T, RunError> {
    let deadline = store.data().deadline;
    let was_computing = Arc::clone(&store.data().was_computing);
    let _guard = with_deadline(deadline);
    let mut computing_since = Instant::now();
    let answer = {
        let mut call = pin!(call(store));
        let in_time = poll_fn(|context| {
            let now = Instant::now();
            if now >= deadline {
                return Poll::Ready(None);
            }
            if !was_computing.swap(false, Ordering::Relaxed) {
                computing_since = now;
            }
            call.as_mut().poll(context).map(Some)
        });
        let result = tokio::time::timeout_at(deadline.into(), in_time).await;
        result.ok().flatten()
    };
    // A guest that waited for most of the time and computed at the end counts as waiting.
    let computed = deadline.saturating_duration_since(computing_since);
    let activity = if computed > limits.timeout / 10 {
        Activity::Computing
    } else {
        Activity::Waiting
    };
    match answer {
        Some(Ok(answer)) => Ok(answer),
        Some(Err(error)) if error.is::<DeadlinePassed>() => Err(timeout(limits, activity)),
        Some(Err(error)) => {
            let State {
                output, run_log, ..
            } = store.data();
            Err(classify(&error, limits, &output.lines(), &run_log.secrets))
        }
        None if was_computing.load(Ordering::Relaxed) => Err(timeout(limits, activity)),
        None => Err(timeout(limits, Activity::Waiting)),
    }
}

/// Takes a store apart after its call.
pub(super) fn finish_store(
    store: Store<State>,
    limits: &RunLimits,
    started: Instant,
) -> FinishedStore {
    let fuel = limits.fuel.saturating_sub(store.get_fuel().unwrap_or(0));
    let memory_peak_bytes = store.data().limiter.peak();
    let state = store.into_data();
    FinishedStore {
        usage: Usage::new(fuel, memory_peak_bytes),
        elapsed: started.elapsed(),
        state,
    }
}

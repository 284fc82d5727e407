//! One call of a guest: a fresh store with every limit armed, a bounded wait, and what the call cost.
//!
//! `describe` and `check` both go this way: there is no other one to run a guest.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::{Duration, Instant};

use wasmtime::{Store, UpdateDeadline};

use super::classify::{DeadlinePassed, classify, timeout};
use super::run_limits::RunLimits;
use super::sandbox::Sandbox;
use super::state::State;
use super::threads::due_at;
use vitals_model::{Activity, RunError, Usage};

/// What a guest's answer cost, known however it ended.
pub(super) struct Leftovers {
    pub(super) usage: Usage,
    pub(super) elapsed: Duration,
    pub(super) state: State,
}

impl Sandbox {
    /// Arms the limits of a run: makes a store that has all of them before any guest code runs in it.
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
                output, journal, ..
            } = store.data();
            Err(classify(&error, limits, &output.lines(), journal.secrets()))
        }
        None if interrupted.load(Ordering::Relaxed) => Err(timeout(limits, activity)),
        None => Err(timeout(limits, Activity::Waiting)),
    }
}

/// Takes a store apart after its run.
pub(super) fn leftovers(store: Store<State>, limits: &RunLimits, started: Instant) -> Leftovers {
    let fuel = limits.fuel.saturating_sub(store.get_fuel().unwrap_or(0));
    let memory_peak_bytes = store.data().limiter.peak();
    let state = store.into_data();
    Leftovers {
        usage: Usage::new(fuel, memory_peak_bytes),
        elapsed: started.elapsed(),
        state,
    }
}

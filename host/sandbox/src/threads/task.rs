//! What the run queue knows about a task: its run time and its deadline.

use std::cell::RefCell;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

use super::queue::Nanos;

#[derive(Debug)]
pub(crate) struct TaskMeta {
    clock: Clock,
    /// How long the task has run.
    run_time: AtomicU64,
    /// When the task becomes overdue; [`NEVER`] without a deadline.
    deadline: AtomicU64,
}

impl TaskMeta {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            run_time: AtomicU64::new(0),
            deadline: AtomicU64::new(NEVER),
        }
    }

    pub(super) fn run_time(&self) -> Nanos {
        self.run_time.load(Ordering::Relaxed)
    }

    pub(super) fn set_run_time(&self, run_time: Nanos) {
        self.run_time.store(run_time, Ordering::Relaxed);
    }

    pub(super) fn deadline(&self) -> Option<Nanos> {
        let deadline = self.deadline.load(Ordering::Relaxed);
        (deadline != NEVER).then_some(deadline)
    }
}

/// A future that counts the run time of its task.
pub(super) struct TimedFuture<F> {
    meta: Arc<TaskMeta>,
    work: F,
}

impl<F> TimedFuture<F> {
    pub(super) fn new(meta: Arc<TaskMeta>, work: F) -> Self {
        Self { meta, work }
    }
}

impl<F: Future + Unpin> Future for TimedFuture<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let started = self.meta.clock.now();
        let before = CURRENT_TASK.replace(Some(Arc::clone(&self.meta)));
        let polled = Pin::new(&mut self.work).poll(context);
        CURRENT_TASK.set(before);
        let took = self.meta.clock.now().saturating_sub(started);
        self.meta.run_time.fetch_add(took, Ordering::Relaxed);
        polled
    }
}

/// Restores the previous deadline of a task when dropped.
#[derive(Debug)]
pub(crate) struct DeadlineGuard(Option<(Arc<TaskMeta>, Nanos)>);

/// Sets the deadline of the running task until the guard is dropped. Once it has passed, the task
/// comes before all that are not overdue. Does nothing outside of guest threads.
pub(crate) fn with_deadline(deadline: Instant) -> DeadlineGuard {
    let meta = CURRENT_TASK.with_borrow(Clone::clone);
    DeadlineGuard(meta.map(|meta| {
        let deadline = meta.clock.at(deadline);
        let before = meta.deadline.swap(deadline, Ordering::Relaxed);
        (meta, before)
    }))
}

impl Drop for DeadlineGuard {
    fn drop(&mut self) {
        if let Some((meta, before)) = mem::take(&mut self.0) {
            meta.deadline.store(before, Ordering::Relaxed);
        }
    }
}

thread_local! {
    /// The task that this thread is polling.
    static CURRENT_TASK: RefCell<Option<Arc<TaskMeta>>> = const { RefCell::new(None) };
}

/// Converts points in time to nanoseconds since the threads were started.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock(Instant);

impl Clock {
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    pub(super) fn now(self) -> Nanos {
        self.at(Instant::now())
    }

    fn at(self, moment: Instant) -> Nanos {
        let since = moment.saturating_duration_since(self.0);
        Nanos::try_from(since.as_nanos()).unwrap_or(NEVER)
    }
}

const NEVER: Nanos = Nanos::MAX;

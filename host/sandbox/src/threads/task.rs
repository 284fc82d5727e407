//! What the run queue knows of a task: how long it has run, and its deadline.

use std::cell::RefCell;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

use super::queue::Nanos;

/// What the queue has to know of a task.
#[derive(Debug)]
pub(crate) struct TaskMeta {
    clock: Clock,
    /// How long it has had a thread.
    run_time: AtomicU64,
    /// From when on all that is left to do for it is to end it; [`NEVER`] while nothing is due.
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

/// A task that counts how long it has a thread.
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

/// Held while a run goes on that has a deadline.
#[derive(Debug)]
pub(crate) struct DeadlineGuard(Option<(Arc<TaskMeta>, Nanos)>);

/// Says that the task which is being polled is overdue from `deadline` on, until the guard is
/// dropped. It then gets a thread before all that is not overdue. Nothing happens elsewhere than on
/// a guest thread.
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
    /// Of the task that this thread is polling.
    static CURRENT_TASK: RefCell<Option<Arc<TaskMeta>>> = const { RefCell::new(None) };
}

/// Converts moments to nanoseconds since the threads started.
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

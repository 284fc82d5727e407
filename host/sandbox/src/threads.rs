//! A runtime for guests, so that the host's own work never waits for guest code.
//!
//! Its threads run at lower priority. They compute for guests, and wait for the connections and
//! timers of guests: the thread that notices an event continues the task, because waking another
//! thread costs more than a short run. The run queue ([`queue`]) decides which task runs next,
//! because a runtime's own scheduler knows neither deadlines nor run times.

mod queue;
mod stall_guard;
mod task;

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{io, thread};

use async_task::{Runnable, Task};
use futures_lite::FutureExt as _;
use parking_lot::Mutex;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::{unconstrained, yield_now};
use vitals_io::lower_priority;

use self::queue::FairQueue;
pub(super) use self::task::with_deadline;
use self::task::{Clock, TaskMeta, TimedFuture};

/// The guest threads. Dropping it ends them, and drops the tasks that are queued.
#[derive(Debug)]
pub(super) struct GuestThreads {
    inner: Arc<Inner>,
    /// `Some` until dropped.
    runtime: Option<Runtime>,
}

#[derive(Debug)]
struct Inner {
    clock: Clock,
    thread_count: usize,
    threads: Handle,
    run_queue: Mutex<RunQueue>,
    /// The number of polls that have started and finished.
    started_polls: AtomicU64,
    finished_polls: AtomicU64,
}

#[derive(Debug)]
struct RunQueue {
    queue: FairQueue<Runnable<Arc<TaskMeta>>>,
    /// Workers that take tasks from the queue, or are about to.
    active_workers: usize,
    closed: bool,
}

/// A task on the guest threads; resolves to its result or its panic.
pub(super) type GuestTask<T> = Task<Result<T, Box<dyn Any + Send>>, Arc<TaskMeta>>;

impl GuestThreads {
    /// Starts `thread_count` threads; 0 means one per core.
    pub(super) fn start(thread_count: usize) -> io::Result<Self> {
        let thread_count = match thread_count {
            0 => thread::available_parallelism().map_or(1, usize::from),
            thread_count => thread_count,
        };
        let number = AtomicUsize::new(0);
        let runtime = Builder::new_multi_thread()
            .worker_threads(thread_count)
            .thread_name_fn(move || {
                format!("vitals-guest-{}", number.fetch_add(1, Ordering::Relaxed))
            })
            .on_thread_start(|| {
                lower_priority();
                wasmtime::Engine::tls_eager_initialize();
            })
            // Tokio checks timers and sockets after this many polls. A poll may take a whole slice,
            // so that with the default of 61 overdue runs would end late.
            .event_interval(8)
            .enable_all()
            .build()?;
        let inner = Arc::new(Inner {
            clock: Clock::start(),
            thread_count,
            threads: runtime.handle().clone(),
            run_queue: Mutex::new(RunQueue {
                queue: FairQueue::new(),
                active_workers: 0,
                closed: false,
            }),
            started_polls: AtomicU64::new(0),
            finished_polls: AtomicU64::new(0),
        });
        Ok(Self {
            inner,
            runtime: Some(runtime),
        })
    }

    /// Runs `work` on a guest thread. Dropping the returned task cancels it; a panic is returned as
    /// a value.
    pub(super) fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> GuestTask<T> {
        let meta = Arc::new(TaskMeta::new(self.inner.clock));
        let inner = Arc::clone(&self.inner);
        let work = Box::pin(AssertUnwindSafe(work).catch_unwind());
        let (runnable, task) = async_task::Builder::new().metadata(meta).spawn(
            |meta| TimedFuture::new(Arc::clone(meta), work),
            move |runnable| inner.push(runnable),
        );
        runnable.schedule();
        task
    }
}

impl Drop for GuestThreads {
    fn drop(&mut self) {
        let mut run_queue = self.inner.run_queue.lock();
        run_queue.closed = true;
        let remaining = run_queue.queue.drain();
        drop(run_queue);
        if let Some(runtime) = self.runtime.take() {
            // Does not wait: a running guest gives its thread back within a slice.
            runtime.shutdown_background();
        }
        // Dropping a task may wake others, which then lock the queue.
        drop(remaining);
    }
}

impl Inner {
    /// Runs tasks until the queue is empty.
    async fn run_worker(self: Arc<Self>) {
        loop {
            let started = Instant::now();
            while started.elapsed() < YIELD_AFTER {
                let Some(runnable) = self.next() else {
                    return;
                };
                self.started_polls.fetch_add(1, Ordering::Relaxed);
                runnable.run();
                self.finished_polls.fetch_add(1, Ordering::Relaxed);
            }
            // The kernel's time slices are longer than a guest's.
            thread::yield_now();
            // Lets tokio handle connections and timers.
            yield_now().await;
        }
    }

    /// Takes the next task. Without one the worker ends.
    fn next(&self) -> Option<Runnable<Arc<TaskMeta>>> {
        let mut run_queue = self.run_queue.lock();
        let next = run_queue.queue.pop(self.clock.now());
        if next.is_none() {
            run_queue.active_workers -= 1;
        }
        next
    }

    fn push(self: &Arc<Self>, runnable: Runnable<Arc<TaskMeta>>) {
        let meta = Arc::clone(runnable.metadata());
        let mut run_queue = self.run_queue.lock();
        if run_queue.closed {
            drop(run_queue);
            drop(runnable);
            return;
        }
        let run_time = run_queue
            .queue
            .push(runnable, meta.run_time(), meta.deadline());
        meta.set_run_time(run_time);
        let has_idle_worker = run_queue.active_workers < self.thread_count;
        if has_idle_worker {
            run_queue.active_workers += 1;
        }
        drop(run_queue);
        if has_idle_worker {
            // The run queue decides when a task yields, not tokio.
            self.threads
                .spawn(unconstrained(Arc::clone(self).run_worker()));
        }
    }
}

/// How long a worker runs tasks before it lets tokio handle other events.
const YIELD_AFTER: Duration = Duration::from_micros(500);

#[cfg(test)]
mod tests;

//! A runtime of its own for guests, so that the host's own work never waits for guest code.
//!
//! Its threads run at lower priority, and do both: they compute for guests, and wait for what guests
//! wait for. A connection that is there, or a time that has come, is noticed by the thread that
//! goes on with it, because to wake another one costs more than a short run. Who gets a thread next
//! is the queue's to say ([`queue`]): a runtime's own order knows neither deadlines nor who has
//! computed for how long.

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
use parking_lot::{Mutex, MutexGuard};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::{unconstrained, yield_now};
use vitals_io::lower_priority;

use self::queue::FairQueue;
pub(super) use self::task::with_deadline;
use self::task::{Clock, TaskMeta, TimedFuture};

/// A pool of guest threads; they end when it is dropped, and what still waits for one goes with
/// them.
#[derive(Debug)]
pub(super) struct GuestThreads {
    inner: Arc<Inner>,
    /// There until it is dropped.
    runtime: Option<Runtime>,
}

#[derive(Debug)]
struct Inner {
    clock: Clock,
    /// How many threads there are.
    thread_count: usize,
    threads: Handle,
    run_queue: Mutex<RunQueue>,
    /// Turns that have begun, and those that are over.
    started_polls: AtomicU64,
    finished_polls: AtomicU64,
}

/// What the threads take their work from.
#[derive(Debug)]
struct RunQueue {
    queue: FairQueue<Runnable<Arc<TaskMeta>>>,
    /// Threads that take from the queue, or are about to.
    active_workers: usize,
    closed: bool,
}

/// Work that was given to the threads; ends with it, or with the panic inside.
pub(super) type GuestTask<T> = Task<Result<T, Box<dyn Any + Send>>, Arc<TaskMeta>>;

impl GuestThreads {
    /// Starts `thread_count` threads, one per core if 0.
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
            // Timers and sockets are looked at after so many polls, each of which may be a slice of a
            // guest or a handshake of its connections: after tokio's 61 a due run would be late.
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

    /// Runs `work` on a guest thread. Dropping the returned future cancels it; a panic inside comes
    /// back as a value.
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
        let mut run_queue = self.inner.run_queue();
        run_queue.closed = true;
        let remaining = run_queue.queue.drain();
        drop(run_queue);
        if let Some(runtime) = self.runtime.take() {
            // A guest that has a thread now gives it back within a slice; nobody waits for that.
            runtime.shutdown_background();
        }
        // What a task drops may wake others, which then ask for the line.
        drop(remaining);
    }
}

impl Inner {
    /// Takes from the queue until it is empty.
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
            // The kernel's own slices are longer than a guest's.
            thread::yield_now();
            // Connections and timers have their turn, and what the host does for guests.
            yield_now().await;
        }
    }

    /// The task whose turn it is. Without one the thread serves no longer.
    fn next(&self) -> Option<Runnable<Arc<TaskMeta>>> {
        let mut run_queue = self.run_queue();
        let next = run_queue.queue.pop(self.clock.now());
        if next.is_none() {
            run_queue.active_workers -= 1;
        }
        next
    }

    fn push(self: &Arc<Self>, runnable: Runnable<Arc<TaskMeta>>) {
        let meta = Arc::clone(runnable.metadata());
        let mut run_queue = self.run_queue();
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
            // The queue says when a task has had enough, not the runtime.
            self.threads
                .spawn(unconstrained(Arc::clone(self).run_worker()));
        }
    }

    fn run_queue(&self) -> MutexGuard<'_, RunQueue> {
        self.run_queue.lock()
    }
}

/// After so long without a pause a thread looks whether there is more to do than to compute.
const YIELD_AFTER: Duration = Duration::from_micros(500);

#[cfg(test)]
mod tests;

//! A runtime of its own for guests, so that the host's own work never waits for guest code.
//!
//! Its threads run at lower priority, and do both: they compute for guests, and wait for what guests
//! wait for. A connection that is there, or a time that has come, is noticed by the thread that
//! goes on with it, because to wake another one costs more than a short run. Who gets a thread next
//! is the queue's to say ([`queue`]): a runtime's own order knows neither deadlines nor who has
//! computed for how long.

mod queue;

use std::any::Any;
use std::cell::RefCell;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use std::{io, mem, thread};

use async_task::{Runnable, Task};
use futures_lite::FutureExt as _;
use parking_lot::{Mutex, MutexGuard};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::{unconstrained, yield_now};
use vitals_io::lower_priority;

use self::queue::{FairQueue, Nanos};

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
    created: Instant,
    /// How many threads there are.
    thread_count: usize,
    threads: Handle,
    run_queue: Mutex<RunQueue>,
    /// Turns that have begun, and those that are over.
    started_polls: AtomicU64,
    finished_polls: AtomicU64,
}

/// Sees to it that somebody waits for connections and timers while a turn takes long.
///
/// Of the threads that have nothing to do one waits for them, and the rest sleep. When something
/// comes it is that one which goes on with it; the next to have nothing to do takes its place. Where
/// all others sleep nobody would, for as long as the turn takes: for ever, should a call into the
/// host block.
#[derive(Debug)]
pub(super) struct StallGuard {
    inner: Arc<Inner>,
    /// The turns that had begun at the last look.
    seen_polls: u64,
    /// Whether a thread was woken since then.
    has_woken: bool,
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

/// What the queue has to know of a task.
#[derive(Debug)]
pub(super) struct TaskMeta {
    inner: Arc<Inner>,
    /// How long it has had a thread.
    run_time: AtomicU64,
    /// From when on all that is left to do for it is to end it; [`NEVER`] while nothing is due.
    deadline: AtomicU64,
}

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
            created: Instant::now(),
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

    /// What has to look at the threads now and then.
    pub(super) fn stall_guard(&self) -> StallGuard {
        StallGuard {
            inner: Arc::clone(&self.inner),
            seen_polls: 0,
            has_woken: false,
        }
    }

    /// Runs `work` on a guest thread. Dropping the returned future cancels it; a panic inside comes
    /// back as a value.
    pub(super) fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> GuestTask<T> {
        let meta = Arc::new(TaskMeta {
            inner: Arc::clone(&self.inner),
            run_time: AtomicU64::new(0),
            deadline: AtomicU64::new(NEVER),
        });
        let inner = Arc::clone(&self.inner);
        let work = Box::pin(AssertUnwindSafe(work).catch_unwind());
        let (runnable, task) = async_task::Builder::new().metadata(meta).spawn(
            |meta| TimedFuture {
                meta: Arc::clone(meta),
                work,
            },
            move |runnable| inner.push(runnable),
        );
        runnable.schedule();
        task
    }
}

impl StallGuard {
    /// Wakes a thread that sleeps where a turn has gone on since the last look, and none has begun.
    pub(super) fn check(&mut self) {
        let inner = &self.inner;
        let started_polls = inner.started_polls.load(Ordering::Relaxed);
        if started_polls != self.seen_polls {
            (self.seen_polls, self.has_woken) = (started_polls, false);
            return;
        }
        if self.has_woken || started_polls == inner.finished_polls.load(Ordering::Relaxed) {
            return;
        }
        self.has_woken = true;
        if inner.run_queue().active_workers < inner.thread_count {
            // It finds nothing to do, and waits for what comes.
            inner.threads.spawn(async {});
        }
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
        let next = run_queue.queue.pop(self.now());
        if next.is_none() {
            run_queue.active_workers -= 1;
        }
        next
    }

    fn push(self: &Arc<Self>, runnable: Runnable<Arc<TaskMeta>>) {
        let meta = Arc::clone(runnable.metadata());
        let (run_time, deadline) = (
            meta.run_time.load(Ordering::Relaxed),
            meta.deadline.load(Ordering::Relaxed),
        );
        let mut run_queue = self.run_queue();
        if run_queue.closed {
            drop(run_queue);
            drop(runnable);
            return;
        }
        let deadline = (deadline != NEVER).then_some(deadline);
        let run_time = run_queue.queue.push(runnable, run_time, deadline);
        meta.run_time.store(run_time, Ordering::Relaxed);
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

    fn now(&self) -> Nanos {
        self.at(Instant::now())
    }

    fn at(&self, moment: Instant) -> Nanos {
        let since = moment.saturating_duration_since(self.created);
        Nanos::try_from(since.as_nanos()).unwrap_or(NEVER)
    }
}

/// A task that counts how long it has a thread.
struct TimedFuture<F> {
    meta: Arc<TaskMeta>,
    work: F,
}

impl<F: Future + Unpin> Future for TimedFuture<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let started = self.meta.inner.now();
        let before = CURRENT_TASK.replace(Some(Arc::clone(&self.meta)));
        let polled = Pin::new(&mut self.work).poll(context);
        CURRENT_TASK.set(before);
        let took = self.meta.inner.now().saturating_sub(started);
        self.meta.run_time.fetch_add(took, Ordering::Relaxed);
        polled
    }
}

/// Held while a run goes on that has a deadline.
#[derive(Debug)]
pub(super) struct DeadlineGuard(Option<(Arc<TaskMeta>, Nanos)>);

/// Says that the task which is being polled is overdue from `deadline` on, until the guard is
/// dropped. It then gets a thread before all that is not overdue. Nothing happens elsewhere than on
/// a guest thread.
pub(super) fn with_deadline(deadline: Instant) -> DeadlineGuard {
    let meta = CURRENT_TASK.with_borrow(Clone::clone);
    DeadlineGuard(meta.map(|meta| {
        let deadline = meta.inner.at(deadline);
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

/// After so long without a pause a thread looks whether there is more to do than to compute.
const YIELD_AFTER: Duration = Duration::from_micros(500);
const NEVER: Nanos = Nanos::MAX;

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Keeps the only thread until it is told to go on.
    fn occupy_thread(threads: &GuestThreads) -> mpsc::Sender<()> {
        let (release, released) = mpsc::channel();
        let (started, has_started) = mpsc::channel();
        let work = async move {
            started.send(()).expect("the test waits for it");
            // A sender that is gone tells it too.
            let _ = released.recv();
        };
        threads.run(work).detach();
        has_started.recv().expect("the thread takes it");
        release
    }

    fn single_thread() -> GuestThreads {
        GuestThreads::start(1).expect("a thread")
    }

    #[tokio::test]
    async fn a_panic_comes_back_as_a_value_and_costs_no_thread() {
        let threads = single_thread();
        let Err(panic) = threads.run(async { panic!("on purpose") }).await;
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"on purpose"));
        assert_eq!(threads.run(async { 7 }).await.ok(), Some(7));
    }

    #[tokio::test]
    async fn dropping_what_runs_cancels_it() {
        let threads = single_thread();
        let (kept, alive) = mpsc::channel::<()>();
        let task = threads.run(async move {
            let _kept = kept;
            std::future::pending::<()>().await;
        });
        drop(task);
        let end = alive.recv_timeout(Duration::from_secs(20));
        assert_eq!(end, Err(mpsc::RecvTimeoutError::Disconnected));
    }

    #[tokio::test]
    async fn what_waits_when_the_threads_end_is_dropped() {
        let threads = single_thread();
        let release = occupy_thread(&threads);
        let (kept, alive) = mpsc::channel::<()>();
        threads.run(async move { drop(kept) }).detach();
        drop(threads);
        let end = alive.recv_timeout(Duration::from_secs(20));
        assert_eq!(end, Err(mpsc::RecvTimeoutError::Disconnected));
        drop(release);
    }

    #[tokio::test]
    async fn the_overdue_get_the_thread_first() {
        let threads = single_thread();
        let (sender, receiver) = mpsc::channel();
        let report = |word, ahead: Option<Duration>| {
            let sender = sender.clone();
            async move {
                let due = ahead.map(|ahead| with_deadline(Instant::now() + ahead));
                futures_lite::future::yield_now().await;
                drop(due);
                sender.send(word).expect("the test listens");
            }
        };
        let release = occupy_thread(&threads);
        let hour = Duration::from_hours(1);
        threads.run(report("open", None)).detach();
        threads.run(report("in an hour", Some(hour))).detach();
        threads
            .run(report("overdue", Some(Duration::ZERO)))
            .detach();
        drop(release);
        let first = receiver.recv_timeout(Duration::from_secs(20));
        assert_eq!(first, Ok("overdue"));
    }

    #[tokio::test]
    async fn one_that_keeps_its_thread_keeps_nobody_from_waking_up() {
        let threads = GuestThreads::start(2).expect("two threads");
        let mut stall_guard = threads.stall_guard();
        let (release, released) = mpsc::channel::<()>();
        let blocks_thread = async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            // The end of the test tells it too.
            let _ = released.recv();
        };
        let (sender, receiver) = mpsc::channel();
        let wakes_up = async move {
            tokio::time::sleep(Duration::from_millis(60)).await;
            sender.send(()).expect("the test listens");
        };
        threads.run(blocks_thread).detach();
        threads.run(wakes_up).detach();
        let patience = Instant::now() + Duration::from_secs(20);
        while receiver.recv_timeout(Duration::from_millis(1)).is_err() {
            assert!(Instant::now() < patience, "nobody looks at the timers");
            stall_guard.check();
        }
        drop(release);
    }
}

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

use self::queue::{Nanos, Queue};

/// A pool of guest threads; they end when it is dropped, and what still waits for one goes with
/// them.
#[derive(Debug)]
pub(super) struct GuestThreads {
    shared: Arc<Shared>,
    /// There until it is dropped.
    runtime: Option<Runtime>,
}

#[derive(Debug)]
struct Shared {
    started: Instant,
    /// How many threads there are.
    count: usize,
    threads: Handle,
    line: Mutex<Line>,
    /// Turns that have begun, and those that are over.
    begun: AtomicU64,
    over: AtomicU64,
}

/// Sees to it that somebody waits for connections and timers while a turn takes long.
///
/// Of the threads that have nothing to do one waits for them, and the rest sleep. When something
/// comes it is that one which goes on with it; the next to have nothing to do takes its place. Where
/// all others sleep nobody would, for as long as the turn takes: for ever, should a call into the
/// host block.
#[derive(Debug)]
pub(super) struct Relief {
    shared: Arc<Shared>,
    /// The turns that had begun at the last look.
    seen: u64,
    /// Whether a thread was woken since then.
    is_sent: bool,
}

/// What the threads take their work from.
#[derive(Debug)]
struct Line {
    queue: Queue<Runnable<Arc<Turn>>>,
    /// Threads that take from the queue, or are about to.
    serving: usize,
    closed: bool,
}

/// Work that was given to the threads; ends with it, or with the panic inside.
pub(super) type Running<T> = Task<Result<T, Box<dyn Any + Send>>, Arc<Turn>>;

/// What the queue has to know of a task.
#[derive(Debug)]
pub(super) struct Turn {
    shared: Arc<Shared>,
    /// How long it has had a thread.
    used: AtomicU64,
    /// From when on all that is left to do for it is to end it; [`NEVER`] while nothing is due.
    deadline: AtomicU64,
}

impl GuestThreads {
    /// Starts `count` threads, one per core if 0.
    pub(super) fn start(count: usize) -> io::Result<Self> {
        let count = match count {
            0 => thread::available_parallelism().map_or(1, usize::from),
            count => count,
        };
        let number = AtomicUsize::new(0);
        let runtime = Builder::new_multi_thread()
            .worker_threads(count)
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
        let shared = Arc::new(Shared {
            started: Instant::now(),
            count,
            threads: runtime.handle().clone(),
            line: Mutex::new(Line {
                queue: Queue::new(),
                serving: 0,
                closed: false,
            }),
            begun: AtomicU64::new(0),
            over: AtomicU64::new(0),
        });
        Ok(Self {
            shared,
            runtime: Some(runtime),
        })
    }

    /// What has to look at the threads now and then.
    pub(super) fn relief(&self) -> Relief {
        Relief {
            shared: Arc::clone(&self.shared),
            seen: 0,
            is_sent: false,
        }
    }

    /// Runs `work` on a guest thread. Dropping the returned future cancels it; a panic inside comes
    /// back as a value.
    pub(super) fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Running<T> {
        let turn = Arc::new(Turn {
            shared: Arc::clone(&self.shared),
            used: AtomicU64::new(0),
            deadline: AtomicU64::new(NEVER),
        });
        let shared = Arc::clone(&self.shared);
        let work = Box::pin(AssertUnwindSafe(work).catch_unwind());
        let (runnable, task) = async_task::Builder::new().metadata(turn).spawn(
            |turn| Metered {
                turn: Arc::clone(turn),
                work,
            },
            move |runnable| shared.push(runnable),
        );
        runnable.schedule();
        task
    }
}

impl Relief {
    /// Wakes a thread that sleeps where a turn has gone on since the last look, and none has begun.
    pub(super) fn look(&mut self) {
        let shared = &self.shared;
        let begun = shared.begun.load(Ordering::Relaxed);
        if begun != self.seen {
            (self.seen, self.is_sent) = (begun, false);
            return;
        }
        if self.is_sent || begun == shared.over.load(Ordering::Relaxed) {
            return;
        }
        self.is_sent = true;
        if shared.line().serving < shared.count {
            // It finds nothing to do, and waits for what comes.
            shared.threads.spawn(async {});
        }
    }
}

impl Drop for GuestThreads {
    fn drop(&mut self) {
        let mut line = self.shared.line();
        line.closed = true;
        let left = line.queue.drain();
        drop(line);
        if let Some(runtime) = self.runtime.take() {
            // A guest that has a thread now gives it back within a slice; nobody waits for that.
            runtime.shutdown_background();
        }
        // What a task drops may wake others, which then ask for the line.
        drop(left);
    }
}

impl Shared {
    /// Takes from the queue until it is empty.
    async fn serve(self: Arc<Self>) {
        loop {
            let began = Instant::now();
            while began.elapsed() < LONG {
                let Some(runnable) = self.next() else {
                    return;
                };
                self.begun.fetch_add(1, Ordering::Relaxed);
                runnable.run();
                self.over.fetch_add(1, Ordering::Relaxed);
            }
            // The kernel's own slices are longer than a guest's.
            thread::yield_now();
            // Connections and timers have their turn, and what the host does for guests.
            yield_now().await;
        }
    }

    /// The task whose turn it is. Without one the thread serves no longer.
    fn next(&self) -> Option<Runnable<Arc<Turn>>> {
        let mut line = self.line();
        let next = line.queue.pop(self.now());
        if next.is_none() {
            line.serving -= 1;
        }
        next
    }

    fn push(self: &Arc<Self>, runnable: Runnable<Arc<Turn>>) {
        let turn = Arc::clone(runnable.metadata());
        let (used, deadline) = (
            turn.used.load(Ordering::Relaxed),
            turn.deadline.load(Ordering::Relaxed),
        );
        let mut line = self.line();
        if line.closed {
            drop(line);
            drop(runnable);
            return;
        }
        let deadline = (deadline != NEVER).then_some(deadline);
        let used = line.queue.push(runnable, used, deadline);
        turn.used.store(used, Ordering::Relaxed);
        let anybody_free = line.serving < self.count;
        if anybody_free {
            line.serving += 1;
        }
        drop(line);
        if anybody_free {
            // The queue says when a task has had enough, not the runtime.
            self.threads.spawn(unconstrained(Arc::clone(self).serve()));
        }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock()
    }

    fn now(&self) -> Nanos {
        self.at(Instant::now())
    }

    fn at(&self, moment: Instant) -> Nanos {
        let since = moment.saturating_duration_since(self.started);
        Nanos::try_from(since.as_nanos()).unwrap_or(NEVER)
    }
}

/// A task that counts how long it has a thread.
struct Metered<F> {
    turn: Arc<Turn>,
    work: F,
}

impl<F: Future + Unpin> Future for Metered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let began = self.turn.shared.now();
        let before = TURN.replace(Some(Arc::clone(&self.turn)));
        let polled = Pin::new(&mut self.work).poll(context);
        TURN.set(before);
        let took = self.turn.shared.now().saturating_sub(began);
        self.turn.used.fetch_add(took, Ordering::Relaxed);
        polled
    }
}

/// Held while a run goes on that has a deadline.
#[derive(Debug)]
pub(super) struct Due(Option<(Arc<Turn>, Nanos)>);

/// Says that the task which is being polled is overdue from `deadline` on, until the guard is
/// dropped. It then gets a thread before all that is not overdue. Nothing happens elsewhere than on
/// a guest thread.
pub(super) fn due_at(deadline: Instant) -> Due {
    let turn = TURN.with_borrow(Clone::clone);
    Due(turn.map(|turn| {
        let deadline = turn.shared.at(deadline);
        let before = turn.deadline.swap(deadline, Ordering::Relaxed);
        (turn, before)
    }))
}

impl Drop for Due {
    fn drop(&mut self) {
        if let Some((turn, before)) = mem::take(&mut self.0) {
            turn.deadline.store(before, Ordering::Relaxed);
        }
    }
}

thread_local! {
    /// Of the task that this thread is polling.
    static TURN: RefCell<Option<Arc<Turn>>> = const { RefCell::new(None) };
}

/// After so long without a pause a thread looks whether there is more to do than to compute.
const LONG: Duration = Duration::from_micros(500);
const NEVER: Nanos = Nanos::MAX;

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Keeps the only thread until it is told to go on.
    fn occupy(threads: &GuestThreads) -> mpsc::Sender<()> {
        let (go_on, told) = mpsc::channel();
        let (here, begun) = mpsc::channel();
        let work = async move {
            here.send(()).expect("the test waits for it");
            // A sender that is gone tells it too.
            let _ = told.recv();
        };
        threads.run(work).detach();
        begun.recv().expect("the thread takes it");
        go_on
    }

    fn one_thread() -> GuestThreads {
        GuestThreads::start(1).expect("a thread")
    }

    #[tokio::test]
    async fn a_panic_comes_back_as_a_value_and_costs_no_thread() {
        let threads = one_thread();
        let Err(panic) = threads.run(async { panic!("on purpose") }).await;
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"on purpose"));
        assert_eq!(threads.run(async { 7 }).await.ok(), Some(7));
    }

    #[tokio::test]
    async fn dropping_what_runs_cancels_it() {
        let threads = one_thread();
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
        let threads = one_thread();
        let go_on = occupy(&threads);
        let (kept, alive) = mpsc::channel::<()>();
        threads.run(async move { drop(kept) }).detach();
        drop(threads);
        let end = alive.recv_timeout(Duration::from_secs(20));
        assert_eq!(end, Err(mpsc::RecvTimeoutError::Disconnected));
        drop(go_on);
    }

    #[tokio::test]
    async fn the_overdue_get_the_thread_first() {
        let threads = one_thread();
        let (said, heard) = mpsc::channel();
        let tell = |word, ahead: Option<Duration>| {
            let said = said.clone();
            async move {
                let due = ahead.map(|ahead| due_at(Instant::now() + ahead));
                futures_lite::future::yield_now().await;
                drop(due);
                said.send(word).expect("the test listens");
            }
        };
        let go_on = occupy(&threads);
        let hour = Duration::from_hours(1);
        threads.run(tell("open", None)).detach();
        threads.run(tell("in an hour", Some(hour))).detach();
        threads.run(tell("overdue", Some(Duration::ZERO))).detach();
        drop(go_on);
        let first = heard.recv_timeout(Duration::from_secs(20));
        assert_eq!(first, Ok("overdue"));
    }

    #[tokio::test]
    async fn one_that_keeps_its_thread_keeps_nobody_from_waking_up() {
        let threads = GuestThreads::start(2).expect("two threads");
        let mut relief = threads.relief();
        let (go_on, told) = mpsc::channel::<()>();
        let keeps_its_thread = async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            // The end of the test tells it too.
            let _ = told.recv();
        };
        let (said, heard) = mpsc::channel();
        let wakes_up = async move {
            tokio::time::sleep(Duration::from_millis(60)).await;
            said.send(()).expect("the test listens");
        };
        threads.run(keeps_its_thread).detach();
        threads.run(wakes_up).detach();
        let patience = Instant::now() + Duration::from_secs(20);
        while heard.recv_timeout(Duration::from_millis(1)).is_err() {
            assert!(Instant::now() < patience, "nobody looks at the timers");
            relief.look();
        }
        drop(go_on);
    }
}

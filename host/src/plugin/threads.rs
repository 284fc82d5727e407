//! Threads of their own for guests, so that the host's I/O never waits for guest code.
//!
//! They run at lower priority and have entered the host's tokio runtime: a guest's timers, sockets
//! and I/O tasks live there. Who gets a thread next is the queue's to say ([`queue`]): general
//! executors know neither deadlines nor who has computed for how long.

mod queue;

use std::any::Any;
use std::cell::RefCell;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use std::{io, mem, thread};

use async_task::{Runnable, Task};
use futures_lite::FutureExt as _;
use tokio::runtime::Handle;

use self::queue::{Nanos, Queue};

/// A pool of guest threads; they end when it is dropped, and what still waits for one goes with
/// them.
#[derive(Debug)]
pub(super) struct GuestThreads(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    started: Instant,
    line: Mutex<Line>,
    work: Condvar,
}

/// What the threads take their work from.
#[derive(Debug)]
struct Line {
    queue: Queue<Runnable<Arc<Turn>>>,
    /// Threads that have nothing to do.
    idle: usize,
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
    pub(super) fn start(count: usize, host: &Handle) -> io::Result<Self> {
        let count = match count {
            0 => thread::available_parallelism().map_or(1, usize::from),
            count => count,
        };
        let shared = Arc::new(Shared {
            started: Instant::now(),
            line: Mutex::new(Line {
                queue: Queue::new(),
                idle: 0,
                closed: false,
            }),
            work: Condvar::new(),
        });
        // Made first: a start that fails half-way ends the threads that have begun.
        let threads = Self(Arc::clone(&shared));
        for number in 0..count {
            let (shared, host) = (Arc::clone(&shared), host.clone());
            thread::Builder::new()
                .name(format!("vitals-guest-{number}"))
                .spawn(move || {
                    lower_priority();
                    wasmtime::Engine::tls_eager_initialize();
                    let _entered = host.enter();
                    while let Some(runnable) = shared.next() {
                        let began = Instant::now();
                        runnable.run();
                        // The kernel's own slices are longer than a guest's.
                        if began.elapsed() >= LONG {
                            thread::yield_now();
                        }
                    }
                })?;
        }
        Ok(threads)
    }

    /// Runs `work` on a guest thread. Dropping the returned future cancels it; a panic inside comes
    /// back as a value.
    pub(super) fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Running<T> {
        let turn = Arc::new(Turn {
            shared: Arc::clone(&self.0),
            used: AtomicU64::new(0),
            deadline: AtomicU64::new(NEVER),
        });
        let shared = Arc::clone(&self.0);
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

impl Drop for GuestThreads {
    fn drop(&mut self) {
        let mut line = self.0.line();
        line.closed = true;
        let left = line.queue.drain();
        drop(line);
        self.0.work.notify_all();
        // What a task drops may wake others, which then ask for the line.
        drop(left);
    }
}

impl Shared {
    /// The next task whose turn it is; waits for one. Nothing once the threads are to end.
    fn next(&self) -> Option<Runnable<Arc<Turn>>> {
        let mut line = self.line();
        loop {
            if line.closed {
                return None;
            }
            if let Some(runnable) = line.queue.pop(self.now()) {
                return Some(runnable);
            }
            line.idle += 1;
            line = self.work.wait(line).unwrap_or_else(PoisonError::into_inner);
            line.idle -= 1;
        }
    }

    fn push(&self, runnable: Runnable<Arc<Turn>>) {
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
        let anybody_idle = line.idle > 0;
        drop(line);
        if anybody_idle {
            self.work.notify_one();
        }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
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

/// On Linux a priority belongs to a thread. Where it can't be lowered guests run like the rest.
pub(super) fn lower_priority() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE);
}

/// How much nicer a guest is than the host.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;
/// Whoever has computed for so long without a pause may have kept the host from its own work.
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
        GuestThreads::start(1, &Handle::current()).expect("a thread")
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
}

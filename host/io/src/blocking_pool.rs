//! A few threads for work that a deadline can't interrupt: calls that block in a file system, and the
//! verification of a stranger's certificates.
//!
//! A file system that hangs (a mount whose server is gone) can hold a thread for ever. Such a thread
//! is lost: another one takes its place, no caller loses a second one while its first hangs, and
//! nothing else in the host waits for any of them. It knows neither grants nor what the work is.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, PoisonError};

#[cfg(not(loom))]
use std::{
    sync::atomic::{AtomicBool, Ordering},
    sync::{Condvar, Mutex, MutexGuard},
    thread,
};

// In `tests/models`, which tries all orders in which the threads can take their steps.
#[cfg(loom)]
use loom::{
    sync::atomic::{AtomicBool, Ordering},
    sync::{Condvar, Mutex, MutexGuard},
    thread,
};
use tokio::sync::oneshot;

use crate::lower_priority;

/// The threads for one kind of work: at most four beside those that are lost, and a bounded number
/// in all. They start with the first calls, and end when this is dropped; those that hang, when they no
/// longer do.
pub struct BlockingPool {
    work: Work,
    inner: Arc<Inner>,
}

/// The kind of work that a pool does.
#[derive(Clone, Copy, Debug)]
pub enum Work {
    /// Calls to the file systems of the machine.
    Files,
    /// Verifying and reading the certificates of servers.
    Certificates,
}

/// Why a call was not made.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// The caller has lost a thread, and gets no other until that is back.
    #[error("busy: {}", .0.stuck_reason())]
    Stuck(Work),
    /// Too many calls wait already.
    #[error("busy: {MAX_QUEUED} other calls wait for {}", .0.subject())]
    Full(Work),
    /// There is no thread to make it.
    #[error(
        "cannot start a thread for {}: {source}; raise the limit on processes (ulimit -u)",
        .work.subject()
    )]
    Thread {
        /// What it was for.
        work: Work,
        /// The reason.
        source: io::Error,
    },
    /// The host is shutting down.
    #[error("the host is shutting down")]
    Closed,
}

impl Work {
    /// What its threads are called; the system shows 15 bytes of it.
    fn thread(self) -> &'static str {
        match self {
            Self::Files => "vitals-file",
            Self::Certificates => "vitals-cert",
        }
    }

    fn subject(self) -> &'static str {
        match self {
            Self::Files => "the file systems of this machine",
            Self::Certificates => "the verification of certificates",
        }
    }

    fn stuck_reason(self) -> &'static str {
        match self {
            Self::Files => {
                "a call of an earlier run of this check has not come back; its file system is slow \
                 or hangs"
            }
            Self::Certificates => {
                "certificates that a server showed to this check before are still being verified"
            }
        }
    }
}

struct Inner {
    queue: Mutex<Queue>,
    work: Condvar,
    /// Threads at most, with those that are lost.
    max_threads: usize,
}

#[derive(Default)]
struct Queue {
    queued: VecDeque<Job>,
    /// What the threads are at.
    running: Vec<CallState>,
    threads: usize,
    idle: usize,
    closed: bool,
}

struct Job {
    call: CallState,
    work: Box<dyn FnOnce() + Send>,
}

/// Who waits for a call, or no longer does.
#[derive(Clone)]
struct CallState {
    name: Arc<str>,
    abandoned: Arc<AtomicBool>,
}

impl CallState {
    fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed)
    }

    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.abandoned, &other.abandoned)
    }
}

impl BlockingPool {
    /// A pool of at most 64 threads, of which none has started yet.
    pub fn new(work: Work) -> Self {
        Self::with_max_threads(work, MAX_THREADS)
    }

    /// A pool without threads yet. `max_threads` counts those that are lost too.
    pub fn with_max_threads(work: Work, max_threads: usize) -> Self {
        Self {
            work,
            inner: Arc::new(Inner {
                queue: Mutex::default(),
                work: Condvar::new(),
                max_threads,
            }),
        }
    }

    /// Makes a blocking call for a caller of that `name`, and waits for its answer.
    ///
    /// Dropping the future gives the answer up: a call that has not begun is not made then, one that
    /// has goes on without anybody who waits for it. A panic inside goes on in the caller.
    pub async fn run<T: Send + 'static>(
        &self,
        name: &str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PoolError> {
        let (sender, answer) = oneshot::channel::<Result<T, Box<dyn Any + Send>>>();
        let call = CallState {
            name: name.into(),
            abandoned: Arc::default(),
        };
        let mut guard = AbandonOnDrop {
            pool: self,
            abandoned: Some(Arc::clone(&call.abandoned)),
        };
        let work = Box::new(move || {
            // Nobody may be there to take it.
            let _ = sender.send(catch_unwind(AssertUnwindSafe(work)));
        });
        self.submit(Job { call, work })?;
        let answer = answer.await;
        // The thread may not have noticed yet that it is free.
        guard.abandoned = None;
        match answer {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => Err(PoolError::Closed),
        }
    }

    fn submit(&self, job: Job) -> Result<(), PoolError> {
        let mut queue = self.inner.queue();
        let name = &job.call.name;
        let mut running = queue.running.iter();
        if running.any(|call| call.name == *name && call.is_abandoned()) {
            return Err(PoolError::Stuck(self.work));
        }
        if queue.queued.len() >= MAX_QUEUED {
            queue.queued.retain(|queued| !queued.call.is_abandoned());
        }
        if queue.queued.len() >= MAX_QUEUED {
            return Err(PoolError::Full(self.work));
        }
        queue.queued.push_back(job);
        match self.spawn_if_needed(&mut queue) {
            // Those that there are will come to it.
            Err(_) if queue.threads > queue.abandoned_count() => {}
            Err(source) => {
                queue.queued.pop_back();
                return Err(PoolError::Thread {
                    work: self.work,
                    source,
                });
            }
            Ok(()) => {}
        }
        self.inner.work.notify_one();
        Ok(())
    }

    /// Starts a thread where more calls wait than threads, if there may be another one.
    fn spawn_if_needed(&self, queue: &mut Queue) -> io::Result<()> {
        let needs_thread = queue.queued.len() > queue.idle;
        if needs_thread
            && queue.threads < self.inner.max_threads
            && queue.threads - queue.abandoned_count() < MAX_ACTIVE_THREADS
        {
            self.start(queue.threads)?;
            queue.threads += 1;
        }
        Ok(())
    }

    fn start(&self, number: usize) -> io::Result<()> {
        let inner = Arc::clone(&self.inner);
        thread::Builder::new()
            .name(format!("{}-{number}", self.work.thread()))
            .spawn(move || {
                lower_priority();
                inner.run_worker();
            })
            .map(drop)
    }
}

impl Drop for BlockingPool {
    fn drop(&mut self) {
        let mut queue = self.inner.queue();
        queue.closed = true;
        queue.queued.clear();
        self.inner.work.notify_all();
    }
}

impl fmt::Debug for BlockingPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let queue = self.inner.queue();
        f.debug_struct("BlockingPool")
            .field("work", &self.work)
            .field("threads", &queue.threads)
            .field("running", &queue.running.len())
            .field("waiting", &queue.queued.len())
            .finish()
    }
}

impl Queue {
    /// Threads at calls that nobody waits for any more.
    fn abandoned_count(&self) -> usize {
        let running = self.running.iter();
        running.filter(|call| call.is_abandoned()).count()
    }
}

impl Inner {
    /// The life of a thread.
    fn run_worker(&self) {
        let mut queue = self.queue();
        while !queue.closed {
            let Some(Job { call, work }) = queue.queued.pop_front() else {
                queue.idle += 1;
                queue = self
                    .work
                    .wait(queue)
                    .unwrap_or_else(PoisonError::into_inner);
                queue.idle -= 1;
                continue;
            };
            if call.is_abandoned() {
                continue;
            }
            queue.running.push(call.clone());
            drop(queue);
            work();
            queue = self.queue();
            queue.running.retain(|other| !other.is(&call));
            // Somebody has taken the place of one that was lost and is back.
            if queue.threads - queue.abandoned_count() > MAX_ACTIVE_THREADS {
                queue.threads -= 1;
                return;
            }
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Held by whoever waits for a call, with what to set if that ends before the answer comes.
struct AbandonOnDrop<'p> {
    pool: &'p BlockingPool,
    abandoned: Option<Arc<AtomicBool>>,
}

impl Drop for AbandonOnDrop<'_> {
    fn drop(&mut self) {
        if let Some(abandoned) = &self.abandoned {
            abandoned.store(true, Ordering::Relaxed);
            // Where a thread was lost by that, others may wait for it. If none can be started now, the
            // next call tries it again.
            let _ = self.pool.spawn_if_needed(&mut self.pool.inner.queue());
        }
    }
}

/// Threads that make calls at the same time. So many can hang, until they are given up, before those
/// that work are kept waiting.
const MAX_ACTIVE_THREADS: usize = 4;
/// Threads at most, with those that are lost: as many callers as can hang before calls of the others are
/// no longer made.
const MAX_THREADS: usize = 64;
/// Calls that wait at most. A run waits for one at a time.
const MAX_QUEUED: usize = 1 << 10;

#[cfg(not(loom))]
#[cfg(test)]
#[path = "blocking_pool/tests.rs"]
mod tests;

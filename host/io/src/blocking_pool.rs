//! Threads for work that a deadline can't interrupt: file system calls that block, the verification
//! of certificates, and the decoding of compressed bodies.
//!
//! A file system that hangs, such as a mount whose server is gone, can block a thread for ever. The
//! pool then counts that thread as abandoned and starts another one in its place. A caller with an
//! abandoned thread gets no other until its call returns. The pool knows neither grants nor what
//! the work does.

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

// For `tests/models`, which tries every interleaving of the threads.
#[cfg(loom)]
use loom::{
    sync::atomic::{AtomicBool, Ordering},
    sync::{Condvar, Mutex, MutexGuard},
    thread,
};
use tokio::sync::oneshot;

use crate::lower_priority;

/// Threads for one kind of work: at most four active ones beside those that are abandoned, and a
/// bounded number in all. Threads start with the first calls and exit when the pool is dropped; a
/// thread that hangs exits when its call returns.
pub struct BlockingPool {
    work: Work,
    inner: Arc<Inner>,
}

/// The kind of work that a pool does.
#[derive(Clone, Copy, Debug)]
pub enum Work {
    /// Calls to the machine's file systems.
    Files,
    /// Verifying and parsing the certificates of servers.
    Certificates,
    /// Decoding the compressed bodies of responses.
    Decoding,
}

/// Why a call was not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// A call of the same caller was abandoned and has not returned yet.
    #[error("busy: {}", .0.stuck_reason())]
    Stuck(Work),
    /// Too many calls are queued.
    #[error("busy: {MAX_QUEUED} other calls wait for {}", .0.subject())]
    Full(Work),
    /// No thread could be started for the call.
    #[error(
        "cannot start a thread for {}: {source}; raise the limit on processes (ulimit -u)",
        .work.subject()
    )]
    Thread {
        /// The kind of work.
        work: Work,
        /// The error of the system.
        source: io::Error,
    },
    /// The host is shutting down.
    #[error("the host is shutting down")]
    Closed,
}

impl Work {
    /// The prefix of the threads' names; Linux shows 15 bytes of a name.
    fn thread(self) -> &'static str {
        match self {
            Self::Files => "vitals-file",
            Self::Certificates => "vitals-cert",
            Self::Decoding => "vitals-decode",
        }
    }

    fn subject(self) -> &'static str {
        match self {
            Self::Files => "the file systems of this machine",
            Self::Certificates => "the verification of certificates",
            Self::Decoding => "the decoding of compressed responses",
        }
    }

    fn stuck_reason(self) -> &'static str {
        match self {
            Self::Files => {
                "a call by an earlier run of this check has not returned; its file system is slow \
                 or hangs"
            }
            Self::Certificates => {
                "certificates from an earlier run of this check are still being verified"
            }
            Self::Decoding => "a response to an earlier run of this check is still being decoded",
        }
    }
}

struct Inner {
    queue: Mutex<Queue>,
    work: Condvar,
    /// The maximum number of threads, abandoned ones included.
    max_threads: usize,
}

#[derive(Default)]
struct Queue {
    queued: VecDeque<Job>,
    /// The calls that the threads are running.
    running: Vec<CallState>,
    threads: usize,
    idle: usize,
    closed: bool,
}

struct Job {
    call: CallState,
    work: Box<dyn FnOnce() + Send>,
}

/// One call, and whether its caller has given up.
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
    /// Creates a pool of at most 64 threads. None has started yet.
    pub fn new(work: Work) -> Self {
        Self::with_max_threads(work, MAX_THREADS)
    }

    /// Creates a pool of at most `max_threads` threads, abandoned ones included. None has started
    /// yet.
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

    /// Makes a blocking call on behalf of `name` and waits for its result.
    ///
    /// Dropping the future gives the call up: a queued call is not made, and a running one
    /// continues in the background. A panic inside the call resumes in the caller.
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
            // The caller may have given up.
            let _ = sender.send(catch_unwind(AssertUnwindSafe(work)));
        });
        self.submit(Job { call, work })?;
        let answer = answer.await;
        // Only now, because the thread may not have marked itself as free yet.
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
            // The running threads will take the call.
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

    /// Starts a thread if more calls are queued than threads are idle, and the limits allow it.
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
    /// The number of threads whose call was given up.
    fn abandoned_count(&self) -> usize {
        let running = self.running.iter();
        running.filter(|call| call.is_abandoned()).count()
    }
}

impl Inner {
    /// Runs queued calls until the pool is closed.
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
            // Another thread replaced this one while it was abandoned.
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

/// Marks a call as abandoned when its caller stops waiting.
struct AbandonOnDrop<'p> {
    pool: &'p BlockingPool,
    abandoned: Option<Arc<AtomicBool>>,
}

impl Drop for AbandonOnDrop<'_> {
    fn drop(&mut self) {
        if let Some(abandoned) = &self.abandoned {
            abandoned.store(true, Ordering::Relaxed);
            // A replacement for the abandoned thread, if calls are queued. If none can be started
            // now, the next call tries again.
            let _ = self.pool.spawn_if_needed(&mut self.pool.inner.queue());
        }
    }
}

/// Threads that make calls at the same time. This many calls can hang without being given up before
/// other calls have to wait.
const MAX_ACTIVE_THREADS: usize = 4;
/// The maximum number of threads, abandoned ones included: the number of callers that can hang
/// before no other caller gets a thread.
const MAX_THREADS: usize = 64;
/// The maximum number of queued calls. A run waits for one at a time.
const MAX_QUEUED: usize = 1 << 10;

#[cfg(not(loom))]
#[cfg(test)]
#[path = "blocking_pool/tests.rs"]
mod tests;

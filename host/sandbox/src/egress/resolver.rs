//! Name lookups by the system's resolver, on threads of their own.
//!
//! The resolver blocks and can't be interrupted: a query without an answer holds its thread until
//! the system gives up, long after the run has ended. So the number of threads is limited, in total
//! and for each check, and a name is queried once at a time. This module does not decide which
//! names may be looked up.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use dns_lookup::{AddrInfoHints, LookupError, LookupErrorKind, SockType, getaddrinfo};
use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use vitals_model::CheckName;

#[derive(Clone, Debug)]
pub(super) struct LookupRequest {
    /// The name in its canonical form.
    pub(super) name: Arc<str>,
    /// Whether the search domains of the machine are ignored.
    pub(super) is_absolute: bool,
    pub(super) check: CheckName,
}

/// Why a name has no addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ResolveError {
    Timeout,
    /// The name does not exist.
    NotFound,
    /// The name has no address.
    NoData,
    /// No server has answered, or none could find out.
    TryAgain,
    /// The resolver's reason.
    Failed(String),
}

/// As a person reads it.
impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout => "timed out",
            Self::NotFound => "the name does not exist",
            Self::NoData => "the name has no address",
            Self::TryAgain => "the resolver of the host's machine could not find out",
            Self::Failed(reason) => reason,
        })
    }
}

impl From<LookupError> for ResolveError {
    fn from(error: LookupError) -> Self {
        match error.kind() {
            LookupErrorKind::NoName => Self::NotFound,
            LookupErrorKind::NoData => Self::NoData,
            LookupErrorKind::Again => Self::TryAgain,
            _ => {
                let text = io::Error::from(error).to_string();
                let reason = text.strip_prefix("failed to lookup address information: ");
                Self::Failed(reason.unwrap_or(&text).to_owned())
            }
        }
    }
}

pub(super) type LookupResult = Result<Vec<IpAddr>, ResolveError>;

/// The resolver threads. Cheap to clone; a thread exits when it has been idle for a while.
#[derive(Clone)]
pub(super) struct Resolver(Arc<Inner>);

struct Inner {
    source: Source,
    state: Mutex<QueueState>,
    /// Notified when a query is queued.
    work_available: Condvar,
    check_permits: Mutex<HashMap<CheckName, Weak<Semaphore>>>,
}

/// The queries, and the number of threads.
#[derive(Default)]
struct QueueState {
    queue: VecDeque<Query>,
    /// The waiters of each query that is queued or running.
    pending: HashMap<Query, PendingQuery>,
    threads: usize,
    idle: usize,
    #[cfg(test)]
    query_count: usize,
}

/// A query to the system.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Query {
    name: Arc<str>,
    is_absolute: bool,
}

struct PendingQuery {
    waiters: Vec<oneshot::Sender<LookupResult>>,
    /// The permit of the check that made the query first.
    _permit: OwnedSemaphorePermit,
}

/// Where addresses come from.
pub(super) enum Source {
    /// The system's resolver, which reads the hosts file too.
    System,
    /// A list, for tests. A name with an empty list of addresses is never answered.
    #[cfg(test)]
    List(Vec<(&'static str, Vec<IpAddr>)>),
}

impl Resolver {
    pub(super) fn new(source: Source) -> Self {
        Self(Arc::new(Inner {
            source,
            state: Mutex::default(),
            work_available: Condvar::new(),
            check_permits: Mutex::default(),
        }))
    }

    /// Resolves a name when a thread and a permit of the check are available. Dropping the future
    /// does not stop the query.
    pub(super) async fn resolve(&self, request: LookupRequest) -> LookupResult {
        let permits = self.permits_of(&request.check);
        let query = Query {
            name: request.name,
            is_absolute: request.is_absolute,
        };
        let joined = self.0.state().join(&query);
        let answer = if let Some(answer) = joined {
            answer
        } else {
            let permit = permits.acquire_owned().await;
            let permit = permit.expect("the semaphore is never closed");
            self.enqueue(query, permit)
                .map_err(|error| ResolveError::Failed(format!("the host has no thread: {error}")))?
        };
        let lost = || Err(ResolveError::Failed("the lookup was lost".to_owned()));
        answer.await.unwrap_or_else(|_| lost())
    }

    fn enqueue(
        &self,
        query: Query,
        permit: OwnedSemaphorePermit,
    ) -> io::Result<oneshot::Receiver<LookupResult>> {
        let mut state = self.0.state();
        // Another caller may have made the query while this one waited for its permit.
        if let Some(answer) = state.join(&query) {
            return Ok(answer);
        }
        let (sender, answer) = oneshot::channel();
        if state.idle <= state.queue.len() && state.threads < MAX_THREADS {
            let inner = Arc::clone(&self.0);
            let thread = thread::Builder::new().name("vitals-resolver".to_owned());
            match thread.spawn(move || inner.run_worker()) {
                Ok(_) => state.threads += 1,
                Err(error) if state.threads == 0 => return Err(error),
                // The running threads will take the query.
                Err(_) => {}
            }
        }
        let pending = PendingQuery {
            waiters: vec![sender],
            _permit: permit,
        };
        state.pending.insert(query.clone(), pending);
        #[cfg(test)]
        {
            state.query_count += 1;
        }
        state.queue.push_back(query);
        self.0.work_available.notify_one();
        Ok(answer)
    }

    #[cfg(test)]
    pub(super) fn query_count(&self) -> usize {
        self.0.state().query_count
    }

    /// The permits of a check, shared by all its runs.
    fn permits_of(&self, check: &CheckName) -> Arc<Semaphore> {
        let mut check_permits = self.0.check_permits.lock();
        if let Some(permits) = check_permits.get(check).and_then(Weak::upgrade) {
            return permits;
        }
        check_permits.retain(|_, permits| permits.strong_count() > 0);
        let permits = Arc::new(Semaphore::new(MAX_PER_CHECK));
        check_permits.insert(check.clone(), Arc::downgrade(&permits));
        permits
    }
}

impl QueueState {
    /// Waits for the result of a pending query.
    fn join(&mut self, query: &Query) -> Option<oneshot::Receiver<LookupResult>> {
        let pending = self.pending.get_mut(query)?;
        let (sender, answer) = oneshot::channel();
        // Remove callers that gave up, so that they do not add up while the system is slow.
        pending.waiters.retain(|sender| !sender.is_closed());
        pending.waiters.push(sender);
        Some(answer)
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock()
    }

    /// Runs queries until the thread has been idle for [`IDLE_TIMEOUT`].
    fn run_worker(&self) {
        while let Some(query) = self.next() {
            let answer = catch_unwind(AssertUnwindSafe(|| self.source.resolve(&query)));
            let answer = answer.unwrap_or_else(|_| {
                Err(ResolveError::Failed("the host's resolver panicked".into()))
            });
            let pending = self.state().pending.remove(&query);
            for sender in pending.into_iter().flat_map(|pending| pending.waiters) {
                // The receiver is gone if the caller gave up.
                sender.send(answer.clone()).ok();
            }
        }
    }

    /// The next query with a waiter. `None` ends the thread.
    fn next(&self) -> Option<Query> {
        let mut state = self.state();
        loop {
            while let Some(query) = state.queue.pop_front() {
                let is_wanted = state.pending.get(&query).is_some_and(|pending| {
                    pending.waiters.iter().any(|sender| !sender.is_closed())
                });
                if is_wanted {
                    return Some(query);
                }
                state.pending.remove(&query);
            }
            state.idle += 1;
            let waited = self.work_available.wait_for(&mut state, IDLE_TIMEOUT);
            state.idle -= 1;
            if waited.timed_out() && state.queue.is_empty() {
                state.threads -= 1;
                return None;
            }
        }
    }
}

impl Source {
    fn resolve(&self, query: &Query) -> LookupResult {
        match self {
            Self::System => {
                let name = if query.is_absolute {
                    format!("{}.", query.name)
                } else {
                    query.name.to_string()
                };
                let hints = AddrInfoHints {
                    // Otherwise each address comes once for each type of socket.
                    socktype: SockType::Stream.into(),
                    ..AddrInfoHints::default()
                };
                let found = getaddrinfo(Some(&name), None, Some(hints))?;
                let addresses = found.flatten().map(|found| found.sockaddr.ip());
                Ok(addresses.map(|address| address.to_canonical()).collect())
            }
            #[cfg(test)]
            Self::List(list) => match list.iter().find(|(known, _)| *known == &*query.name) {
                Some((_, addresses)) if addresses.is_empty() => loop {
                    thread::park();
                },
                Some((_, addresses)) => Ok(addresses.clone()),
                None => Ok(Vec::new()),
            },
        }
    }
}

/// The maximum number of parallel queries.
const MAX_THREADS: usize = 64;
/// The maximum number of parallel queries of one check, including those that ended runs left
/// behind. Sixteen checks with unanswered queries would be needed to use all threads.
const MAX_PER_CHECK: usize = 4;
/// How long a thread waits for a query before it exits.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;

//! Delivery of messages to one server that the operator named: a bounded outbox, retries with back-off,
//! and a thread. Knows neither what the messages say nor who is told what became of them.

mod backoff;
mod outbox;
mod queue;
mod sender;
mod tally;
mod task;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use tokio::sync::{Notify, watch};

pub(crate) use self::backoff::random;
pub(crate) use self::outbox::{Moment, Next, Outbox};
pub(crate) use self::queue::Queue;
pub(crate) use self::sender::{Failure, HttpSender, SignIn, Target, judge, retry_after, roots_for};
pub(crate) use self::tally::{DropCounter, FailureLog};
use self::task::DeliveryTask;
use crate::metrics::Metrics;
use crate::outgoing::OutgoingThread;

/// The server at the other end: what its answers mean, and what is counted and logged of it.
pub(crate) trait Endpoint: Send + Sync + 'static {
    /// Judges an answer.
    fn judge(&self, status: StatusCode, headers: &HeaderMap) -> Result<(), Failure> {
        judge(status, headers, Timestamp::now())
    }

    /// Why no message may be sent at present; one that is due is refused then.
    fn closed(&self) -> Option<String> {
        None
    }

    /// Counts the messages that wait.
    fn waiting(&self, _count: usize) {}

    /// A message has arrived.
    fn delivered(&self);

    /// A message did not arrive, and is sent once more.
    fn retried(&self, why: &str);

    /// A message was refused, and is lost.
    fn refused(&self, why: &str);

    /// Messages were lost, because they were not taken in time.
    fn dropped(&self, count: usize);

    /// The host panicked over a message, which is sent once more. The panic is counted already.
    fn panicked(&self);
}

/// The delivery to one server. Its task runs on a thread of its own, and ends when this is dropped.
pub(crate) struct Delivery<O, E> {
    shared: Arc<Shared<O, E>>,
    sender: watch::Sender<Arc<HttpSender>>,
    thread: OutgoingThread,
}

struct Shared<O, E> {
    outbox: Mutex<O>,
    /// Rings when the outbox has changed.
    changed: Notify,
    endpoint: E,
    metrics: Metrics,
    phase: watch::Sender<Phase>,
}

/// What the task does with the messages that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Delivers them, for as long as it takes.
    Open,
    /// Sends each message once more, up to the first that does not arrive.
    Draining,
    /// Nothing, until the phase is another one.
    Drained,
}

impl<O: Outbox, E: Endpoint> Delivery<O, E> {
    /// Starts to deliver.
    ///
    /// # Errors
    ///
    /// The process can have no more threads or descriptors.
    pub(crate) fn start(
        endpoint: E,
        outbox: O,
        sender: HttpSender,
        metrics: Metrics,
    ) -> io::Result<Self> {
        endpoint.waiting(outbox.len());
        let shared = Arc::new(Shared {
            outbox: Mutex::new(outbox),
            changed: Notify::new(),
            endpoint,
            metrics,
            phase: watch::Sender::new(Phase::Open),
        });
        let (sender, followed) = watch::channel(Arc::new(sender));
        let task = DeliveryTask::new(Arc::clone(&shared), followed);
        Ok(Self {
            shared,
            sender,
            thread: OutgoingThread::start(task.run())?,
        })
    }

    /// The server at the other end.
    pub(crate) fn endpoint(&self) -> &E {
        &self.shared.endpoint
    }

    /// Changes what waits, and wakes the task. The change answers how many messages it dropped.
    pub(crate) fn with_outbox(&self, change: impl FnOnce(&mut O) -> usize) {
        let dropped = self.shared.change(change);
        if dropped > 0 {
            self.shared.endpoint.dropped(dropped);
        }
        self.shared.changed.notify_one();
    }

    /// Delivers to another target from here on, if it is one. Where roots have changed, connections over
    /// TLS are made anew too.
    pub(crate) fn redirect(&self, target: Target, roots_changed: bool) {
        self.sender.send_if_modified(|sender| {
            let is_other = *sender.target() != target;
            let is_to_change = is_other || (roots_changed && target.is_over_tls());
            if is_to_change {
                *sender = Arc::new(HttpSender::new(target));
            }
            is_to_change
        });
    }

    /// From here on each message that waits is sent once more, up to the first that does not arrive. The
    /// future ends when that is done, or is called off.
    pub(crate) fn drain(&self) -> impl Future<Output = ()> + Send + 'static {
        self.shared.move_on(Phase::Open, Phase::Draining);
        let mut phase = self.shared.phase.subscribe();
        async move {
            // It can't change any more where the delivery is gone.
            let _ = phase.wait_for(|phase| *phase != Phase::Draining).await;
        }
    }

    /// Whether it was drained and nothing has been delivered since.
    pub(crate) fn is_drained(&self) -> bool {
        *self.shared.phase.borrow() == Phase::Drained
    }

    /// Delivers as before.
    pub(crate) fn reopen(&self) {
        self.shared.phase.send_replace(Phase::Open);
    }

    /// Drains for at most `patience`, then delivers as before; answers how many messages still wait.
    pub(crate) async fn flush(&self, patience: Duration) -> usize {
        // What is left then waits on.
        let _ = tokio::time::timeout(patience, self.drain()).await;
        self.reopen();
        self.shared.outbox().len()
    }

    /// Ends it; messages that wait are lost.
    pub(crate) fn end(self) {
        let Self { shared, thread, .. } = self;
        drop(thread);
        let left = shared.outbox().len();
        if left > 0 {
            shared.endpoint.dropped(left);
        }
    }
}

impl<O: Outbox, E: Endpoint> Shared<O, E> {
    fn outbox(&self) -> MutexGuard<'_, O> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut O) -> T) -> T {
        let mut outbox = self.outbox();
        let changed = change(&mut outbox);
        // Under the lock, so that the last change is the one that is shown.
        self.endpoint.waiting(outbox.len());
        changed
    }

    /// Changes the phase where it is `from`.
    fn move_on(&self, from: Phase, to: Phase) {
        self.phase.send_if_modified(|phase| {
            let is_there = *phase == from;
            if is_there {
                *phase = to;
            }
            is_there
        });
    }
}

#[cfg(test)]
mod tests;

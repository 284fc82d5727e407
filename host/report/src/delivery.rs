//! Delivery of messages to one configured server: a bounded outbox, retries with back-off, and a
//! thread. The module knows neither the content of messages nor where outcomes are reported.

mod backoff;
mod endpoint;
mod failure_log;
mod outbox;
mod queue;
mod sender;
mod state;
mod task;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

pub(crate) use self::backoff::random;
pub(crate) use self::endpoint::Endpoint;
pub(crate) use self::failure_log::{DropCounter, FailureLog};
pub(crate) use self::outbox::{Next, Outbox, TimePoint};
pub(crate) use self::queue::Queue;
pub(crate) use self::sender::{Failure, HttpSender, SignIn, Target, retry_after, roots_for};
use self::state::{DeliveryState, Phase};
use self::task::DeliveryTask;
use crate::delivery_metrics::DeliveryMetrics;
use crate::outgoing::OutgoingThread;

/// The delivery to one server. Its task runs on a thread of its own, and ends when this is dropped.
pub(crate) struct Delivery<O, E> {
    state: Arc<DeliveryState<O, E>>,
    sender: watch::Sender<Arc<HttpSender>>,
    thread: OutgoingThread,
}

impl<O: Outbox, E: Endpoint> Delivery<O, E> {
    /// Starts the delivery.
    ///
    /// # Errors
    ///
    /// The process has reached its limit on threads or descriptors.
    pub(crate) fn start(
        endpoint: E,
        outbox: O,
        sender: HttpSender,
        metrics: Option<Arc<dyn DeliveryMetrics>>,
    ) -> io::Result<Self> {
        endpoint.waiting(outbox.len());
        let state = Arc::new(DeliveryState::new(outbox, endpoint, metrics));
        let (sender, followed) = watch::channel(Arc::new(sender));
        let task = DeliveryTask::new(Arc::clone(&state), followed);
        Ok(Self {
            state,
            sender,
            thread: OutgoingThread::start(task.run())?,
        })
    }

    /// Returns the server at the other end.
    pub(crate) fn endpoint(&self) -> &E {
        &self.state.endpoint
    }

    /// Changes the outbox, and wakes the task. The change returns the number of messages that it
    /// dropped.
    pub(crate) fn with_outbox(&self, change: impl FnOnce(&mut O) -> usize) {
        let dropped = self.state.change(change);
        if dropped > 0 {
            self.state.endpoint.dropped(dropped);
        }
        self.state.changed.notify_one();
    }

    /// Switches to another target. If roots have changed, TLS connections are also made anew.
    pub(crate) fn redirect(&self, target: Target, roots_changed: bool) {
        self.sender.send_if_modified(|sender| {
            let is_other = sender.target != target;
            let is_to_change = is_other || (roots_changed && target.roots.is_some());
            if is_to_change {
                *sender = Arc::new(HttpSender::new(target));
            }
            is_to_change
        });
    }

    /// Sends each waiting message once more, up to the first that fails. The future ends when that
    /// is done or called off.
    pub(crate) fn drain(&self) -> impl Future<Output = ()> + Send + 'static {
        self.state.switch_phase(Phase::Open, Phase::Draining);
        let mut phase = self.state.phase.subscribe();
        async move {
            // The wait fails only when the delivery is gone.
            let _ = phase.wait_for(|phase| *phase != Phase::Draining).await;
        }
    }

    /// Returns whether the outbox was drained and nothing was delivered since.
    pub(crate) fn is_drained(&self) -> bool {
        *self.state.phase.borrow() == Phase::Drained
    }

    /// Resumes normal delivery.
    pub(crate) fn reopen(&self) {
        self.state.phase.send_replace(Phase::Open);
    }

    /// Drains for at most `timeout`, then resumes normal delivery. Returns the number of messages
    /// that still wait.
    pub(crate) async fn flush(&self, timeout: Duration) -> usize {
        // The remaining messages keep waiting.
        let _ = tokio::time::timeout(timeout, self.drain()).await;
        self.reopen();
        self.state.outbox.lock().len()
    }

    /// Ends the delivery. Waiting messages are lost.
    pub(crate) fn end(self) {
        let Self { state, thread, .. } = self;
        drop(thread);
        let left = state.outbox.lock().len();
        if left > 0 {
            state.endpoint.dropped(left);
        }
    }
}

#[cfg(test)]
mod tests;

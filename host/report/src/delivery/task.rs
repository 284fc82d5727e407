//! The task that sends one message after the other.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_lite::FutureExt as _;
use tokio::sync::watch;
use tokio::time::Instant;

use super::backoff::{Backoff, random};
use super::state::{DeliveryState, Phase};
use super::{Endpoint, Failure, HttpSender, Next, Outbox, TimePoint};

/// Sends due messages to the server.
pub(super) struct DeliveryTask<O, E> {
    state: Arc<DeliveryState<O, E>>,
    sender: watch::Receiver<Arc<HttpSender>>,
    phase: watch::Receiver<Phase>,
    backoff: Backoff,
}

impl<O: Outbox, E: Endpoint> DeliveryTask<O, E> {
    pub(super) fn new(
        state: Arc<DeliveryState<O, E>>,
        sender: watch::Receiver<Arc<HttpSender>>,
    ) -> Self {
        Self {
            phase: state.phase.subscribe(),
            state,
            sender,
            backoff: Backoff::default(),
        }
    }

    /// Delivers forever. A panic interrupts one request, which is retried.
    pub(super) async fn run(mut self) {
        while AssertUnwindSafe(self.deliver())
            .catch_unwind()
            .await
            .is_err()
        {
            if let Some(metrics) = &self.state.metrics {
                metrics.host_panicked();
            }
            self.state.endpoint.panicked();
            self.completed(true);
            let wait = self.backoff.next(random());
            self.pause(wait).await;
        }
    }

    async fn deliver(&mut self) {
        loop {
            let next = self.state.outbox.lock().next(TimePoint::now());
            match next {
                Next::Post(body) => {
                    if let Some(wait) = self.post(body).await {
                        self.pause(wait).await;
                    }
                }
                Next::Wait(_) if self.is_draining() => self.stay_drained().await,
                Next::Wait(until) => self.wait(until).await,
            }
        }
    }

    /// Makes one request. Returns how long to wait before a retry, if one is needed.
    async fn post(&mut self, body: Bytes) -> Option<Duration> {
        let endpoint = &self.state.endpoint;
        let sender = Arc::clone(&self.sender.borrow_and_update());
        let posted = match endpoint.blocked_reason() {
            Some(why) => Err(Failure::Rejected(why)),
            None => match sender.post(body).await {
                Ok(answer) => endpoint.judge(answer.status(), answer.headers()),
                Err(why) => Err(Failure::Transient(why, None)),
            },
        };
        self.completed(matches!(posted, Err(Failure::Transient(..))));
        match posted {
            Ok(()) => endpoint.delivered(),
            Err(Failure::Rejected(why)) => endpoint.rejected(&why),
            Err(Failure::Transient(why, pause)) => {
                endpoint.retried(&why);
                let wait = self.backoff.next(random());
                return Some(pause.map_or(wait, |pause| pause.max(wait)));
            }
        }
        self.backoff.reset();
        None
    }

    fn completed(&self, retry: bool) {
        self.state
            .change(|outbox| outbox.completed(retry, TimePoint::now()));
    }

    fn is_draining(&self) -> bool {
        *self.phase.borrow() != Phase::Open
    }

    /// Reports that the outbox is drained, and waits for another phase.
    async fn stay_drained(&mut self) {
        self.state.switch_phase(Phase::Draining, Phase::Drained);
        // The sender of the phase lives as long as this task.
        let _ = self.phase.wait_for(|phase| *phase != Phase::Drained).await;
    }

    /// Waits before a retry. A new target is tried at once.
    async fn pause(&mut self, wait: Duration) {
        if self.is_draining() {
            return self.stay_drained().await;
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            Ok(()) = self.sender.changed() => self.backoff.reset(),
            _ = self.phase.changed() => {}
        }
    }

    /// Waits until there may be something to do.
    async fn wait(&mut self, until: Option<Instant>) {
        let due = async {
            match until {
                Some(until) => tokio::time::sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = due => {}
            () = self.state.changed.notified() => {}
            _ = self.phase.changed() => {}
        }
    }
}

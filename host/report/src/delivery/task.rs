//! The task that delivers: one request after the other, for as long as it takes.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_lite::FutureExt as _;
use tokio::sync::watch;
use tokio::time::Instant;

use super::backoff::{Backoff, random};
use super::state::{DeliveryState, Phase};
use super::{Endpoint, Failure, HttpSender, Moment, Next, Outbox};

/// Sends what is due to the server of the sender.
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

    /// Delivers without end. A panic costs the request that was being made, which is made once more.
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
            self.ended(true);
            let wait = self.backoff.next(random());
            self.pause(wait).await;
        }
    }

    async fn deliver(&mut self) {
        loop {
            let next = self.state.outbox().next(Moment::now());
            match next {
                Next::Post(body) => {
                    if let Some(wait) = self.post(body).await {
                        self.pause(wait).await;
                    }
                }
                Next::Wait(_) if self.is_draining() => self.stay_drained().await,
                Next::Wait(until) => self.rest(until).await,
            }
        }
    }

    /// Makes one request. Answers how long to wait before it is made once more, where it has to be.
    async fn post(&mut self, body: Bytes) -> Option<Duration> {
        let endpoint = &self.state.endpoint;
        let sender = Arc::clone(&self.sender.borrow_and_update());
        let posted = match endpoint.closed() {
            Some(why) => Err(Failure::Refused(why)),
            None => match sender.post(body).await {
                Ok(answer) => endpoint.judge(answer.status(), answer.headers()),
                Err(why) => Err(Failure::Later(why, None)),
            },
        };
        self.ended(matches!(posted, Err(Failure::Later(..))));
        match posted {
            Ok(()) => endpoint.delivered(),
            Err(Failure::Refused(why)) => endpoint.refused(&why),
            Err(Failure::Later(why, pause)) => {
                endpoint.retried(&why);
                let wait = self.backoff.next(random());
                return Some(pause.map_or(wait, |pause| pause.max(wait)));
            }
        }
        self.backoff.reset();
        None
    }

    fn ended(&self, once_more: bool) {
        self.state
            .change(|outbox| outbox.ended(once_more, Moment::now()));
    }

    fn is_draining(&self) -> bool {
        *self.phase.borrow() != Phase::Open
    }

    /// Says that it is drained, and waits until the phase is another one.
    async fn stay_drained(&mut self) {
        self.state.move_on(Phase::Draining, Phase::Drained);
        // The phase is there for as long as this is.
        let _ = self.phase.wait_for(|phase| *phase != Phase::Drained).await;
    }

    /// Waits before a request is made once more. Another sender is tried at once.
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
    async fn rest(&mut self, until: Option<Instant>) {
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

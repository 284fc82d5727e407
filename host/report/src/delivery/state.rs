//! What a delivery and its task share: the messages that wait, and what is to become of them.
//!
//! Makes no requests.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};

use super::endpoint::Endpoint;
use super::outbox::Outbox;
use crate::delivery_metrics::DeliveryMetrics;

/// The outbox of a delivery, its endpoint, and what its task is to do.
pub(super) struct DeliveryState<O, E> {
    outbox: Mutex<O>,
    /// Rings when the outbox has changed.
    pub(super) changed: Notify,
    pub(super) endpoint: E,
    pub(super) metrics: Option<Arc<dyn DeliveryMetrics>>,
    pub(super) phase: watch::Sender<Phase>,
}

/// What the task does with the messages that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Delivers them, for as long as it takes.
    Open,
    /// Sends each message once more, up to the first that does not arrive.
    Draining,
    /// Nothing, until the phase is another one.
    Drained,
}

impl<O: Outbox, E: Endpoint> DeliveryState<O, E> {
    /// A delivery that is open.
    pub(super) fn new(outbox: O, endpoint: E, metrics: Option<Arc<dyn DeliveryMetrics>>) -> Self {
        Self {
            outbox: Mutex::new(outbox),
            changed: Notify::new(),
            endpoint,
            metrics,
            phase: watch::Sender::new(Phase::Open),
        }
    }

    pub(super) fn outbox(&self) -> MutexGuard<'_, O> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what waits, and has it counted.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut O) -> T) -> T {
        let mut outbox = self.outbox();
        let changed = change(&mut outbox);
        // Under the lock, so that the last change is the one that is shown.
        self.endpoint.waiting(outbox.len());
        changed
    }

    /// Changes the phase where it is `from`.
    pub(super) fn move_on(&self, from: Phase, to: Phase) {
        self.phase.send_if_modified(|phase| {
            let is_there = *phase == from;
            if is_there {
                *phase = to;
            }
            is_there
        });
    }
}

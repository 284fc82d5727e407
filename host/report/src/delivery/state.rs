//! The state that a delivery shares with its task: the outbox and the phase.
//!
//! The module makes no requests.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use super::endpoint::Endpoint;
use super::outbox::Outbox;
use crate::delivery_metrics::DeliveryMetrics;

/// The outbox of a delivery, its endpoint and its phase.
pub(super) struct DeliveryState<O, E> {
    pub(super) outbox: Mutex<O>,
    /// Signalled when the outbox has changed.
    pub(super) changed: Notify,
    pub(super) endpoint: E,
    pub(super) metrics: Option<Arc<dyn DeliveryMetrics>>,
    pub(super) phase: watch::Sender<Phase>,
}

/// What the task does with waiting messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Delivers them, with retries.
    Open,
    /// Sends each message once more, up to the first that fails.
    Draining,
    /// Sends nothing until the phase changes.
    Drained,
}

impl<O: Outbox, E: Endpoint> DeliveryState<O, E> {
    /// Creates an open delivery.
    pub(super) fn new(outbox: O, endpoint: E, metrics: Option<Arc<dyn DeliveryMetrics>>) -> Self {
        Self {
            outbox: Mutex::new(outbox),
            changed: Notify::new(),
            endpoint,
            metrics,
            phase: watch::Sender::new(Phase::Open),
        }
    }

    /// Changes the outbox, and reports its length.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut O) -> T) -> T {
        let mut outbox = self.outbox.lock();
        let changed = change(&mut outbox);
        // Reported under the lock, so that the last report is the latest.
        self.endpoint.waiting(outbox.len());
        changed
    }

    /// Changes the phase if it is `from`.
    pub(super) fn switch_phase(&self, from: Phase, to: Phase) {
        self.phase.send_if_modified(|phase| {
            let is_there = *phase == from;
            if is_there {
                *phase = to;
            }
            is_there
        });
    }
}

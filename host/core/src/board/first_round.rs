//! The first round, which ends when every check has a result or `startup_grace` has passed.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

/// The state of the first round.
#[derive(Debug)]
pub(super) struct FirstRound {
    all_added: AtomicBool,
    over: watch::Sender<bool>,
}

impl FirstRound {
    /// Records that all checks of the start are on the board.
    pub(super) fn all_added(&self) {
        self.all_added.store(true, Ordering::Release);
    }

    /// Returns whether the round waits only for results.
    pub(super) fn waits_for_results(&self) -> bool {
        self.all_added.load(Ordering::Acquire) && !self.is_over()
    }

    pub(super) fn is_over(&self) -> bool {
        *self.over.borrow()
    }

    /// Ends the round. Returns whether it was still in progress.
    pub(super) fn end(&self) -> bool {
        !self.over.send_replace(true)
    }

    pub(super) async fn over(&self) {
        let mut over = self.over.subscribe();
        over.wait_for(|&over| over)
            .await
            .expect("the sender lives in the same value");
    }
}

impl Default for FirstRound {
    fn default() -> Self {
        Self {
            all_added: AtomicBool::new(false),
            over: watch::Sender::new(false),
        }
    }
}

//! The first round: over when every check has a result, or when the grace at start has passed.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

/// The state of the first round.
#[derive(Debug)]
pub(super) struct FirstRound {
    placed: AtomicBool,
    over: watch::Sender<bool>,
}

impl FirstRound {
    /// Every check that is waited for is on the board.
    pub(super) fn all_placed(&self) {
        self.placed.store(true, Ordering::Release);
    }

    /// Whether it is only results that are still waited for.
    pub(super) fn waits_for_results(&self) -> bool {
        self.placed.load(Ordering::Acquire) && !self.is_over()
    }

    pub(super) fn is_over(&self) -> bool {
        *self.over.borrow()
    }

    /// Ends the round; answers whether it was still going on.
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
            placed: AtomicBool::new(false),
            over: watch::Sender::new(false),
        }
    }
}

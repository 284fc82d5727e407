//! What the loops of all checks share: the slots for runs, where results go, and the end.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::results::Results;

/// One for all loops.
pub(super) struct Shared {
    pub(super) slots: Semaphore,
    pub(super) capacity: usize,
    pub(super) results: Arc<dyn Results>,
    /// From here on no run begins.
    pub(super) closing: CancellationToken,
    /// From here on runs in flight are dropped.
    pub(super) aborting: CancellationToken,
}

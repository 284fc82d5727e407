//! The state that the loops of all checks share: permits for runs, the receiver of results, and
//! shutdown tokens.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::results::Results;

/// The shared state of all loops.
pub(super) struct LoopContext {
    pub(super) permits: Semaphore,
    pub(super) max_runs: usize,
    pub(super) results: Arc<dyn Results>,
    /// Once cancelled, no run starts.
    pub(super) closing: CancellationToken,
    /// Once cancelled, runs in flight are dropped.
    pub(super) aborting: CancellationToken,
}

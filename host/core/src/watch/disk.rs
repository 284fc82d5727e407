//! Runs the watcher's disk access, which may hang, on threads that may be lost.
//!
//! The module knows neither the work nor what its results are used for.

use std::any::Any;
use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::time::Duration;

use futures_lite::FutureExt as _;
use tokio::time::Instant;

use super::heartbeat::{HEARTBEAT_INTERVAL, Heartbeat};
use vitals_io::blocking_pool::{BlockingPool, PoolError, Work};

/// Threads for disk access, and the calls that hang.
pub(super) struct Disk {
    pool: BlockingPool,
    hanging: BTreeSet<String>,
}

/// The reason why a call gave no result.
pub(super) enum DiskError {
    /// The host's own code panicked.
    Panicked(Box<dyn Any + Send>),
    /// The file system does not answer, or no thread is available.
    Hangs {
        why: String,
        /// Whether the previous call succeeded.
        is_new: bool,
    },
}

impl Disk {
    pub(super) fn new() -> Self {
        Self {
            pool: BlockingPool::with_max_threads(Work::Files, MAX_THREADS),
            hanging: BTreeSet::new(),
        }
    }

    /// Returns whether the last call for `what` hung.
    pub(super) fn hangs(&self, what: &str) -> bool {
        self.hanging.contains(what)
    }

    /// Runs `work` on a thread and beats while it waits. Calls for the same `what` fail while an
    /// earlier one hangs.
    pub(super) async fn call<T: Send + 'static>(
        &mut self,
        timeout: Duration,
        what: &str,
        heartbeat: &Heartbeat,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, DiskError> {
        let call = AssertUnwindSafe(self.pool.run(what, work)).catch_unwind();
        let mut call = pin!(call);
        let until = Instant::now() + timeout;
        let done = loop {
            let next = until.min(Instant::now() + HEARTBEAT_INTERVAL);
            tokio::select! {
                done = &mut call => break Some(done),
                () = tokio::time::sleep_until(next) => heartbeat.beat(),
            }
            if Instant::now() >= until {
                break None;
            }
        };
        let why = match done {
            Some(Ok(Ok(done))) => {
                if self.hanging.remove(what) {
                    tracing::info!(what, "file system answers again");
                }
                return Ok(done);
            }
            Some(Err(panic)) => return Err(DiskError::Panicked(panic)),
            None | Some(Ok(Err(PoolError::Stuck(_)))) => HANGS.to_owned(),
            Some(Ok(Err(error))) => error.to_string(),
        };
        let is_new = self.hanging.insert(what.to_owned());
        if is_new {
            tracing::error!(
                what,
                error = why,
                "file system does not answer, the host continues without it"
            );
        }
        Err(DiskError::Hangs { why, is_new })
    }
}

/// The error of a call that hangs, the same for the first call and for later ones.
const HANGS: &str = "the file system does not answer";
/// The time limit for a file system to answer.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);
/// The limit on threads, including lost ones.
const MAX_THREADS: usize = 16;

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_call_that_hangs_is_abandoned_and_made_again_later() {
        let mut disk = Disk::new();
        let (brief, long) = (Duration::from_millis(50), Duration::from_mins(1));
        let heartbeat = Heartbeat::default();
        let (release, held) = mpsc::channel::<()>();
        let hung = disk
            .call(brief, "it", &heartbeat, move || held.recv())
            .await;
        assert!(matches!(hung, Err(DiskError::Hangs { is_new: true, .. })));
        // No second thread is lost meanwhile, and other calls succeed.
        let again = disk.call(brief, "it", &heartbeat, || ()).await;
        assert!(matches!(again, Err(DiskError::Hangs { is_new: false, .. })));
        assert!(disk.call(long, "other", &heartbeat, || ()).await.is_ok() && disk.hangs("it"));
        drop(release);
        while disk.call(long, "it", &heartbeat, || ()).await.is_err() {
            tokio::task::yield_now().await;
        }
        assert!(!disk.hangs("it"));
    }

    #[tokio::test]
    async fn the_loop_beats_while_it_waits() {
        let mut disk = Disk::new();
        let timeout = HEARTBEAT_INTERVAL + Duration::from_millis(100);
        let heartbeat = Heartbeat::default();
        let (_release, held) = mpsc::channel::<()>();
        let started = std::time::Instant::now();
        let hung = disk
            .call(timeout, "it", &heartbeat, move || held.recv())
            .await;
        assert!(hung.is_err());
        assert!(heartbeat.since(std::time::Instant::now()) < started.elapsed());
        let panicked = disk
            .call(timeout, "other", &heartbeat, || panic!("at the disco"))
            .await;
        assert!(matches!(panicked, Err::<(), _>(DiskError::Panicked(_))));
    }
}

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

use super::heartbeat::{BEAT, Heartbeat};
use vitals_io::blocking_pool::{BlockingPool, PoolError, Work};

/// Threads for disk access, and the calls that hang.
pub(super) struct Disk {
    pool: BlockingPool,
    hanging: BTreeSet<String>,
}

/// The reason why a call gave no result.
pub(super) enum NotDone {
    /// The host's own code panicked.
    Panicked(Box<dyn Any + Send>),
    /// The file system does not answer, or no thread is available.
    Hangs {
        why: String,
        /// Whether the previous call succeeded.
        is_news: bool,
    },
}

impl Disk {
    pub(super) fn new() -> Self {
        Self {
            pool: BlockingPool::with_most(Work::Files, MOST_THREADS),
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
        patience: Duration,
        what: &str,
        beat: &Heartbeat,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, NotDone> {
        let call = AssertUnwindSafe(self.pool.run(what, work)).catch_unwind();
        let mut call = pin!(call);
        let until = Instant::now() + patience;
        let done = loop {
            let next = until.min(Instant::now() + BEAT);
            tokio::select! {
                done = &mut call => break Some(done),
                () = tokio::time::sleep_until(next) => beat.turn(),
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
            Some(Err(panic)) => return Err(NotDone::Panicked(panic)),
            None | Some(Ok(Err(PoolError::Stuck(_)))) => HANGS.to_owned(),
            Some(Ok(Err(error))) => error.to_string(),
        };
        let is_news = self.hanging.insert(what.to_owned());
        if is_news {
            tracing::error!(
                what,
                error = why,
                "file system does not answer, the host continues without it"
            );
        }
        Err(NotDone::Hangs { why, is_news })
    }
}

/// The error of a call that hangs, the same for the first call and for later ones.
const HANGS: &str = "the file system does not answer";
/// The time limit for a file system to answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// The limit on threads, including lost ones.
const MOST_THREADS: usize = 16;

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn what_hangs_is_given_up_and_asked_again_once_it_answers() {
        let mut disk = Disk::new();
        let (brief, long) = (Duration::from_millis(50), Duration::from_mins(1));
        let beat = Heartbeat::default();
        let (release, held) = mpsc::channel::<()>();
        let hung = disk.call(brief, "it", &beat, move || held.recv()).await;
        assert!(matches!(hung, Err(NotDone::Hangs { is_news: true, .. })));
        // No second thread is lost meanwhile, and other calls succeed.
        let again = disk.call(brief, "it", &beat, || ()).await;
        assert!(matches!(again, Err(NotDone::Hangs { is_news: false, .. })));
        assert!(disk.call(long, "other", &beat, || ()).await.is_ok() && disk.hangs("it"));
        drop(release);
        while disk.call(long, "it", &beat, || ()).await.is_err() {
            tokio::task::yield_now().await;
        }
        assert!(!disk.hangs("it"));
    }

    #[tokio::test]
    async fn the_loop_beats_while_it_waits() {
        let mut disk = Disk::new();
        let patience = BEAT + Duration::from_millis(100);
        let beat = Heartbeat::default();
        let (_release, held) = mpsc::channel::<()>();
        let started = std::time::Instant::now();
        let hung = disk.call(patience, "it", &beat, move || held.recv()).await;
        assert!(hung.is_err());
        assert!(beat.since(std::time::Instant::now()) < started.elapsed());
        let panicked = disk
            .call(patience, "other", &beat, || panic!("at the disco"))
            .await;
        assert!(matches!(panicked, Err::<(), _>(NotDone::Panicked(_))));
    }
}

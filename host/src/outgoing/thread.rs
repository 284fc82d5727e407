//! Threads for what goes out: each server that the operator named has one, with a runtime that does
//! nothing else. Knows nothing of what is sent.
//!
//! A server can make a handshake or the head of an answer expensive to read, and work inside one poll
//! can't be interrupted. On a thread of its own it delays deliveries to that server alone. Workers of
//! one runtime would not do: tokio's workers sleep while one of them waits for sockets and timers, and
//! nobody does while that one is busy.

use std::future::Future;
use std::io;
use std::thread;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::priority::lower_priority;

/// A task on a thread of its own, at lower priority. Dropping this ends the task where it waits next,
/// and the thread with it.
#[derive(Debug)]
pub(crate) struct OutgoingThread {
    ended: CancellationToken,
    _abort: DropGuard,
}

impl OutgoingThread {
    /// Starts the thread and polls `task` there to its end.
    ///
    /// # Errors
    ///
    /// The process can have no more threads or descriptors.
    pub(crate) fn start(task: impl Future<Output = ()> + Send + 'static) -> io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .thread_name(NAME)
            .max_blocking_threads(LOOK_UPS)
            .enable_all()
            .build()?;
        let (ended, abort) = (CancellationToken::new(), CancellationToken::new());
        let (at_end, aborted) = (ended.clone().drop_guard(), abort.clone());
        let work = move || {
            let _at_end = at_end;
            lower_priority();
            runtime.block_on(async {
                tokio::select! {
                    biased;
                    () = aborted.cancelled() => {}
                    () = task => {}
                }
            });
            // A look-up that nobody waits for any more may take as long as the system lets it.
            runtime.shutdown_background();
        };
        thread::Builder::new().name(NAME.to_owned()).spawn(work)?;
        Ok(Self {
            ended,
            _abort: abort.drop_guard(),
        })
    }

    /// Waits for the end of the task, and ends it when `patience` is over.
    pub(crate) async fn join(self, patience: Duration) {
        // One that keeps its thread busy ends later, and nobody waits for that.
        let _ = tokio::time::timeout(patience, self.ended.cancelled()).await;
    }
}

const NAME: &str = "vitals-out";
/// Look-ups of one server's name at a time, those included that nobody waits for any more.
const LOOK_UPS: usize = 4;

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_task_that_keeps_its_thread_delays_neither_another_nor_the_end() {
        let (go_on, told) = mpsc::channel::<()>();
        let busy = OutgoingThread::start(async move {
            // The end of the test tells it too.
            let _ = told.recv();
        })
        .unwrap();
        for _ in 0..8 {
            let quick =
                OutgoingThread::start(tokio::time::sleep(Duration::from_millis(1))).unwrap();
            let ended = quick.ended.clone();
            quick.join(Duration::from_secs(20)).await;
            assert!(ended.is_cancelled());
        }
        let ended = busy.ended.clone();
        busy.join(Duration::from_millis(1)).await;
        assert!(!ended.is_cancelled());
        drop(go_on);
    }

    #[tokio::test]
    async fn a_task_ends_when_it_is_dropped() {
        let thread = OutgoingThread::start(std::future::pending()).unwrap();
        let ended = thread.ended.clone();
        drop(thread);
        let patience = Duration::from_secs(20);
        assert!(
            tokio::time::timeout(patience, ended.cancelled())
                .await
                .is_ok()
        );
    }
}

//! Threads for outgoing messages: each configured server has one, with a runtime that does nothing
//! else.
//!
//! A server can make a handshake or a response header expensive to process, and work inside one
//! poll can't be interrupted. On a thread of its own it delays only deliveries to that server.
//! Workers of a shared runtime are not enough: idle workers sleep while one of them polls sockets
//! and timers, and nobody polls while that one is busy.

use std::future::Future;
use std::io;
use std::thread;

use tokio::runtime::Builder;
use tokio_util::sync::{CancellationToken, DropGuard};

use vitals_io::lower_priority;

/// A task on a thread of its own, at lower priority. Dropping this ends the task at its next await,
/// and the thread with it.
#[derive(Debug)]
pub(crate) struct OutgoingThread {
    _abort: DropGuard,
}

impl OutgoingThread {
    /// Starts a thread that polls `task` to completion.
    ///
    /// # Errors
    ///
    /// The process has reached its limit on threads or descriptors.
    pub(crate) fn start(task: impl Future<Output = ()> + Send + 'static) -> io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .thread_name(NAME)
            .max_blocking_threads(LOOK_UPS)
            .enable_all()
            .build()?;
        let abort = CancellationToken::new();
        let aborted = abort.clone();
        let work = move || {
            lower_priority();
            runtime.block_on(async {
                tokio::select! {
                    biased;
                    () = aborted.cancelled() => {}
                    () = task => {}
                }
            });
            // An abandoned DNS lookup may take as long as the system allows.
            runtime.shutdown_background();
        };
        thread::Builder::new().name(NAME.to_owned()).spawn(work)?;
        Ok(Self {
            _abort: abort.drop_guard(),
        })
    }
}

const NAME: &str = "vitals-out";
/// The limit on concurrent DNS lookups of one server's name, including abandoned ones.
const LOOK_UPS: usize = 4;

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    /// Wraps a task so that a token reports its end.
    fn with_end_token(
        task: impl Future<Output = ()>,
    ) -> (impl Future<Output = ()>, CancellationToken) {
        let ended = CancellationToken::new();
        let at_end = ended.clone().drop_guard();
        let task = async move {
            let _at_end = at_end;
            task.await;
        };
        (task, ended)
    }

    async fn ends(ended: &CancellationToken) -> bool {
        let timeouts = Duration::from_secs(20);
        let ended = tokio::time::timeout(timeouts, ended.cancelled()).await;
        ended.is_ok()
    }

    #[tokio::test]
    async fn a_task_that_blocks_its_thread_delays_no_other() {
        let (go_on, released) = mpsc::channel::<()>();
        let (busy, busy_ended) = with_end_token(async move {
            // The end of the test ends it too.
            let _ = released.recv();
        });
        let _busy = OutgoingThread::start(busy).unwrap();
        for _ in 0..8 {
            let (quick, ended) = with_end_token(tokio::time::sleep(Duration::from_millis(1)));
            let _quick = OutgoingThread::start(quick).unwrap();
            assert!(ends(&ended).await);
        }
        assert!(!busy_ended.is_cancelled());
        drop(go_on);
    }

    #[tokio::test]
    async fn a_task_ends_when_it_is_dropped() {
        let (task, ended) = with_end_token(std::future::pending());
        drop(OutgoingThread::start(task).unwrap());
        assert!(ends(&ended).await);
    }
}

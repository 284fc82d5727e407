//! Threads of their own for guests, so that the host's I/O never waits for guest code.
//!
//! They run at lower priority and have entered the host's tokio runtime: a guest's timers, sockets
//! and I/O tasks live there.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::{io, thread};

use async_executor::{Executor, Task};
use futures_lite::FutureExt as _;
use tokio::runtime::Handle;
use tokio_util::sync::{CancellationToken, DropGuard};

/// A pool of guest threads; they end when it is dropped.
#[derive(Debug)]
pub(super) struct GuestThreads {
    executor: Arc<Executor<'static>>,
    _stop: DropGuard,
}

impl GuestThreads {
    /// Starts `count` threads, one per core if 0.
    pub(super) fn start(count: usize, host: &Handle) -> io::Result<Self> {
        let count = match count {
            0 => thread::available_parallelism().map_or(1, usize::from),
            count => count,
        };
        let executor = Arc::new(Executor::new());
        let stop = CancellationToken::new();
        // Made first: a start that fails half-way ends the threads that have begun.
        let threads = Self {
            executor: Arc::clone(&executor),
            _stop: stop.clone().drop_guard(),
        };
        for number in 0..count {
            let (executor, stop, host) = (Arc::clone(&executor), stop.clone(), host.clone());
            thread::Builder::new()
                .name(format!("vitals-guest-{number}"))
                .spawn(move || {
                    lower_priority();
                    wasmtime::Engine::tls_eager_initialize();
                    let _entered = host.enter();
                    futures_lite::future::block_on(executor.run(stop.cancelled()));
                })?;
        }
        Ok(threads)
    }

    /// Runs `work` on a guest thread. Dropping the returned future cancels it; a panic inside comes
    /// back as a value.
    pub(super) fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Task<Result<T, Box<dyn Any + Send>>> {
        self.executor.spawn(AssertUnwindSafe(work).catch_unwind())
    }
}

/// On Linux a priority belongs to a thread. Where it can't be lowered guests run like the rest.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE);
}

/// How much nicer a guest is than the host.
#[cfg(target_os = "linux")]
const NICE: i32 = 5;

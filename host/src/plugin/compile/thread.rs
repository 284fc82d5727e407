//! Compilation in this process, for a program that names no `vitals`: on one thread, at lower
//! priority. It can be given up but not ended; as long as it goes on nothing else is compiled.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot::{self, error::TryRecvError};
use tokio::sync::{OwnedSemaphorePermit, watch};
use wasmtime::Engine;

use super::{Artifact, CompileError, NICE};
use crate::check::Text;

/// The one thread that compiles, while it does.
#[derive(Debug, Default)]
pub(super) struct OwnThread {
    /// Whether a compilation goes on that was given up.
    overdue: watch::Sender<bool>,
    has_warned: AtomicBool,
}

impl OwnThread {
    /// Waits until the thread is busy with something that was given up.
    pub(super) async fn overdue(&self) {
        let mut overdue = self.overdue.subscribe();
        // The sender is here, in `self`.
        let _ = overdue.wait_for(|overdue| *overdue).await;
    }

    /// Compiles `wasm`, and gives up after `limit`. The thread keeps the permit until it ends.
    pub(super) async fn compile(
        &self,
        permit: OwnedSemaphorePermit,
        engine: Engine,
        limit: Duration,
        wasm: impl AsRef<[u8]> + Send + 'static,
    ) -> Result<Artifact, CompileError> {
        if !self.has_warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "plugins are compiled in this process: one that takes for ever to compile keeps the \
                 thread, and one that takes all memory takes the program with it; name the binary \
                 `vitals` with `HostBuilder::compiler` to compile in child processes"
            );
        }
        let (answer, mut answered) = oneshot::channel();
        let overdue = self.overdue.clone();
        let work = move || {
            lower_priority();
            let compiled = AssertUnwindSafe(|| engine.precompile_component(wasm.as_ref()));
            let compiled = std::panic::catch_unwind(compiled);
            // Inside, so that nobody says that it is overdue after this.
            overdue.send_modify(|overdue| {
                *overdue = false;
                // Who gave up does not listen any more.
                let _ = answer.send(compiled);
            });
            drop(permit);
        };
        let started = thread::Builder::new()
            .name("vitals-compile".into())
            .stack_size(STACK)
            .spawn(work);
        started.map_err(|error| CompileError::Start {
            program: "a thread".into(),
            why: error.to_string(),
        })?;
        let compiled = match tokio::time::timeout(limit, &mut answered).await {
            Ok(compiled) => compiled.ok(),
            Err(_) => {
                let mut late = Err(TryRecvError::Empty);
                self.overdue.send_modify(|overdue| {
                    late = answered.try_recv();
                    *overdue = matches!(late, Err(TryRecvError::Empty));
                });
                match late {
                    Err(TryRecvError::Empty) => return Err(CompileError::Time { limit }),
                    late => late.ok(),
                }
            }
        };
        match compiled {
            Some(Ok(Ok(code))) => Ok(Artifact::vouched_for(code)),
            Some(Ok(Err(error))) => Err(CompileError::refused(&error)),
            Some(Err(_)) | None => Err(CompileError::Crashed {
                how: "it panicked".into(),
                said: Text::default(),
            }),
        }
    }
}

/// On Linux a priority belongs to a thread. Where it can't be lowered this one competes with the
/// rest.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE);
}

/// As much as a main thread has: the compiler is recursive where a file is nested.
const STACK: usize = 8 << 20;

//! Compiles in this process, for programs that name no binary `vitals`: on one thread at lower
//! priority. A compilation can be given up but not stopped; until it ends nothing else is compiled.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot::{self, error::TryRecvError};
use tokio::sync::{OwnedSemaphorePermit, watch};
use vitals_io::lower_priority;
use wasmtime::Engine;

use super::frame::code_limit;
use super::{Artifact, CompileError, names};
use vitals_model::Text;

#[derive(Debug, Default)]
pub(super) struct CompilerThread {
    /// Whether a compilation that was given up is still running.
    overdue: watch::Sender<bool>,
    has_warned: AtomicBool,
}

impl CompilerThread {
    /// Waits until the thread is busy with a compilation that was given up.
    pub(super) async fn wait_until_overdue(&self) {
        let mut overdue = self.overdue.subscribe();
        // The sender is in `self`, so the wait can't fail.
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
                "plugins are compiled in this process, where a compilation can't be stopped and \
                 its memory is not limited; `HostBuilder::compiler` names a binary that compiles \
                 in child processes"
            );
        }
        let (sender, mut receiver) = oneshot::channel();
        let overdue = self.overdue.clone();
        let code_limit = code_limit(wasm.as_ref().len());
        let work = move || {
            lower_priority();
            let compiled = AssertUnwindSafe(|| {
                engine.precompile_component(&names::strip_long_names(wasm.as_ref()))
            });
            let compiled = std::panic::catch_unwind(compiled);
            // Sent inside the closure, so that nobody marks the compilation as overdue afterwards.
            overdue.send_modify(|overdue| {
                *overdue = false;
                // The receiver is gone if the caller gave up.
                let _ = sender.send(compiled);
            });
            drop(permit);
        };
        let started = thread::Builder::new()
            .name("vitals-compile".into())
            .stack_size(STACK_BYTES)
            .spawn(work);
        started.map_err(|error| CompileError::Start {
            program: "a thread".into(),
            reason: error.to_string(),
        })?;
        let finished = tokio::time::timeout(limit, &mut receiver).await;
        let compiled = if let Ok(compiled) = finished {
            compiled.ok()
        } else {
            let mut late_result = Err(TryRecvError::Empty);
            self.overdue.send_modify(|overdue| {
                late_result = receiver.try_recv();
                *overdue = matches!(late_result, Err(TryRecvError::Empty));
            });
            if let Err(TryRecvError::Empty) = late_result {
                return Err(CompileError::Time { limit });
            }
            late_result.ok()
        };
        match compiled {
            Some(Ok(Ok(code))) if code.len() as u64 > code_limit => Err(CompileError::Code {
                size: code.len() as u64,
                limit: code_limit,
            }),
            Some(Ok(Ok(code))) => Ok(Artifact::from_trusted_source(code)),
            Some(Ok(Err(error))) => Err(CompileError::refused(&error)),
            Some(Err(_)) | None => Err(CompileError::Crashed {
                how: "it panicked".into(),
                stderr: Text::default(),
            }),
        }
    }
}

/// As much as a main thread has: the compiler recurses into nested components.
const STACK_BYTES: usize = 8 << 20;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::Semaphore;

    use super::*;
    use crate::engine;

    /// A component with a module of many empty functions.
    fn many_functions() -> Vec<u8> {
        let section = |id: u8, body: &[u8]| {
            let length = body.len();
            let mut bytes = vec![id];
            // Three bytes of LEB128, whether the value needs them or not.
            bytes.extend([
                low(length) | 0x80,
                low(length >> 7) | 0x80,
                low(length >> 14),
            ]);
            bytes.extend_from_slice(body);
            bytes
        };
        let count = [low(FUNCTIONS) | 0x80, low(FUNCTIONS >> 7)];
        let mut module = b"\0asm\x01\0\0\0".to_vec();
        module.extend(section(1, &[1, 0x60, 0, 0]));
        module.extend(section(3, &[&count[..], &[0; FUNCTIONS]].concat()));
        module.extend(section(
            10,
            &[&count[..], &[2, 0, 0x0b].repeat(FUNCTIONS)].concat(),
        ));
        [b"\0asm\x0d\0\x01\0".to_vec(), section(1, &module)].concat()
    }

    fn low(value: usize) -> u8 {
        value.to_le_bytes()[0] & 0x7f
    }

    const FUNCTIONS: usize = 2000;

    #[tokio::test]
    async fn a_compilation_that_was_given_up_keeps_the_thread_until_it_ends() {
        let engine = engine::build_without_pool().unwrap();
        let thread = CompilerThread::default();
        let permits = Arc::new(Semaphore::new(1));
        let permit = || Arc::clone(&permits).acquire_owned();
        let compile = async |limit| {
            let permit = permit().await.unwrap();
            thread
                .compile(permit, engine.clone(), limit, many_functions())
                .await
                .map(|artifact| artifact.load(&engine).is_ok())
        };
        let limit = Duration::ZERO;
        assert_eq!(compile(limit).await, Err(CompileError::Time { limit }));
        thread.wait_until_overdue().await;
        assert_eq!(permits.available_permits(), 0, "nothing else is compiled");
        assert_eq!(
            compile(Duration::MAX).await,
            Ok(true),
            "it has its turn then"
        );
        assert!(!*thread.overdue.borrow());
    }
}

//! Compilation: from the bytes of a component to native code, where it can hurt nobody.
//!
//! A compiler is a large program that reads a stranger's bytes. It runs in a child process of the
//! binary `vitals` (`child.rs` is the host's side, `job.rs` and `confine.rs` are the child's); a
//! program that embeds the host and names no binary compiles on a thread of its own (`thread.rs`).
//! This module must not know what the code does, nor where it is kept.

mod artifact;
mod child;
mod confine;
mod error;
mod frame;
mod job;
mod limits;
mod loaded;
mod memory;
mod names;
mod thread;

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::Engine;

pub(super) use self::artifact::Artifact;
use self::child::Program;
pub use self::error::CompileError;
pub use self::job::CompileJob;
pub use self::limits::CompileLimits;
pub(super) use self::loaded::{LoadedBytes, LoadedCode};
use self::thread::CompilerThread;

/// Where plugins are compiled, and within which limits.
///
/// By default in this process, on one thread of its own: there a compilation can be given up, but
/// not ended, and nothing bounds the memory that it takes. A child process can be.
#[derive(Clone, Debug, Default)]
pub struct Compiler {
    program: Option<Program>,
    limits: CompileLimits,
}

impl Compiler {
    /// Compiles in child processes of the program that is running, which must be `vitals`.
    ///
    /// It is opened here, once: where its file is replaced later, the children are still of this
    /// version.
    ///
    /// # Errors
    ///
    /// There is no `/proc`, through which it is found and started.
    pub fn this_program() -> io::Result<Self> {
        Self::program(Path::new("/proc/self/exe"))
    }

    /// Compiles in child processes of the binary `vitals` at `path`. It must be of the version of
    /// this library; one that is not is refused when a plugin is to be compiled.
    ///
    /// # Errors
    ///
    /// There is no such file, or no `/proc`, through which it is started.
    pub fn program(path: &Path) -> io::Result<Self> {
        Ok(Self {
            program: Some(Program::open(path)?),
            ..Self::default()
        })
    }

    /// Holds each compilation to other limits.
    #[must_use]
    pub fn limits(self, limits: CompileLimits) -> Self {
        Self { limits, ..self }
    }
}

/// The compiler of one sandbox: bounds how many compilations there are at once.
#[derive(Debug)]
pub(super) struct Compilation {
    backend: Backend,
    limits: CompileLimits,
    permits: Arc<Semaphore>,
    max_parallel: usize,
}

#[derive(Debug)]
enum Backend {
    Child(Program),
    Thread(CompilerThread),
}

impl Compilation {
    pub(super) fn new(compiler: Compiler) -> Self {
        let Compiler { program, limits } = compiler;
        let (backend, max_parallel) = match program {
            Some(program) => {
                let max_parallel = max_children(cores(), memory::limit(), limits.memory);
                (Backend::Child(program), max_parallel)
            }
            None => (Backend::Thread(CompilerThread::default()), 1),
        };
        Self {
            backend,
            limits,
            permits: Arc::new(Semaphore::new(max_parallel)),
            max_parallel,
        }
    }

    /// How many compilations there may be at once.
    pub(super) fn max_parallel(&self) -> usize {
        self.max_parallel
    }

    /// Waits for its turn.
    pub(super) async fn permit(&self) -> Result<OwnedSemaphorePermit, CompileError> {
        let permit = Arc::clone(&self.permits).acquire_owned();
        match &self.backend {
            Backend::Child(_) => Ok(permit.await.expect("the semaphore is never closed")),
            Backend::Thread(thread) => tokio::select! {
                biased;
                permit = permit => Ok(permit.expect("the semaphore is never closed")),
                () = thread.wait_until_overdue() => Err(CompileError::Busy),
            },
        }
    }

    /// Compiles `wasm` for `engine`. Dropping the future ends a child process.
    pub(super) async fn compile(
        &self,
        permit: OwnedSemaphorePermit,
        engine: &Engine,
        wasm: impl AsRef<[u8]> + Send + 'static,
    ) -> Result<Artifact, CompileError> {
        match &self.backend {
            Backend::Child(program) => {
                let artifact = child::compile(program, &self.limits, wasm.as_ref()).await;
                drop(permit);
                artifact
            }
            Backend::Thread(thread) => {
                let limit = self.limits.time;
                thread.compile(permit, engine.clone(), limit, wasm).await
            }
        }
    }
}

/// Half of the cores, so that a change of many plugins leaves room for the checks. Two at least: one
/// file that takes all its time does not hold up the next one. Eight at most, and no more than
/// take two thirds of the memory together, so that they never end the host; but always one.
fn max_children(cores: usize, memory: u64, each: u64) -> usize {
    let fitting = (memory / 3 * 2).checked_div(each).unwrap_or(u64::MAX);
    let fitting = usize::try_from(fitting).unwrap_or(usize::MAX);
    (cores / 2).clamp(2, 8).min(fitting).max(1)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_compilations_as_cores_and_memory_allow() {
        let max_parallel = |cores, gibibytes: u64| max_children(cores, gibibytes << 30, 2 << 30);
        assert_eq!(max_parallel(1, 64), 2);
        assert_eq!(max_parallel(8, 64), 4);
        assert_eq!(max_parallel(64, 64), 8);
        assert_eq!(max_parallel(64, 16), 5);
        assert_eq!(max_parallel(64, 6), 2);
        assert_eq!(max_parallel(64, 3), 1);
        assert_eq!(max_parallel(1, 1), 1);
    }
}

//! Compiles components to native code, isolated from the host.
//!
//! A compiler is a large program that reads untrusted bytes. It runs in a child process of the
//! binary `vitals` (`child.rs` is the host's side, `job.rs` and `confine.rs` are the child's). A
//! program that embeds the host without naming a binary compiles on a thread of its own
//! (`thread.rs`). This module must not know what the code does, or where it is stored.

mod artifact;
mod child;
#[cfg(feature = "compile-in-process")]
mod confine;
mod error;
mod frame;
#[cfg(feature = "compile-in-process")]
mod job;
mod limits;
mod loaded;
mod memory;
#[cfg(feature = "compile-in-process")]
mod names;
#[cfg(feature = "compile-in-process")]
mod thread;

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::Engine;

pub(super) use self::artifact::Artifact;
use self::child::Program;
pub use self::error::CompileError;
#[cfg(feature = "compile-in-process")]
pub use self::job::CompileJob;
pub use self::limits::CompileLimits;
pub(super) use self::loaded::{LoadedBytes, LoadedCode};
#[cfg(feature = "compile-in-process")]
use self::thread::CompilerThread;

/// Where plugins are compiled, and within which limits.
///
/// The default is this process, on one thread: a compilation there can be given up but not stopped,
/// and its memory is not limited. Both are possible in a child process. Without the feature
/// `compile-in-process` the default compiles nothing.
#[derive(Clone, Debug, Default)]
pub struct Compiler {
    program: Option<Program>,
    limits: CompileLimits,
}

impl Compiler {
    /// Compiles in child processes of the running program, which must be `vitals`.
    ///
    /// The program is opened once, here: if its file is replaced later, the children are still of
    /// this version.
    ///
    /// # Errors
    ///
    /// `/proc`, through which the program is found and started, is not mounted.
    pub fn this_program() -> io::Result<Self> {
        Self::program(Path::new("/proc/self/exe"))
    }

    /// Compiles in child processes of the binary `vitals` at `path`. Its version must be that of
    /// this library; another one is rejected when the first plugin is compiled.
    ///
    /// # Errors
    ///
    /// The file does not exist, or `/proc` is not mounted.
    pub fn program(path: &Path) -> io::Result<Self> {
        Ok(Self {
            program: Some(Program::open(path)?),
            ..Self::default()
        })
    }

    /// Sets the limits of each compilation.
    #[must_use]
    pub fn limits(self, limits: CompileLimits) -> Self {
        Self { limits, ..self }
    }
}

/// The compiler of one sandbox, with the permits for parallel compilations.
#[derive(Debug)]
pub(super) struct Compilation {
    backend: Backend,
    limits: CompileLimits,
    permits: Arc<Semaphore>,
    pub(super) max_parallel: usize,
}

#[derive(Debug)]
enum Backend {
    Child(Program),
    #[cfg(feature = "compile-in-process")]
    Thread(CompilerThread),
    #[cfg(not(feature = "compile-in-process"))]
    Missing,
}

impl Compilation {
    pub(super) fn new(compiler: Compiler) -> Self {
        let Compiler { program, limits } = compiler;
        let (backend, max_parallel) = match program {
            Some(program) => {
                let max_parallel = max_children(cores(), memory::limit(), limits.memory);
                (Backend::Child(program), max_parallel)
            }
            #[cfg(feature = "compile-in-process")]
            None => (Backend::Thread(CompilerThread::default()), 1),
            #[cfg(not(feature = "compile-in-process"))]
            None => (Backend::Missing, 1),
        };
        Self {
            backend,
            limits,
            permits: Arc::new(Semaphore::new(max_parallel)),
            max_parallel,
        }
    }

    pub(super) async fn permit(&self) -> Result<OwnedSemaphorePermit, CompileError> {
        let permit = Arc::clone(&self.permits).acquire_owned();
        match &self.backend {
            Backend::Child(_) => Ok(permit.await.expect("the semaphore is never closed")),
            #[cfg(feature = "compile-in-process")]
            Backend::Thread(thread) => tokio::select! {
                biased;
                permit = permit => Ok(permit.expect("the semaphore is never closed")),
                () = thread.wait_until_overdue() => Err(CompileError::Busy),
            },
            #[cfg(not(feature = "compile-in-process"))]
            Backend::Missing => Err(CompileError::NoCompiler),
        }
    }

    /// Compiles `wasm` for `engine`. Dropping the future kills a child process.
    pub(super) async fn compile(
        &self,
        permit: OwnedSemaphorePermit,
        #[cfg_attr(
            not(feature = "compile-in-process"),
            expect(unused_variables, reason = "a compiler program has its own engine")
        )]
        engine: &Engine,
        wasm: impl AsRef<[u8]> + Send + 'static,
    ) -> Result<Artifact, CompileError> {
        match &self.backend {
            Backend::Child(program) => {
                let artifact = child::compile(program, &self.limits, wasm.as_ref()).await;
                drop(permit);
                artifact
            }
            #[cfg(feature = "compile-in-process")]
            Backend::Thread(thread) => {
                let limit = self.limits.time;
                thread.compile(permit, engine.clone(), limit, wasm).await
            }
            #[cfg(not(feature = "compile-in-process"))]
            Backend::Missing => Err(CompileError::NoCompiler),
        }
    }
}

/// Half of the cores, so that checks keep running while many plugins are compiled; at least two, so
/// that one slow file does not block the next; at most eight, and no more than fit into two thirds
/// of the memory; but always one.
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

//! Compilation: from the bytes of a component to native code, where it can hurt nobody.
//!
//! A compiler is a large program that reads a stranger's bytes. It runs in a child process of the
//! binary `vitals` (`child.rs` is the host's side, `job.rs` and `confine.rs` are the child's); a
//! program that embeds the host and names no binary compiles on a thread of its own (`thread.rs`).
//! This module must not know what the code does, nor where it is kept.

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
use self::thread::OwnThread;

/// Where plugins are compiled, and within which limits.
///
/// By default in this process, on one thread of its own: there a compilation can be given up, but
/// not ended, and nothing bounds the memory that it takes. A child process can be. Without the
/// feature `compile-in-process` no plugin is compiled by default.
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
    place: Place,
    limits: CompileLimits,
    permits: Arc<Semaphore>,
    at_once: usize,
}

#[derive(Debug)]
enum Place {
    Child(Program),
    #[cfg(feature = "compile-in-process")]
    Here(OwnThread),
    #[cfg(not(feature = "compile-in-process"))]
    Nowhere,
}

impl Compilation {
    pub(super) fn new(compiler: Compiler) -> Self {
        let Compiler { program, limits } = compiler;
        let (place, at_once) = match program {
            Some(program) => {
                let at_once = children_at_once(cores(), memory::allowed(), limits.memory);
                (Place::Child(program), at_once)
            }
            #[cfg(feature = "compile-in-process")]
            None => (Place::Here(OwnThread::default()), 1),
            #[cfg(not(feature = "compile-in-process"))]
            None => (Place::Nowhere, 1),
        };
        Self {
            place,
            limits,
            permits: Arc::new(Semaphore::new(at_once)),
            at_once,
        }
    }

    /// How many compilations there may be at once.
    pub(super) fn at_once(&self) -> usize {
        self.at_once
    }

    /// Waits for its turn.
    pub(super) async fn permit(&self) -> Result<OwnedSemaphorePermit, CompileError> {
        let permit = Arc::clone(&self.permits).acquire_owned();
        match &self.place {
            Place::Child(_) => Ok(permit.await.expect("the semaphore is never closed")),
            #[cfg(feature = "compile-in-process")]
            Place::Here(thread) => tokio::select! {
                biased;
                permit = permit => Ok(permit.expect("the semaphore is never closed")),
                () = thread.overdue() => Err(CompileError::Busy),
            },
            #[cfg(not(feature = "compile-in-process"))]
            Place::Nowhere => Err(CompileError::NoCompiler),
        }
    }

    /// Compiles `wasm` for `engine`. Dropping the future ends a child process.
    pub(super) async fn compile(
        &self,
        permit: OwnedSemaphorePermit,
        #[cfg_attr(
            not(feature = "compile-in-process"),
            expect(unused_variables, reason = "a compiler program has its own")
        )]
        engine: &Engine,
        wasm: impl AsRef<[u8]> + Send + 'static,
    ) -> Result<Artifact, CompileError> {
        match &self.place {
            Place::Child(program) => {
                let made = child::compile(program, &self.limits, wasm.as_ref()).await;
                drop(permit);
                made
            }
            #[cfg(feature = "compile-in-process")]
            Place::Here(thread) => {
                let limit = self.limits.time;
                thread.compile(permit, engine.clone(), limit, wasm).await
            }
            #[cfg(not(feature = "compile-in-process"))]
            Place::Nowhere => Err(CompileError::NoCompiler),
        }
    }
}

/// Half of the cores, so that a change of many plugins leaves room for the checks. Two at least: one
/// file that takes all its time does not hold up the next one. Eight at most, and no more than
/// take two thirds of the memory together, so that they never end the host; but always one.
fn children_at_once(cores: usize, memory: u64, each: u64) -> usize {
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
        let at_once = |cores, gibibytes: u64| children_at_once(cores, gibibytes << 30, 2 << 30);
        assert_eq!(at_once(1, 64), 2);
        assert_eq!(at_once(8, 64), 4);
        assert_eq!(at_once(64, 64), 8);
        assert_eq!(at_once(64, 16), 5);
        assert_eq!(at_once(64, 6), 2);
        assert_eq!(at_once(64, 3), 1);
        assert_eq!(at_once(1, 1), 1);
    }
}

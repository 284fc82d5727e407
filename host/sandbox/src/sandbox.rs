//! The sandbox: one engine, one linker, the guest threads and the network access.

mod linker;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;
use wasmtime::Engine;
use wasmtime::component::Linker;

use self::linker::linker;
use super::admitted::AdmittedByDigest;
use super::cache::CodeCache;
use super::clients::{ClientOptions, ClientSettings, UnusableIdentities};
use super::compile::{Artifact, Compilation, Compiler, LoadedCode};
use super::egress::Network;
use super::engine::{self, EpochClock};
use super::state::State;
use super::threads::GuestThreads;
use vitals_io::blocking_pool::{BlockingPool, Work};
use vitals_io::trust::RootsError;
use vitals_model::{Digest, ErrorTracker, GuestMetrics, Root};

/// What all guests of a host share. Cheap to clone.
#[derive(Clone)]
pub struct Sandbox(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) engine: Engine,
    pub(super) linker: Linker<State>,
    pub(super) clock: EpochClock,
    pub(super) threads: GuestThreads,
    pub(super) network: Arc<Network>,
    /// The threads for blocking file system calls.
    pub(super) files: Arc<BlockingPool>,
    pub(super) cache: Option<CodeCache>,
    /// Writes of compiled code to the cache that are in progress.
    cache_writes: TaskTracker,
    pub(super) admitted: AdmittedByDigest,
    pub(super) loaded: LoadedCode,
    pub(super) tracker: Option<Arc<dyn ErrorTracker>>,
    pub(super) metrics: Option<Arc<dyn GuestMetrics>>,
    pub(super) compilation: Compilation,
    describe_permits: Arc<Semaphore>,
    bind_permits: Arc<Semaphore>,
    /// The threads on which the checks of plugins are bound.
    pub(super) bind_pool: BlockingPool,
    cache_write_permits: Arc<Semaphore>,
}

/// The options of a sandbox.
pub struct SandboxOptions {
    /// The number of parallel runs that the instance pool has room for.
    pub max_runs: usize,
    /// The number of guest threads; 0 means one per core.
    pub guest_threads: usize,
    /// The directory of the code cache; `None` disables it.
    pub cache_dir: Option<PathBuf>,
    /// Where plugins are compiled.
    pub compiler: Compiler,
    /// The roots that TLS connections of guests trust, unless their check has its own.
    pub roots: Vec<Root>,
    /// What HTTP requests of guests may name.
    pub clients: ClientOptions,
    /// The receiver of guests' reports.
    pub tracker: Option<Arc<dyn ErrorTracker>>,
    /// The receiver of guests' metrics; without it metrics are accepted and ignored.
    pub metrics: Option<Arc<dyn GuestMetrics>>,
}

impl Default for SandboxOptions {
    /// 64 parallel runs, one guest thread per core, in-process compilation and no cache.
    fn default() -> Self {
        Self {
            max_runs: 64,
            guest_threads: 0,
            cache_dir: None,
            compiler: Compiler::default(),
            roots: Vec::new(),
            clients: ClientOptions::default(),
            tracker: None,
            metrics: None,
        }
    }
}

/// The sandbox could not be created on this machine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// The engine rejected its settings.
    #[error("cannot set up the WebAssembly engine: {0}")]
    Engine(String),
    /// A thread could not be started.
    #[error("cannot start a thread for guests: {0}; raise the limit on processes (ulimit -u)")]
    Thread(#[source] io::Error),
    /// The TLS roots could not be read.
    #[error(transparent)]
    Roots(#[from] RootsError),
    /// Identities in TLS could not be read.
    #[error(transparent)]
    Identities(#[from] UnusableIdentities),
}

impl Sandbox {
    /// Creates the sandbox and its threads. Blocks for a moment.
    pub fn new(options: SandboxOptions) -> Result<Self, SandboxError> {
        // Every failed call of a guest creates an error. With RUST_BACKTRACE=1 each error would
        // capture a backtrace of the host, and keep it as long as the guest keeps the error.
        wasmtime::error::disable_backtrace();
        let runs = options.max_runs + MAX_DESCRIBES;
        let engine_error = |error: wasmtime::Error| SandboxError::Engine(format!("{error:#}"));
        let engine = engine::build(runs).map_err(engine_error)?;
        let linker = linker(&engine).map_err(engine_error)?;
        let network = Network::new(&options.roots)?;
        network.set_clients(ClientSettings::read(options.clients)?);
        let threads = GuestThreads::start(options.guest_threads).map_err(SandboxError::Thread)?;
        let mut stall_guard = threads.stall_guard();
        let clock = EpochClock::start(&engine, move || stall_guard.check());
        Ok(Self(Arc::new(Inner {
            clock: clock.map_err(SandboxError::Thread)?,
            threads,
            cache: options
                .cache_dir
                .and_then(|dir| CodeCache::open(&dir, &engine)),
            network: Arc::new(network),
            cache_writes: TaskTracker::new(),
            admitted: AdmittedByDigest::default(),
            loaded: LoadedCode::default(),
            files: Arc::new(BlockingPool::new(Work::Files)),
            tracker: options.tracker,
            metrics: options.metrics,
            compilation: Compilation::new(options.compiler),
            describe_permits: Arc::new(Semaphore::new(MAX_DESCRIBES)),
            bind_permits: Arc::new(Semaphore::new(MAX_BINDINGS)),
            bind_pool: BlockingPool::with_max_threads(Work::Files, MAX_BIND_THREADS),
            cache_write_permits: Arc::new(Semaphore::new(MAX_CACHE_WRITES)),
            engine,
            linker,
        })))
    }

    /// Replaces what HTTP requests of guests may name, for requests from now on. Returns whether it
    /// differs from before.
    pub fn set_clients(&self, clients: ClientSettings) -> bool {
        self.0.network.set_clients(clients)
    }

    /// The number of ticks of the epoch clock.
    pub fn epoch_ticks(&self) -> u64 {
        self.0.clock.ticks()
    }

    /// The time since the last tick of the epoch clock. Above a second the clock is stuck, and
    /// guests that compute are no longer interrupted.
    pub fn since_last_epoch_tick(&self) -> Duration {
        self.0.clock.since_last_tick()
    }

    /// Runs `task` to completion on the guest threads.
    pub fn spawn_on_guest_runtime(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.threads.run(task).detach();
    }

    /// Writes compiled code to the cache in the background. If too many writes are waiting for the
    /// disk, the code is not cached, and compiled again after a restart. Needs a tokio runtime.
    pub(super) fn store_in_cache(&self, digest: Digest, artifact: Artifact) {
        let Ok(permit) = Arc::clone(&self.0.cache_write_permits).try_acquire_owned() else {
            tracing::debug!(%digest, "compiled code is not cached, the disk is too slow");
            return;
        };
        let sandbox = self.clone();
        self.0.cache_writes.spawn_blocking(move || {
            let _permit = permit;
            if let Some(cache) = &sandbox.0.cache {
                cache.store(digest, &artifact);
            }
        });
    }

    /// Waits for the writes to the cache that are in progress.
    pub async fn flush_cache(&self) {
        self.0.cache_writes.close();
        self.0.cache_writes.wait().await;
        self.0.cache_writes.reopen();
    }

    /// Whether a file of this digest would not have to be compiled. Blocks.
    pub fn has_code(&self, digest: Digest) -> bool {
        let admitted = self.0.admitted.get(digest).is_some();
        let cache = self.0.cache.as_ref();
        admitted || cache.is_some_and(|cache| cache.has(digest))
    }

    /// The maximum number of parallel compilations.
    pub fn max_compilations(&self) -> usize {
        self.0.compilation.max_parallel
    }

    pub(super) async fn describe_permit(&self) -> OwnedSemaphorePermit {
        acquire(&self.0.describe_permits).await
    }

    pub(super) async fn bind_permit(&self) -> OwnedSemaphorePermit {
        acquire(&self.0.bind_permits).await
    }
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox")
            .field("clock", &self.0.clock)
            .finish_non_exhaustive()
    }
}

async fn acquire(semaphore: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    let permit = Arc::clone(semaphore).acquire_owned().await;
    permit.expect("the semaphore is never closed")
}

/// The maximum number of plugins that are described at the same time, besides the runs.
const MAX_DESCRIBES: usize = 2;
/// The maximum number of plugins whose checks are bound at the same time, each with a validator.
const MAX_BINDINGS: usize = 2;
/// The maximum number of threads that bind checks, including those that hang while they read
/// trusted roots.
const MAX_BIND_THREADS: usize = 16;
/// The maximum number of artifacts that wait for the cache's disk, each of at most 128 MiB.
const MAX_CACHE_WRITES: usize = 8;

#[cfg(test)]
mod tests {
    use std::backtrace::{Backtrace, BacktraceStatus};
    use std::process::Command;

    use super::*;

    #[test]
    fn errors_capture_no_backtrace_of_the_host() {
        if Backtrace::capture().status() != BacktraceStatus::Captured {
            // A process decides once whether it captures backtraces, so this needs another process.
            let test = "sandbox::tests::errors_capture_no_backtrace_of_the_host";
            let mut again = Command::new(std::env::current_exe().unwrap());
            again.args(["--exact", test]).env("RUST_BACKTRACE", "1");
            let ended = again.output().unwrap();
            let said = String::from_utf8_lossy(&ended.stdout);
            assert!(said.contains("test result: ok. 1 passed"), "{said}");
            return;
        }
        let _sandbox = Sandbox::new(SandboxOptions::default()).unwrap();
        let error = format!("{:?}", wasmtime::Error::msg("of a guest"));
        assert_eq!(error, "of a guest");
    }
}

//! The sandbox: one engine, one linker, the guest threads and the way out to the network.

mod linker;
mod options;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;
use wasmtime::Engine;
use wasmtime::component::Linker;

use self::linker::linker;
pub use self::options::{SandboxError, SandboxOptions};
use super::admitted::AdmittedByDigest;
use super::cache::CodeCache;
use super::compile::{Artifact, Compilation, LoadedCode};
use super::egress::Network;
use super::engine::{self, EpochClock, TickGuard};
use super::state::State;
use super::threads::GuestThreads;
use vitals_io::blocking_pool::{BlockingPool, Work};
use vitals_io::trust::{Roots, RootsError};
use vitals_model::{Digest, ErrorTracker, GuestMetrics, Root};

/// Everything that guests share, made once for a host. Cheap to clone.
#[derive(Clone)]
pub struct Sandbox(Arc<Inner>);

struct Inner {
    engine: Engine,
    linker: Linker<State>,
    clock: EpochClock,
    threads: GuestThreads,
    network: Arc<Network>,
    files: Arc<BlockingPool>,
    cache: Option<CodeCache>,
    /// Compiled code that is being written to the cache.
    cache_writes: TaskTracker,
    admitted: AdmittedByDigest,
    loaded: LoadedCode,
    tracker: Option<Arc<dyn ErrorTracker>>,
    metrics: Option<Arc<dyn GuestMetrics>>,
    compilation: Compilation,
    describe_permits: Arc<Semaphore>,
    bind_permits: Arc<Semaphore>,
    /// Where plugins are held against their checks.
    bind_pool: BlockingPool,
    /// Permits to wait for the cache's disk.
    cache_write_permits: Arc<Semaphore>,
}

impl Sandbox {
    /// Sets the sandbox up, with threads of its own. Blocks for a moment.
    pub fn new(options: SandboxOptions) -> Result<Self, SandboxError> {
        // Every call of a guest that fails makes an error. With RUST_BACKTRACE=1 each would walk the stack
        // of the host and keep it, for as long as the guest keeps the error.
        wasmtime::error::disable_backtrace();
        let runs = options.max_runs + MAX_DESCRIBES;
        let engine_error = |error: wasmtime::Error| SandboxError::Engine(format!("{error:#}"));
        let engine = engine::build(runs).map_err(engine_error)?;
        let linker = linker(&engine).map_err(engine_error)?;
        let network = Network::new(&options.roots)?;
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

    /// How often the epoch clock has ticked.
    pub fn epoch_ticks(&self) -> u64 {
        self.0.clock.ticks()
    }

    /// How long ago the epoch clock last ticked; above a second it stands still, and so does every
    /// limit on the time of a guest that computes.
    pub fn since_last_epoch_tick(&self) -> Duration {
        self.0.clock.since_last_tick()
    }

    /// The roots that TLS connections of a check trust: its own where it has any, else the host's.
    ///
    /// # Errors
    ///
    /// A PEM file that holds no usable certificates.
    pub fn roots(&self, own: Option<&[Root]>) -> Result<Roots, RootsError> {
        self.network().roots(own)
    }

    /// Polls `task` to its end on the guest threads. It keeps none of them.
    pub fn spawn_on_guest_runtime(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.threads().run(task).detach();
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    pub(super) fn linker(&self) -> &Linker<State> {
        &self.0.linker
    }

    pub(super) fn threads(&self) -> &GuestThreads {
        &self.0.threads
    }

    pub(super) fn network(&self) -> &Arc<Network> {
        &self.0.network
    }

    /// The threads for blocking calls to file systems.
    pub(super) fn files(&self) -> &Arc<BlockingPool> {
        &self.0.files
    }

    pub(super) fn cache(&self) -> Option<&CodeCache> {
        self.0.cache.as_ref()
    }

    /// What plugins there are, by digest.
    pub(super) fn admitted(&self) -> &AdmittedByDigest {
        &self.0.admitted
    }

    /// How much compiled code is loaded.
    pub(super) fn loaded(&self) -> &LoadedCode {
        &self.0.loaded
    }

    /// Puts compiled code into the cache, beside whoever waits for the plugin. Where many wait for the
    /// disk already it is left out, and compiled again after a restart. Needs a tokio runtime.
    pub(super) fn store_in_cache(&self, digest: Digest, artifact: Artifact) {
        let Ok(permit) = Arc::clone(&self.0.cache_write_permits).try_acquire_owned() else {
            tracing::debug!(%digest, "compiled code is not cached, the disk is too slow");
            return;
        };
        let sandbox = self.clone();
        self.0.cache_writes.spawn_blocking(move || {
            let _permit = permit;
            if let Some(cache) = sandbox.cache() {
                cache.store(digest, &artifact);
            }
        });
    }

    /// Waits until compiled code that is on its way to the cache is there.
    pub async fn flush_cache(&self) {
        self.0.cache_writes.close();
        self.0.cache_writes.wait().await;
        self.0.cache_writes.reopen();
    }

    /// Whether a file of this digest would have to be compiled. Blocks.
    pub fn has_code(&self, digest: Digest) -> bool {
        let admitted = self.admitted().get(digest).is_some();
        admitted || self.cache().is_some_and(|cache| cache.has(digest))
    }

    pub(super) fn tracker(&self) -> Option<&Arc<dyn ErrorTracker>> {
        self.0.tracker.as_ref()
    }

    pub(super) fn metrics(&self) -> Option<&Arc<dyn GuestMetrics>> {
        self.0.metrics.as_ref()
    }

    pub(super) fn compilation(&self) -> &Compilation {
        &self.0.compilation
    }

    /// How many plugins may be compiled at once.
    pub fn max_compilations(&self) -> usize {
        self.0.compilation.max_parallel()
    }

    /// Waits for a permit to call a plugin's `describe` and parse its schema.
    pub(super) async fn describe_permit(&self) -> OwnedSemaphorePermit {
        acquire(&self.0.describe_permits).await
    }

    /// Waits for a permit to bind the checks of a plugin.
    pub(super) async fn bind_permit(&self) -> OwnedSemaphorePermit {
        acquire(&self.0.bind_permits).await
    }

    /// The threads on which the checks of plugins are bound.
    pub(super) fn bind_pool(&self) -> &BlockingPool {
        &self.0.bind_pool
    }

    pub(super) fn tick_guard(&self) -> TickGuard {
        self.0.clock.keep_ticking()
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

/// Plugins that are described at once, beside the runs.
const MAX_DESCRIBES: usize = 2;
/// Plugins that are held against their checks at once, each with a validator.
const MAX_BINDINGS: usize = 2;
/// Threads on which they are, with those that are lost to trusted roots on a disk that hangs.
const MAX_BIND_THREADS: usize = 16;
/// Artifacts that may wait for the cache's disk at once, at most 128 MiB each.
const MAX_CACHE_WRITES: usize = 8;

#[cfg(test)]
mod tests {
    use std::backtrace::{Backtrace, BacktraceStatus};
    use std::process::Command;

    use super::*;

    #[test]
    fn errors_keep_no_stack_of_the_host_where_others_do() {
        if Backtrace::capture().status() != BacktraceStatus::Captured {
            // A process decides once whether it keeps stacks: this is a question for another one.
            let test = "sandbox::tests::errors_keep_no_stack_of_the_host_where_others_do";
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

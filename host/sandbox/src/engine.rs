//! The engine for guest code: its settings, the pooling allocator, and the epoch clock.

mod idle_detector;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, ModuleVersionStrategy,
    PoolingAllocationConfig, WasmBacktraceDetails,
};

use self::idle_detector::IdleDetector;

/// Builds the engine with room for `runs` parallel runs.
///
/// Instances come from a pool if the machine grants the address space for it. Otherwise they are
/// allocated on demand, which costs about 20 µs per run and is logged.
pub(super) fn build(runs: usize) -> wasmtime::Result<Engine> {
    let error = if has_address_space_for_a_pool() {
        let mut config = settings()?;
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool_config(runs)));
        match Engine::new(&config) {
            Ok(engine) => return Ok(engine),
            Err(error) => error.to_string(),
        }
    } else {
        "the address space is limited (ulimit -v)".to_owned()
    };
    tracing::warn!(
        error,
        "instance pool cannot be reserved, every run is slower"
    );
    build_without_pool()
}

/// Builds an engine without a pool, for compiling. The engine of [`build`] runs what it compiles,
/// because compiled code does not depend on the allocator.
pub(super) fn build_without_pool() -> wasmtime::Result<Engine> {
    Engine::new(&settings()?)
}

fn settings() -> wasmtime::Result<Config> {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .wasm_memory64(false)
        .consume_fuel(true)
        .epoch_interruption(true)
        .max_wasm_stack(WASM_STACK)
        .async_stack_size(WASM_STACK + HOST_STACK)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .module_version(ModuleVersionStrategy::Custom(CODE_VERSION.to_owned()))?;
    Ok(config)
}

/// Sizes the pool so that every run can reach its limits: no guest can use up what others need. The
/// slots are reserved address space; memory is used when it is touched.
fn pool_config(runs: usize) -> PoolingAllocationConfig {
    let count = |factor: usize| u32::try_from(runs.saturating_mul(factor)).unwrap_or(u32::MAX);
    let mut pool_config = PoolingAllocationConfig::new();
    pool_config
        .total_component_instances(count(1))
        .total_core_instances(count(MAX_CORE_INSTANCES as usize))
        .total_memories(count(MAX_MEMORIES as usize).min(MEMORY_SLOTS))
        .total_tables(count(MAX_TABLES as usize))
        .total_stacks(count(1))
        .max_core_instances_per_component(MAX_CORE_INSTANCES)
        .max_memories_per_component(MAX_MEMORIES)
        .max_tables_per_component(MAX_TABLES)
        // One module may have all memories of its component; wasmtime's default is one.
        .max_memories_per_module(MAX_MEMORIES)
        .max_tables_per_module(MAX_TABLES)
        .max_component_instance_size(MAX_INSTANCE_BYTES)
        .max_core_instance_size(MAX_INSTANCE_BYTES)
        .table_elements(100_000)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(KEEP_RESIDENT)
        .async_stack_keep_resident(KEEP_RESIDENT)
        // Decommits memories one by one. A memory that waits in a batch is missed when the pool is
        // purged of a removed plugin's modules, and later comes back with an image that keeps all
        // of their code.
        .decommit_batch_size(1)
        .pagemap_scan(Enabled::Auto);
    pool_config
}

/// Tries to reserve the address space of about a thousand memories, as `wasmtime serve` does. If
/// that fails, building the pool would fail too.
fn has_address_space_for_a_pool() -> bool {
    let mut config = Config::new();
    config
        .wasm_memory64(true)
        .memory_reservation(1 << 42)
        .memory_guard_size(0);
    let probe = || -> wasmtime::Result<()> {
        let engine = Engine::new(&config)?;
        let mut store = wasmtime::Store::new(&engine, ());
        wasmtime::Memory::new(&mut store, wasmtime::MemoryType::new64(0, None))?;
        Ok(())
    };
    probe().is_ok()
}

/// Increments the engine's epoch, so that no guest keeps a thread for longer than a slice.
///
/// The thread exits when the engine is dropped. It ticks every [`TICK`] while guests run, and every
/// [`IDLE_TICK`] otherwise.
#[derive(Debug)]
pub(super) struct EpochClock {
    state: Arc<ClockState>,
    thread: Thread,
}

#[derive(Debug)]
struct ClockState {
    started: Instant,
    ticks: AtomicU64,
    last_tick_ms: AtomicU64,
    idle_detector: IdleDetector,
}

/// Keeps the epoch clock ticking every [`TICK`] while a guest runs.
#[derive(Debug)]
pub(super) struct TickGuard(Arc<ClockState>);

impl EpochClock {
    /// Starts the thread, which also calls `each_tick`.
    pub(super) fn start(
        engine: &Engine,
        mut each_tick: impl FnMut() + Send + 'static,
    ) -> std::io::Result<Self> {
        let state = Arc::new(ClockState {
            started: Instant::now(),
            ticks: AtomicU64::new(0),
            last_tick_ms: AtomicU64::new(0),
            idle_detector: IdleDetector::new(),
        });
        let engine = engine.weak();
        let clock = Arc::clone(&state);
        let body = move || {
            while let Some(engine) = engine.upgrade() {
                engine.increment_epoch();
                drop(engine);
                clock.record_tick();
                each_tick();
                let is_idle = clock.idle_detector.try_idle();
                thread::park_timeout(if is_idle { IDLE_TICK } else { TICK });
            }
        };
        let thread = thread::Builder::new()
            .name("vitals-epoch".into())
            .spawn(body)?;
        Ok(Self {
            state,
            thread: thread.thread().clone(),
        })
    }

    /// Keeps the clock ticking every [`TICK`] until the guard is dropped.
    pub(super) fn keep_ticking(&self) -> TickGuard {
        // Waking a thread costs as much as a short run, so only an idle clock is woken.
        if self.state.idle_detector.run_started() {
            self.thread.unpark();
        }
        TickGuard(Arc::clone(&self.state))
    }

    pub(super) fn ticks(&self) -> u64 {
        self.state.ticks.load(Ordering::Relaxed)
    }

    /// The time since the last tick. It stays below a second unless the clock is stuck.
    pub(super) fn since_last_tick(&self) -> Duration {
        let last = Duration::from_millis(self.state.last_tick_ms.load(Ordering::Relaxed));
        self.state.started.elapsed().saturating_sub(last)
    }
}

impl ClockState {
    fn record_tick(&self) {
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_tick_ms.store(now, Ordering::Relaxed);
        self.ticks.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for TickGuard {
    fn drop(&mut self) {
        self.0.idle_detector.run_ended();
    }
}

/// Memory slots of 4 GiB that fit into the 47-bit address space of a process. It is less than all
/// runs could use only with 1,024 parallel runs or more.
const MEMORY_SLOTS: u32 = 8 << 10;

/// Limits on the shape of a component, checked at admission.
pub(super) const MAX_CORE_INSTANCES: u32 = 64;
pub(super) const MAX_MEMORIES: u32 = 8;
pub(super) const MAX_TABLES: u32 = 32;
/// What the host stores for a component's instances besides memories and tables: what they import,
/// define and refer to.
pub(super) const MAX_INSTANCE_BYTES: usize = 4 << 20;

/// The stack that guest code may use.
pub(super) const WASM_STACK: usize = 512 << 10;
/// Additional stack for host functions.
const HOST_STACK: usize = 1536 << 10;
/// Clearing up to this size is cheaper than decommitting the pages; beyond it is not. Where the
/// kernel reports written pages (Linux 6.7 and later), only those are cleared. A run of a small
/// guest then costs half as much, or a quarter with a second guest thread, because no page is
/// mapped again.
const KEEP_RESIDENT: usize = 64 << 10;
/// The slice of a guest, after which another guest gets the thread.
const TICK: Duration = Duration::from_millis(1);
const IDLE_TICK: Duration = Duration::from_millis(200);
/// The version of wasmtime that guests run on; a test compares it with the lock file.
pub const WASMTIME: &str = "48.0.8";
/// Compiled code is valid for exactly this engine and this host. (wasmtime by default compares the
/// major version only, and patch releases fix miscompilations.) Increment the number at the end
/// when other requirements on cached code change, such as its size.
pub(super) const CODE_VERSION: &str = concat!("48.0.8-vitals-", env!("CARGO_PKG_VERSION"), "-1");

#[cfg(test)]
mod tests {
    use super::*;

    fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
        let patience = Instant::now() + Duration::from_secs(10);
        while !condition() {
            assert!(Instant::now() < patience, "{what} never came about");
            thread::yield_now();
        }
    }

    #[test]
    fn a_stopped_clock_is_detected() {
        let engine = Engine::new(&settings().unwrap()).unwrap();
        let clock = EpochClock::start(&engine, || ()).unwrap();
        let _running = clock.keep_ticking();
        eventually("several ticks", || clock.ticks() > 3);
        // The thread exits with its engine.
        drop(engine);
        let second = Duration::from_secs(1);
        eventually("a standstill", || clock.since_last_tick() > second);
        let ticks = clock.ticks();
        eventually("a longer one", || clock.since_last_tick() > 2 * second);
        assert_eq!(clock.ticks(), ticks);
    }
}

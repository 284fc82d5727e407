//! The one engine for guest code: its settings, the pooling allocator, and the epoch thread.

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

/// Builds the engine with room for `runs` at once.
///
/// Instances come from a pool where the machine grants the address space for one, else they are
/// allocated on demand: slower by about 20 µs a run, and said in the log.
pub(super) fn build(runs: usize) -> wasmtime::Result<Engine> {
    if has_address_space_for_a_pool() {
        let mut config = settings()?;
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool_config(runs)));
        match Engine::new(&config) {
            Ok(engine) => return Ok(engine),
            Err(error) => {
                tracing::warn!(
                    error = error.to_string(),
                    "instance pool cannot be reserved, every run is slower"
                );
            }
        }
    } else {
        tracing::warn!(
            error = "the address space is limited (ulimit -v)",
            "instance pool cannot be reserved, every run is slower"
        );
    }
    build_without_pool()
}

/// Builds an engine that reserves nothing, for compiling: what it compiles, [`build`]'s engine runs,
/// because where instances come from is no matter of compiled code.
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

/// Sized so that every run can hold as much as one may: no guest can use up what others need. The
/// slots are reserved address space; memory is used as it is touched.
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
        // One module may have all of its component's: by itself wasmtime allows one.
        .max_memories_per_module(MAX_MEMORIES)
        .max_tables_per_module(MAX_TABLES)
        .max_component_instance_size(MAX_INSTANCE_BYTES)
        .max_core_instance_size(MAX_INSTANCE_BYTES)
        .table_elements(100_000)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(KEEP_RESIDENT)
        .async_stack_keep_resident(KEEP_RESIDENT)
        // One by one: a memory that waits in a batch is missed when a plugin goes and the pool is
        // purged of its modules; it comes back later, with an image that keeps all of their code.
        .decommit_batch_size(1)
        .pagemap_scan(Enabled::Auto);
    pool_config
}

/// Tries to reserve the address space of about a thousand memories, as `wasmtime serve` does: where
/// that fails, building the pool would too.
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

/// Moves the engine's epoch on, so that no guest keeps a thread for longer than a slice.
///
/// The thread ends with the engine. It ticks every [`TICK`] while guests run, and a few times a
/// second while none does.
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

/// Held while a guest runs, so that the clock keeps its pace.
#[derive(Debug)]
pub(super) struct TickGuard(Arc<ClockState>);

impl EpochClock {
    /// Starts the thread. It calls `each_tick` too.
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

    /// Keeps the clock at its pace until the guard is dropped.
    pub(super) fn keep_ticking(&self) -> TickGuard {
        // To wake a thread costs as much as a short run; one that is awake sees the run by itself.
        if self.state.idle_detector.run_started() {
            self.thread.unpark();
        }
        TickGuard(Arc::clone(&self.state))
    }

    /// How often the clock has ticked.
    pub(super) fn ticks(&self) -> u64 {
        self.state.ticks.load(Ordering::Relaxed)
    }

    /// How long ago it last did. A healthy clock never lets a second pass.
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

/// Memory slots of 4 GiB that fit into the 47 bits of address space of a process, with room to
/// spare; fewer than all runs could use only from 1,024 runs at once.
const MEMORY_SLOTS: u32 = 8 << 10;

/// Limits on the shape of a component, checked at admission.
pub(super) const MAX_CORE_INSTANCES: u32 = 64;
pub(super) const MAX_MEMORIES: u32 = 8;
pub(super) const MAX_TABLES: u32 = 32;
/// What the host holds of a component's instances, beside their memories and tables: what they import,
/// define and refer to.
pub(super) const MAX_INSTANCE_BYTES: usize = 4 << 20;

/// The stack that guest code may use.
pub(super) const WASM_STACK: usize = 512 << 10;
/// What host functions may use on top of it.
const HOST_STACK: usize = 1536 << 10;
/// Clearing up to here is cheaper than giving pages back; beyond it no longer is. Where the kernel
/// tells which pages were written (Linux 6.7 and later) only those are cleared and counted, and a
/// run of a small guest costs half as much, or a quarter with a second guest thread, because no page
/// is mapped anew.
const KEEP_RESIDENT: usize = 64 << 10;
/// The slice of a guest: after it another one gets the thread.
const TICK: Duration = Duration::from_millis(1);
const IDLE_TICK: Duration = Duration::from_millis(200);
/// The version of wasmtime that guests run on; a test holds it to the lock file.
pub const WASMTIME: &str = "48.0.8";
/// Compiled code is good for exactly this engine and this host. (By itself wasmtime compares the
/// major version only, and patch releases fix miscompilations.) The number at the end counts the changes
/// to what else is asked of code that is kept, such as its size.
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
    fn a_clock_whose_thread_has_ended_is_seen_to_stand_still() {
        let engine = Engine::new(&settings().unwrap()).unwrap();
        let clock = EpochClock::start(&engine, || ()).unwrap();
        let _running = clock.keep_ticking();
        eventually("several ticks", || clock.ticks() > 3);
        // The thread ends with its engine.
        drop(engine);
        let second = Duration::from_secs(1);
        eventually("a standstill", || clock.since_last_tick() > second);
        let ticks = clock.ticks();
        eventually("a longer one", || clock.since_last_tick() > 2 * second);
        assert_eq!(clock.ticks(), ticks);
    }
}

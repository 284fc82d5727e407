//! The baseline of a run: a loop around wasmtime alone, with the host's engine settings, limits and
//! component.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, ResourceTable, Val};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store,
    StoreContextMut, StoreLimits, StoreLimitsBuilder, UpdateDeadline,
};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::clock::{cpu_time, since};

mod contract {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "plugin",
        imports: { default: trappable },
        exports: { default: async },
    });
}

use contract::PluginPre;
use contract::vitals::health::types::Request;

pub(crate) struct Loop {
    engine: Engine,
    pre: PluginPre<State>,
    time: Time,
    runs: u32,
}

/// The limits on a guest's time that are armed.
#[derive(Clone, Copy)]
pub(crate) struct Time {
    pub(crate) fuel: bool,
    pub(crate) epoch: bool,
}

struct State {
    wasi: WasiCtx,
    table: ResourceTable,
    limits: StoreLimits,
    deadline: Instant,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl Loop {
    /// A loop with the limits of the host.
    pub(crate) fn new(guest: &Path) -> Result<Self> {
        let both = Time {
            fuel: true,
            epoch: true,
        };
        Self::with(guest, both, RUNS)
    }

    /// A loop that makes `runs` runs in each measurement.
    pub(crate) fn with(guest: &Path, time: Time, runs: u32) -> Result<Self> {
        let engine = Engine::new(&settings(time)).map_err(into_anyhow)?;
        let component = Component::from_file(&engine, guest)
            .map_err(into_anyhow)
            .context("the guest")?;
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(into_anyhow)?;
        trap_contract(&mut linker, &component)?;
        let pre = PluginPre::new(linker.instantiate_pre(&component).map_err(into_anyhow)?)
            .map_err(into_anyhow)?;
        let weak = engine.weak();
        std::thread::spawn(move || {
            while let Some(engine) = weak.upgrade() {
                engine.increment_epoch();
                std::thread::park_timeout(Duration::from_millis(1));
            }
        });
        Ok(Self {
            engine,
            pre,
            time,
            runs,
        })
    }

    /// Average CPU time of a run.
    pub(crate) fn micros_per_run(&self) -> Result<f64> {
        let before = cpu_time();
        for _ in 0..self.runs {
            futures_lite::future::block_on(self.run())?;
        }
        Ok(since(before).as_secs_f64() * 1e6 / f64::from(self.runs))
    }

    /// Average CPU time of a run on several threads at once.
    pub(crate) fn micros_per_run_on(&self, threads: usize) -> Result<f64> {
        let before = cpu_time();
        std::thread::scope(|scope| {
            let loops: Vec<_> = (0..threads)
                .map(|_| scope.spawn(|| self.micros_per_run()))
                .collect();
            loops.into_iter().try_for_each(|one| match one.join() {
                Ok(ran) => ran.map(|_| ()),
                Err(_) => Err(anyhow!("a thread of the bare loop panicked")),
            })
        })?;
        let runs = f64::from(self.runs) * f64::from(u32::try_from(threads)?);
        Ok(since(before).as_secs_f64() * 1e6 / runs)
    }

    async fn run(&self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(5);
        let state = State {
            wasi: WasiCtx::builder().build(),
            table: ResourceTable::new(),
            limits: StoreLimitsBuilder::new()
                .memory_size(64 << 20)
                .trap_on_grow_failure(true)
                .build(),
            deadline,
        };
        let mut store = Store::new(&self.engine, state);
        store.limiter(|state| &mut state.limits);
        if self.time.fuel {
            store.set_fuel(500_000_000).map_err(into_anyhow)?;
        }
        store.set_hostcall_fuel(2 << 20);
        store.set_max_component_handles(1_000);
        if self.time.epoch {
            store.set_epoch_deadline(1);
            store.epoch_deadline_callback(|context| {
                if Instant::now() >= context.data().deadline {
                    return Err(wasmtime::Error::msg("the deadline has passed"));
                }
                Ok(UpdateDeadline::Yield(1))
            });
        }
        let instance = self
            .pre
            .instantiate_async(&mut store)
            .await
            .map_err(into_anyhow)?;
        let request = Request {
            check: "hello".into(),
            config: "{}".into(),
            timeout_ms: 5_000,
            previous: None,
        };
        let check = instance.vitals_health_health_check();
        let outcome = check
            .call_check(&mut store, &request)
            .await
            .map_err(into_anyhow)?;
        outcome.map_err(|error| anyhow!("the guest failed: {error}"))?;
        Ok(())
    }
}

/// Links the functions of the contract as traps: the guest of the benchmark does not call them.
fn trap_contract(linker: &mut Linker<State>, component: &Component) -> Result<()> {
    let engine = linker.engine().clone();
    for (name, item) in component.component_type().imports(&engine) {
        let ComponentItem::ComponentInstance(interface) = item.ty else {
            continue;
        };
        if !name.starts_with("vitals:") {
            continue;
        }
        let mut linked = linker.instance(name).map_err(into_anyhow)?;
        for (function, item) in interface.exports(&engine) {
            if let ComponentItem::ComponentFunc(_) = item.ty {
                let refuse = |_: StoreContextMut<'_, State>, _, _: &[Val], _: &mut [Val]| {
                    Err(wasmtime::Error::msg(
                        "the guest of the benchmark calls nothing",
                    ))
                };
                linked.func_new(function, refuse).map_err(into_anyhow)?;
            }
        }
    }
    Ok(())
}

/// The engine settings of the host.
fn settings(time: Time) -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.max_core_instance_size(4 << 20)
        .max_component_instance_size(4 << 20)
        .total_memories(256)
        .linear_memory_keep_resident(64 << 10)
        .table_keep_resident(64 << 10)
        .async_stack_keep_resident(64 << 10)
        .decommit_batch_size(1)
        .pagemap_scan(Enabled::Auto);
    let mut config = Config::new();
    config
        .wasm_memory64(false)
        .consume_fuel(time.fuel)
        .epoch_interruption(time.epoch)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "`map_err` passes it by value"
)]
fn into_anyhow(error: wasmtime::Error) -> anyhow::Error {
    anyhow!("{error:#}")
}

const RUNS: u32 = 20_000;

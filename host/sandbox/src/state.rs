//! The data of one run in its store: WASI contexts, limits, network access.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use wasmtime::component::ResourceTable;
use wasmtime_wasi::sockets::WasiSocketsCtxView;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::egress::{Egress, EgressCtx, EgressView, NewSockets};
use super::engine::TickGuard;
use super::grants::Grants;
use super::limiter::MemoryLimiter;
use super::output::OutputTail;
use super::run_limits::MAX_RESOURCES;
use super::run_log::RunLog;
use vitals_io::blocking_pool::BlockingPool;

/// The data of a store. Each run has its own, so that nothing leaks between runs.
pub(super) struct State {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    pub(super) table: ResourceTable,
    pub(super) egress: Egress,
    pub(super) limiter: MemoryLimiter,
    pub(super) output: OutputTail,
    pub(super) run_log: RunLog,
    pub(super) grants: Arc<Grants>,
    pub(super) files: Arc<BlockingPool>,
    pub(super) deadline: Instant,
    /// Whether the guest was computing when it was last interrupted.
    pub(super) was_computing: Arc<AtomicBool>,
    /// Keeps the epoch clock ticking.
    _tick_guard: TickGuard,
}

impl State {
    pub(super) fn new(
        memory: u64,
        deadline: Instant,
        egress: Egress,
        grants: Arc<Grants>,
        files: Arc<BlockingPool>,
        run_log: RunLog,
        tick_guard: TickGuard,
    ) -> Self {
        let output = OutputTail::new(Arc::clone(&run_log.secrets));
        let mut wasi = WasiCtxBuilder::new();
        wasi.stdout(output.clone())
            .stderr(output.clone())
            .envs(grants.environment())
            .max_random_size(RANDOM_BYTES)
            .allow_tcp(true)
            .allow_udp(true)
            .socket_addr_check(egress.socket_check());
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(HEADER_BYTES);
        let mut table = ResourceTable::new();
        // The store limits the number of handles. One handle can have two entries: a timer and its
        // pollable.
        table.set_max_capacity(2 * MAX_RESOURCES);
        Self {
            wasi: wasi.build(),
            http,
            table,
            egress,
            limiter: MemoryLimiter::new(memory),
            output,
            run_log,
            grants,
            files,
            deadline,
            was_computing: Arc::default(),
            _tick_guard: tick_guard,
        }
    }

    /// Creates the sockets of the run.
    pub(super) fn new_sockets(&mut self) -> NewSockets<'_> {
        NewSockets {
            egress: &self.egress,
            inner: WasiSocketsCtxView {
                ctx: self.wasi.sockets(),
                table: &mut self.table,
            },
        }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: &mut self.egress,
        }
    }
}

impl EgressView for State {
    fn egress(&mut self) -> EgressCtx<'_> {
        EgressCtx {
            egress: &mut self.egress,
            table: &mut self.table,
        }
    }
}

const RANDOM_BYTES: u64 = 1 << 20;
const HEADER_BYTES: usize = 64 << 10;

//! `vitals:health/system@0.1.0`.

use super::generated::vitals::health::system::{Disk, Host, Load, Memory, SystemError};
use crate::state::State;

impl Host for State {
    async fn disk_usage(&mut self, path: String) -> wasmtime::Result<Result<Disk, SystemError>> {
        let usage = self.disk_usage_of(&path).await;
        Ok(usage.map(Disk::from).map_err(SystemError::from))
    }

    async fn memory_usage(&mut self) -> wasmtime::Result<Result<Memory, SystemError>> {
        let usage = self.machine_memory().await;
        Ok(usage.map(Memory::from).map_err(SystemError::from))
    }

    async fn load_average(&mut self) -> wasmtime::Result<Result<Load, SystemError>> {
        let load = self.machine_load().await;
        Ok(load.map(Load::from).map_err(SystemError::from))
    }
}

convert_fields! {
    Disk { total_bytes, available_bytes, total_inodes, available_inodes }
    Memory { total_bytes, available_bytes, swap_total_bytes, swap_free_bytes }
    Load { one, five, fifteen, cpus }
}

convert_cases! {
    SystemError { Denied(why), Unavailable(why) }
}

//! `vitals:health/system@0.1.0`.

use super::generated::vitals::health::system::{Disk, Host, Load, Memory, SystemError};
use crate::contract;
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

impl From<contract::Disk> for Disk {
    fn from(disk: contract::Disk) -> Self {
        let contract::Disk {
            total_bytes,
            available_bytes,
            total_inodes,
            available_inodes,
        } = disk;
        Self {
            total_bytes,
            available_bytes,
            total_inodes,
            available_inodes,
        }
    }
}

impl From<contract::Memory> for Memory {
    fn from(memory: contract::Memory) -> Self {
        let contract::Memory {
            total_bytes,
            available_bytes,
            swap_total_bytes,
            swap_free_bytes,
        } = memory;
        Self {
            total_bytes,
            available_bytes,
            swap_total_bytes,
            swap_free_bytes,
        }
    }
}

impl From<contract::Load> for Load {
    fn from(load: contract::Load) -> Self {
        let contract::Load {
            one,
            five,
            fifteen,
            cpus,
        } = load;
        Self {
            one,
            five,
            fifteen,
            cpus,
        }
    }
}

impl From<contract::SystemError> for SystemError {
    fn from(error: contract::SystemError) -> Self {
        match error {
            contract::SystemError::Denied(why) => Self::Denied(why),
            contract::SystemError::Unavailable(why) => Self::Unavailable(why),
        }
    }
}

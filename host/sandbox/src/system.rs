//! Granted facts about the machine.
//!
//! They describe the machine, not the container: limits of control groups are ignored. The calls
//! run on the pool for files, because file systems can hang (`/proc` itself may be one in user
//! space).

use std::path::Path;

use super::contract::{Disk, Load, Memory, SystemError};
use super::files::{error_text, normalize};
use super::grants::Target;
use super::state::State;

impl State {
    /// The usage of the file system that holds a granted path.
    pub(super) async fn disk_usage_of(&mut self, path: &str) -> Result<Disk, SystemError> {
        let path = normalize(path).map_err(|reason| SystemError::Unavailable(reason.to_owned()))?;
        let fact = Target::Disk(path.clone());
        self.read_fact(&fact, move || disk(&path)).await
    }

    /// The machine's memory, if granted.
    pub(super) async fn machine_memory(&mut self) -> Result<Memory, SystemError> {
        self.read_fact(&Target::Memory, machine::memory).await
    }

    /// The machine's load, if granted.
    pub(super) async fn machine_load(&mut self) -> Result<Load, SystemError> {
        self.read_fact(&Target::Load, machine::load).await
    }

    async fn read_fact<T: Send + 'static>(
        &mut self,
        fact: &Target,
        read: impl FnOnce() -> Result<T, String> + Send + 'static,
    ) -> Result<T, SystemError> {
        if let Err(denial) = self.grants.permit_fact(fact) {
            return Err(SystemError::Denied(self.egress.deny(denial)));
        }
        match self.files.run(self.run_log.check.as_str(), read).await {
            Ok(answer) => answer.map_err(SystemError::Unavailable),
            Err(error) => Err(SystemError::Unavailable(error.to_string())),
        }
    }
}

/// Reads the usage without opening `path`, which can be a file of any kind.
fn disk(path: &Path) -> Result<Disk, String> {
    let usage = rustix::fs::statvfs(path).map_err(error_text)?;
    let bytes = |blocks: u64| blocks.saturating_mul(usage.f_frsize);
    Ok(Disk {
        total_bytes: bytes(usage.f_blocks),
        available_bytes: bytes(usage.f_bavail),
        total_inodes: usage.f_files,
        available_inodes: usage.f_favail,
    })
}

#[cfg(target_os = "linux")]
mod machine {
    use procfs::{Current as _, CurrentSI as _, KernelStats, LoadAverage, Meminfo};

    use super::{Load, Memory};

    pub(super) fn memory() -> Result<Memory, String> {
        let facts = Meminfo::current().map_err(|error| error.to_string())?;
        let available_bytes = facts
            .mem_available
            .ok_or("the kernel does not report the available memory")?;
        Ok(Memory {
            total_bytes: facts.mem_total,
            available_bytes,
            swap_total_bytes: facts.swap_total,
            swap_free_bytes: facts.swap_free,
        })
    }

    pub(super) fn load() -> Result<Load, String> {
        let facts = LoadAverage::current().map_err(|error| error.to_string())?;
        let kernel = KernelStats::current().map_err(|error| error.to_string())?;
        Ok(Load {
            one: hundredths(facts.one),
            five: hundredths(facts.five),
            fifteen: hundredths(facts.fifteen),
            cpus: u32::try_from(kernel.cpu_time.len()).unwrap_or(u32::MAX),
        })
    }

    /// Rounds to the two decimals that the kernel writes.
    fn hundredths(number: f32) -> f64 {
        (f64::from(number) * 100.0).round() / 100.0
    }
}

#[cfg(not(target_os = "linux"))]
mod machine {
    use super::{Load, Memory};

    pub(super) fn memory() -> Result<Memory, String> {
        Err(UNSUPPORTED.to_owned())
    }

    pub(super) fn load() -> Result<Load, String> {
        Err(UNSUPPORTED.to_owned())
    }

    const UNSUPPORTED: &str = "the host knows this on Linux only";
}

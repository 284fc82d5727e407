//! Facts about the host's machine: disks, memory and load.
//!
//! Each fact is granted by `allow.system` of the check, as in
//! `allow = { system = ["disk:/", "memory", "load"] }`. A setting with
//! `#[config(grant = "disk")]` also grants a disk. The facts describe the machine: limits of a
//! container that the host runs in are not considered.
//!
//! ```no_run
//! use vitals_sdk::prelude::*;
//! use std::path::PathBuf;
//!
//! /// Checks that the disk has room.
//! #[derive(Config)]
//! struct Settings {
//!     /// A path on the disk.
//!     #[config(grant = "disk")]
//!     path: PathBuf,
//!     #[config(default = 0.9)]
//!     degraded_above: f64,
//! }
//!
//! #[health_check(code = "disk")]
//! fn check(settings: Settings) -> Result<Outcome> {
//!     let used = system::disk(&settings.path)?.used_ratio();
//!     let outcome = if used > settings.degraded_above {
//!         Outcome::degraded("the disk is nearly full")
//!     } else {
//!         Outcome::healthy("the disk has room")
//!     };
//!     Ok(outcome.measure(ratio("disk_used", used).degraded_above(settings.degraded_above)))
//! }
//! ```
//!
//! Outside the host every call returns an error. In a [`World`](crate::testing::World) a test
//! defines the machine.

use std::path::Path;

use crate::operation_error::{NO_HOST, operation_error};
use crate::{Quantity, backend};

/// The usage of a file system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Disk {
    /// Total size.
    pub total_bytes: u64,
    /// Bytes available to an unprivileged user.
    pub available_bytes: u64,
    /// Total number of inodes; 0 if the file system does not count them.
    pub total_inodes: u64,
    /// Inodes available to an unprivileged user.
    pub available_inodes: u64,
}

impl Disk {
    /// Returns the used share, from 0 to 1. Space reserved for the superuser counts as used.
    pub fn used_ratio(&self) -> f64 {
        used(self.total_bytes, self.available_bytes)
    }

    /// Returns the used share of the inodes, or 0 if the file system does not count them.
    pub fn used_inodes_ratio(&self) -> f64 {
        used(self.total_inodes, self.available_inodes)
    }
}

/// The memory of the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Memory that the kernel can use.
    pub total_bytes: u64,
    /// Memory available to new programs without swapping, including reclaimable caches.
    pub available_bytes: u64,
    /// Size of the swap space, 0 without swap.
    pub swap_total_bytes: u64,
    /// Free swap space.
    pub swap_free_bytes: u64,
}

impl Memory {
    /// Returns the used share, from 0 to 1; reclaimable caches do not count as used.
    pub fn used_ratio(&self) -> f64 {
        used(self.total_bytes, self.available_bytes)
    }

    /// Returns the share available to new programs, from 0 to 1.
    pub fn available_ratio(&self) -> f64 {
        1.0 - used(self.total_bytes, self.available_bytes)
    }

    /// Returns the used share of the swap space, from 0 to 1; 0 without swap.
    pub fn swap_used_ratio(&self) -> f64 {
        used(self.swap_total_bytes, self.swap_free_bytes)
    }
}

/// The load averages: how many tasks run or wait for a processor or a disk.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Load {
    /// Over the last minute.
    pub one: f64,
    /// Over the last five minutes.
    pub five: f64,
    /// Over the last fifteen minutes.
    pub fifteen: f64,
    /// Processors that are online.
    pub cpus: u32,
}

impl Load {
    /// Returns the one-minute load per processor. Above 1 there is more work than the processors
    /// can do.
    pub fn one_per_cpu(&self) -> f64 {
        self.one / f64::from(self.cpus.max(1))
    }

    /// Returns the five-minute load per processor.
    pub fn five_per_cpu(&self) -> f64 {
        self.five / f64::from(self.cpus.max(1))
    }

    /// Returns the fifteen-minute load per processor.
    pub fn fifteen_per_cpu(&self) -> f64 {
        self.fifteen / f64::from(self.cpus.max(1))
    }
}

/// Returns the usage of the file system that holds `path`.
///
/// ```
/// use vitals_sdk::prelude::*;
/// # use vitals_sdk::{system::Disk, testing::World};
///
/// # let world = World::new();
/// # world.disk("/", Disk { total_bytes: 40 << 30, available_bytes: 8 << 30, ..Disk::default() });
/// # world.run(|| {
/// let disk = system::disk("/srv")?;
/// assert_eq!(percent_text(disk.used_ratio()), "80 %");
/// assert_eq!(bytes_text(disk.available_bytes), "8 GiB");
/// # Ok::<(), Error>(())
/// # })?;
/// # Ok::<(), Error>(())
/// ```
pub fn disk(path: impl AsRef<Path>) -> Result<Disk, Error> {
    let path = path.as_ref().to_string_lossy();
    backend::disk_usage(&path)
        .map_err(|problem| Error::new(format!("read the disk usage of {path}"), problem))
}

/// Returns the total and available memory of the machine.
///
/// ```
/// use vitals_sdk::prelude::*;
/// # use vitals_sdk::{system::Memory, testing::World};
///
/// # let world = World::new();
/// # world.memory(Memory { total_bytes: 8 << 30, available_bytes: 2 << 30, ..Memory::default() });
/// # world.run(|| {
/// let memory = system::memory()?;
/// let outcome = Outcome::healthy(format!("{} available", bytes_text(memory.available_bytes)))
///     .measure(ratio("memory_used", memory.used_ratio()).degraded_above(0.9));
/// # assert_eq!(outcome.message(), "2 GiB available");
/// # Ok::<(), Error>(())
/// # })?;
/// # Ok::<(), Error>(())
/// ```
pub fn memory() -> Result<Memory, Error> {
    backend::memory_usage().map_err(|problem| Error::new("read the memory usage".into(), problem))
}

/// Returns the load averages of the machine.
///
/// ```no_run
/// use vitals_sdk::prelude::*;
///
/// # fn example() -> Result<()> {
/// let load = system::load()?;
/// let outcome = Outcome::healthy("").measure(ratio("load_per_cpu", load.five_per_cpu()));
/// # Ok(())
/// # }
/// ```
pub fn load() -> Result<Load, Error> {
    backend::load_average().map_err(|problem| Error::new("read the load".into(), problem))
}

operation_error! {
    /// A fact that could not be read:
    /// `cannot read the load: denied: system load (add it to …)`.
}

impl Error {
    /// Returns whether the operator has not granted the fact.
    pub fn is_denied(&self) -> bool {
        matches!(self.problem, Problem::Denied(_))
    }
}

/// Why a fact could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The fact is not granted; the text says what to grant.
    #[error("{0}")]
    Denied(String),
    /// The machine does not provide it.
    #[error("{0}")]
    Unavailable(String),
    /// The check does not run in a host.
    #[error("{}", NO_HOST)]
    NoHost,
}

/// Returns the part of `total` that is not `left`.
fn used(total: u64, left: u64) -> f64 {
    if total == 0 {
        return 0.0;
    }
    (total.saturating_sub(left)).quantity() / total.quantity()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_zero_where_the_total_is_zero() {
        let disk = Disk {
            total_bytes: 400,
            available_bytes: 100,
            total_inodes: 0,
            available_inodes: 0,
        };
        assert_eq!((disk.used_ratio(), disk.used_inodes_ratio()), (0.75, 0.0));
        let memory = Memory {
            total_bytes: 8,
            available_bytes: 9,
            swap_total_bytes: 4,
            swap_free_bytes: 0,
        };
        assert_eq!((memory.used_ratio(), memory.swap_used_ratio()), (0.0, 1.0));
        assert_eq!(memory.available_ratio().to_string(), "1");
        let load = Load {
            one: 3.0,
            five: 2.0,
            fifteen: 1.0,
            cpus: 2,
        };
        let per_cpu = [
            load.one_per_cpu(),
            load.five_per_cpu(),
            load.fifteen_per_cpu(),
        ];
        assert_eq!(format!("{per_cpu:?}"), "[1.5, 1.0, 0.5]");
        let unknown = Load { cpus: 0, ..load };
        assert_eq!(unknown.one_per_cpu().to_string(), "3");
    }

    #[test]
    fn every_call_outside_the_host_is_an_error() {
        assert_eq!(
            disk("/srv").unwrap_err().to_string(),
            format!("cannot read the disk usage of /srv: {NO_HOST}")
        );
        assert_eq!(memory().unwrap_err().problem(), &Problem::NoHost);
        assert!(!load().unwrap_err().is_denied());
    }
}

//! Facts about the machine that the host runs on: its disks, its memory, its load.
//!
//! They are granted one by one, by `allow.system` of the check, as in
//! `allow = { system = ["disk:/", "memory", "load"] }`; a disk also by a setting with
//! `#[config(grant = "disk")]`. They are facts of the machine: limits of a container that the host runs in
//! are left out.
//!
//! ```no_run
//! use vitals_sdk::prelude::*;
//! use std::path::PathBuf;
//!
//! /// Whether the disk has room.
//! #[derive(Config)]
//! struct Settings {
//!     /// A path on it.
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
//! Outside of the host every call answers with an error that says so, but in a
//! [`World`](crate::testing::World), where a test says what the machine is like.

use std::fmt;
use std::path::Path;

use crate::Quantity;
use crate::backend;

/// How full a file system is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Disk {
    /// Its size.
    pub total_bytes: u64,
    /// What an unprivileged user can still write.
    pub available_bytes: u64,
    /// How many files it has room for; 0 where it keeps no count.
    pub total_inodes: u64,
    /// How many more files an unprivileged user can make.
    pub available_inodes: u64,
}

impl Disk {
    /// The part that can't be written any more, from 0 to 1. What is kept back for the superuser counts
    /// as used.
    pub fn used_ratio(&self) -> f64 {
        used(self.total_bytes, self.available_bytes)
    }

    /// The same of its inodes; 0 where the file system keeps no count.
    pub fn used_inodes_ratio(&self) -> f64 {
        used(self.total_inodes, self.available_inodes)
    }
}

/// How much memory the machine has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// All of it that the kernel can use.
    pub total_bytes: u64,
    /// What new programs can have without swapping, caches that can be dropped included.
    pub available_bytes: u64,
    /// The size of the swap space; 0 where there is none.
    pub swap_total_bytes: u64,
    /// What of it is free.
    pub swap_free_bytes: u64,
}

impl Memory {
    /// The part that is in use, from 0 to 1; caches that can be dropped are not.
    pub fn used_ratio(&self) -> f64 {
        used(self.total_bytes, self.available_bytes)
    }

    /// The part that new programs can have, from 0 to 1.
    pub fn available_ratio(&self) -> f64 {
        1.0 - used(self.total_bytes, self.available_bytes)
    }

    /// The part of the swap space that is in use, from 0 to 1; 0 where there is none.
    pub fn swap_used_ratio(&self) -> f64 {
        used(self.swap_total_bytes, self.swap_free_bytes)
    }
}

/// How many tasks run or wait for a processor or a disk, on average.
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
    /// The load of the last minute for each processor: above 1 there is more to do than can be done.
    pub fn one_per_cpu(&self) -> f64 {
        self.one / f64::from(self.cpus.max(1))
    }

    /// The load of the last five minutes for each processor.
    pub fn five_per_cpu(&self) -> f64 {
        self.five / f64::from(self.cpus.max(1))
    }

    /// The load of the last fifteen minutes for each processor.
    pub fn fifteen_per_cpu(&self) -> f64 {
        self.fifteen / f64::from(self.cpus.max(1))
    }
}

/// How full the file system is that holds `path`.
///
/// ```
/// use vitals_sdk::prelude::*;
/// # use vitals_sdk::{system::Disk, testing::World};
///
/// # let world = World::new();
/// # world.disk("/", Disk { total_bytes: 40 << 30, available_bytes: 8 << 30, ..Disk::default() });
/// # world.run(|| {
/// let disk = system::disk("/srv")?;
/// assert_eq!(share_text(disk.used_ratio()), "80 %");
/// assert_eq!(bytes_text(disk.available_bytes), "8 GiB");
/// # Ok::<(), Error>(())
/// # })?;
/// # Ok::<(), Error>(())
/// ```
pub fn disk(path: impl AsRef<Path>) -> Result<Disk, Error> {
    let path = path.as_ref().to_string_lossy();
    backend::disk_usage(&path).map_err(|problem| Error {
        fact: format!("the disk usage of {path}"),
        problem,
    })
}

/// How much memory the machine has, and how much of it is available.
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
    backend::memory_usage().map_err(|problem| Error {
        fact: "the memory usage".to_owned(),
        problem,
    })
}

/// How busy the machine is.
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
    backend::load_average().map_err(|problem| Error {
        fact: "the load".to_owned(),
        problem,
    })
}

/// A fact that is not known: `cannot tell the load: denied: system load (add it to …)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    fact: String,
    problem: Problem,
}

impl Error {
    /// Why not.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Whether the operator has not granted it.
    pub fn is_denied(&self) -> bool {
        matches!(self.problem, Problem::Denied(_))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot tell {}: {}", self.fact, self.problem)
    }
}

impl std::error::Error for Error {}

/// Why a fact is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Not granted; the text says what the operator would have to write.
    #[error("{0}")]
    Denied(String),
    /// The machine does not tell.
    #[error("{0}")]
    Unavailable(String),
    /// There is no host here.
    #[error("nothing is known of the machine outside of the host")]
    NoHost,
}

/// The part of `total` that is not `left`.
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
    fn ratios_are_of_what_there_is() {
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
    fn without_a_host_every_call_says_so() {
        assert_eq!(
            disk("/srv").unwrap_err().to_string(),
            "cannot tell the disk usage of /srv: nothing is known of the machine outside of the host"
        );
        assert_eq!(memory().unwrap_err().problem(), &Problem::NoHost);
        assert!(!load().unwrap_err().is_denied());
    }
}

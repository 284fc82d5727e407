//! The machine facts of a world: disks, memory and load.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{World, lock};
use crate::system::{Disk, Load, Memory, Problem};

/// The defined facts.
#[derive(Default)]
pub(super) struct Machine {
    /// By mount point.
    disks: BTreeMap<PathBuf, Fact<Disk>>,
    memory: Option<Fact<Memory>>,
    load: Option<Fact<Load>>,
}

/// A machine fact, or why it is unavailable. It converts from either:
///
/// ```
/// use vitals_sdk::system::{self, Load, Problem};
/// use vitals_sdk::testing::World;
///
/// let world = World::new();
/// world.load(Load { one: 3.5, cpus: 4, ..Load::default() });
/// assert_eq!(world.run(system::load)?.one, 3.5);
///
/// world.load(Problem::Denied("denied: system load".to_owned()));
/// assert!(world.run(system::load).unwrap_err().is_denied());
/// # Ok::<(), system::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Fact<T>(Result<T, Problem>);

impl<T> From<Problem> for Fact<T> {
    fn from(problem: Problem) -> Self {
        Self(Err(problem))
    }
}

impl From<Disk> for Fact<Disk> {
    fn from(disk: Disk) -> Self {
        Self(Ok(disk))
    }
}

impl From<Memory> for Fact<Memory> {
    fn from(memory: Memory) -> Self {
        Self(Ok(memory))
    }
}

impl From<Load> for Fact<Load> {
    fn from(load: Load) -> Self {
        Self(Ok(load))
    }
}

impl World {
    /// Mounts a disk: `path` and everything below it are on this disk.
    ///
    /// ```
    /// use vitals_sdk::{system, system::Disk, testing::World};
    ///
    /// let world = World::new();
    /// world.disk("/", Disk { total_bytes: 100, available_bytes: 90, ..Disk::default() });
    /// world.disk("/srv", Disk { total_bytes: 100, available_bytes: 7, ..Disk::default() });
    /// assert_eq!(world.run(|| system::disk("/srv/data"))?.used_ratio(), 0.93);
    /// # Ok::<(), system::Error>(())
    /// ```
    pub fn disk(&self, path: impl AsRef<Path>, disk: impl Into<Fact<Disk>>) {
        let path = path.as_ref().components().collect();
        lock(&self.0.machine).disks.insert(path, disk.into());
    }

    /// Defines the memory.
    ///
    /// ```
    /// use vitals_sdk::{system, system::Memory, testing::World};
    ///
    /// let world = World::new();
    /// world.memory(Memory { total_bytes: 8, available_bytes: 2, ..Memory::default() });
    /// assert_eq!(world.run(system::memory)?.used_ratio(), 0.75);
    /// # Ok::<(), system::Error>(())
    /// ```
    pub fn memory(&self, memory: impl Into<Fact<Memory>>) {
        lock(&self.0.machine).memory = Some(memory.into());
    }

    /// Defines the load.
    ///
    /// ```
    /// use vitals_sdk::{system, system::Load, testing::World};
    ///
    /// let world = World::new();
    /// world.load(Load { one: 6.0, five: 2.0, fifteen: 0.5, cpus: 4 });
    /// assert_eq!(world.run(system::load)?.one_per_cpu(), 1.5);
    /// # Ok::<(), system::Error>(())
    /// ```
    pub fn load(&self, load: impl Into<Fact<Load>>) {
        lock(&self.0.machine).load = Some(load.into());
    }

    pub(crate) fn disk_usage(&self, path: &str) -> Result<Disk, Problem> {
        let found = {
            let machine = lock(&self.0.machine);
            let mut above = Path::new(path).ancestors();
            above.find_map(|path| machine.disks.get(path).cloned())
        };
        self.fact_or_error(found, &format!("the disk of {path}"), "disk")
    }

    pub(crate) fn memory_usage(&self) -> Result<Memory, Problem> {
        let found = lock(&self.0.machine).memory.clone();
        self.fact_or_error(found, "the memory", "memory")
    }

    pub(crate) fn load_average(&self) -> Result<Load, Problem> {
        let found = lock(&self.0.machine).load.clone();
        self.fact_or_error(found, "the load", "load")
    }

    fn fact_or_error<T>(
        &self,
        fact: Option<Fact<T>>,
        what: &str,
        method: &str,
    ) -> Result<T, Problem> {
        fact.map_or_else(
            || {
                let text = self.unexpected(format!(
                    "the test does not define {what}: use `World::{method}`"
                ));
                Err(Problem::Unavailable(text))
            },
            |fact| fact.0,
        )
    }
}

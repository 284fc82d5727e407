//! Files and facts of the machine: none without a host that was granted them.

use crate::files::{Metadata, Problem};
use crate::system::{Disk, Load, Memory, Problem as Unknown};

pub(crate) fn stat(_path: &str) -> Result<Metadata, Problem> {
    Err(Problem::NoHost)
}

pub(crate) fn read(_path: &str, _offset: u64, _max: u32) -> Result<Vec<u8>, Problem> {
    Err(Problem::NoHost)
}

pub(crate) fn entries(_path: &str) -> Result<Vec<String>, Problem> {
    Err(Problem::NoHost)
}

pub(crate) fn disk_usage(_path: &str) -> Result<Disk, Unknown> {
    Err(Unknown::NoHost)
}

pub(crate) fn memory_usage() -> Result<Memory, Unknown> {
    Err(Unknown::NoHost)
}

pub(crate) fn load_average() -> Result<Load, Unknown> {
    Err(Unknown::NoHost)
}

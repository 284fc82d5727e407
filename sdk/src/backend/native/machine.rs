//! Files and machine facts of a test's world. Without a world there are none.

use crate::files::{Metadata, Problem};
use crate::system::{Disk, Load, Memory, Problem as Unknown};
use crate::testing::current;

pub(crate) fn stat(path: &str) -> Result<Metadata, Problem> {
    current().ok_or(Problem::NoHost)?.stat(path)
}

pub(crate) fn read(path: &str, offset: u64, max: u32) -> Result<Vec<u8>, Problem> {
    current().ok_or(Problem::NoHost)?.read(path, offset, max)
}

pub(crate) fn entries(path: &str) -> Result<Vec<String>, Problem> {
    current().ok_or(Problem::NoHost)?.entries(path)
}

pub(crate) fn disk_usage(path: &str) -> Result<Disk, Unknown> {
    current().ok_or(Unknown::NoHost)?.disk_usage(path)
}

pub(crate) fn memory_usage() -> Result<Memory, Unknown> {
    current().ok_or(Unknown::NoHost)?.memory_usage()
}

pub(crate) fn load_average() -> Result<Load, Unknown> {
    current().ok_or(Unknown::NoHost)?.load_average()
}

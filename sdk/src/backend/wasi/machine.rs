//! Files and machine facts, read through the host.

use crate::backend::bindings::vitals::health::{files, system};
use crate::files::{Metadata, Problem};
use crate::system::{Disk, Load, Memory, Problem as Unknown};

pub(crate) fn stat(path: &str) -> Result<Metadata, Problem> {
    let found = files::stat(path).map_err(problem)?;
    Ok(Metadata {
        is_directory: found.is_directory,
        size_bytes: found.size_bytes,
        modified: found.modified,
    })
}

pub(crate) fn read(path: &str, offset: u64, max: u32) -> Result<Vec<u8>, Problem> {
    files::read(path, offset, max).map_err(problem)
}

pub(crate) fn entries(path: &str) -> Result<Vec<String>, Problem> {
    files::entries(path).map_err(problem)
}

pub(crate) fn disk_usage(path: &str) -> Result<Disk, Unknown> {
    let found = system::disk_usage(path).map_err(unknown)?;
    Ok(Disk {
        total_bytes: found.total_bytes,
        available_bytes: found.available_bytes,
        total_inodes: found.total_inodes,
        available_inodes: found.available_inodes,
    })
}

pub(crate) fn memory_usage() -> Result<Memory, Unknown> {
    let found = system::memory_usage().map_err(unknown)?;
    Ok(Memory {
        total_bytes: found.total_bytes,
        available_bytes: found.available_bytes,
        swap_total_bytes: found.swap_total_bytes,
        swap_free_bytes: found.swap_free_bytes,
    })
}

pub(crate) fn load_average() -> Result<Load, Unknown> {
    let found = system::load_average().map_err(unknown)?;
    Ok(Load {
        one: found.one,
        five: found.five,
        fifteen: found.fifteen,
        cpus: found.cpus,
    })
}

fn problem(error: files::FileError) -> Problem {
    match error {
        files::FileError::Denied(why) => Problem::Denied(why),
        files::FileError::NotFound => Problem::NotFound,
        files::FileError::Failed(why) => Problem::Failed(why),
    }
}

fn unknown(error: system::SystemError) -> Unknown {
    match error {
        system::SystemError::Denied(why) => Unknown::Denied(why),
        system::SystemError::Unavailable(why) => Unknown::Unavailable(why),
    }
}

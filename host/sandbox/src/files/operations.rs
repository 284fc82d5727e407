//! What is read of a place: its metadata, its bytes, the names in it.
//!
//! All of it blocks, and runs on the pool. It asks [`GrantedFile`] for everything that has a path.

use std::path::Path;

use rustix::buffer::spare_capacity;
use rustix::fs::Dir;
use rustix::io::Errno;

use super::access_error::{AccessError, error_text};
use super::granted_file::GrantedFile;
use crate::contract::Metadata;
use crate::grants::Grants;

/// What is known of a file or directory.
pub(super) fn stat(asked: &Path, grants: &Grants) -> Result<Metadata, AccessError> {
    let file = GrantedFile::find(asked, grants)?;
    let stat = file.stat();
    Ok(Metadata {
        is_directory: file.is_directory(),
        size_bytes: u64::try_from(stat.st_size).unwrap_or_default(),
        modified: stat.st_mtime,
    })
}

/// Up to `max` bytes of a file, at most [`MAX_READ_BYTES`]; fewer only at its end.
pub(super) fn read(
    asked: &Path,
    grants: &Grants,
    offset: u64,
    max: u32,
) -> Result<Vec<u8>, AccessError> {
    let file = GrantedFile::find(asked, grants)?;
    if file.is_directory() {
        return Err(AccessError::failed("it is a directory"));
    }
    let descriptor = file.open()?;
    let max = usize::try_from(max)
        .unwrap_or(MAX_READ_BYTES)
        .min(MAX_READ_BYTES);
    let mut bytes = Vec::with_capacity(max);
    while bytes.len() < max {
        let at = offset.saturating_add(bytes.len() as u64);
        // No file reaches so far, and the system would take the end for a negative number.
        if at > MAX_OFFSET {
            break;
        }
        // A vector may have more room than was asked for.
        let room = spare_capacity(&mut bytes);
        match rustix::io::pread(&descriptor, room, at) {
            Ok(0) => break,
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(AccessError::Failed(error_text(error))),
        }
    }
    bytes.truncate(max);
    Ok(bytes)
}

/// The names in a directory, sorted; of more than [`MAX_NAMES`] those that the file system tells first.
pub(super) fn list(asked: &Path, grants: &Grants) -> Result<Vec<String>, AccessError> {
    let file = GrantedFile::find(asked, grants)?;
    if !file.is_directory() {
        return Err(AccessError::failed("it is no directory"));
    }
    let mut names = Vec::new();
    for entry in Dir::new(file.open()?)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name == b"." || name == b".." {
            continue;
        }
        names.push(String::from_utf8_lossy(name).into_owned());
        if names.len() == MAX_NAMES {
            break;
        }
    }
    names.sort();
    Ok(names)
}

/// What one call reads at most.
const MAX_READ_BYTES: usize = 1 << 20;
/// Where every file has ended: the largest offset less one call.
const MAX_OFFSET: u64 = u64::MAX / 2 - (2 << 20);
/// As the contract has it.
const MAX_NAMES: usize = 10_000;

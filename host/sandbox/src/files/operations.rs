//! The operations on a file: its metadata, its bytes, and the names in a directory.
//!
//! They block and run on the pool. Only [`GrantedFile`] uses paths.

use std::path::Path;

use rustix::buffer::spare_capacity;
use rustix::fs::Dir;
use rustix::io::Errno;

use super::access_error::{AccessError, error_text};
use super::granted_file::GrantedFile;
use crate::contract::Metadata;
use crate::grants::Grants;

pub(super) fn stat(asked: &Path, grants: &Grants) -> Result<Metadata, AccessError> {
    let file = GrantedFile::find(asked, grants)?;
    Ok(Metadata {
        is_directory: file.is_directory(),
        size_bytes: u64::try_from(file.stat.st_size).unwrap_or_default(),
        modified: file.stat.st_mtime,
    })
}

/// Reads up to `max` bytes of a file, at most [`MAX_READ_BYTES`]; fewer only at its end.
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
        // No file is that long, and `pread` would treat the end of the range as negative.
        if at > MAX_OFFSET {
            break;
        }
        // A vector may have more capacity than requested.
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

/// The sorted names in a directory. Beyond [`MAX_NAMES`] only the first ones of the file system.
pub(super) fn list(asked: &Path, grants: &Grants) -> Result<Vec<String>, AccessError> {
    let file = GrantedFile::find(asked, grants)?;
    if !file.is_directory() {
        return Err(AccessError::failed("it is not a directory"));
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

const MAX_READ_BYTES: usize = 1 << 20;
/// An offset beyond the end of every file: the maximum less one call.
const MAX_OFFSET: u64 = u64::MAX / 2 - (2 << 20);
/// The limit of the contract.
const MAX_NAMES: usize = 10_000;

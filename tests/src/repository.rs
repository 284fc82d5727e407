//! Files of the repository, for tests that compare them with what the host does.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::guests;

/// Reads a text file, by its path in the repository.
///
/// # Panics
///
/// Panics if it cannot be read.
pub fn read(path: impl AsRef<Path>) -> String {
    let path = guests::root().join(path);
    let text = fs::read_to_string(&path);
    text.unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

/// Returns all Rust sources below a directory, each with its path in the repository. Links are left
/// out: they lead to sources of other crates.
///
/// # Panics
///
/// Panics if the directory cannot be read.
pub fn sources(directory: impl AsRef<Path>) -> Vec<(PathBuf, String)> {
    let directory = directory.as_ref();
    let entries = fs::read_dir(guests::root().join(directory));
    let entries = entries.unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.expect("an entry");
        let kind = entry.file_type().expect("an entry has a type");
        let path = directory.join(entry.file_name());
        if kind.is_dir() {
            found.extend(sources(path));
        } else if kind.is_file() && path.extension() == Some(OsStr::new("rs")) {
            found.push((path.clone(), read(path)));
        }
    }
    found
}

//! Inputs that failed once: `tests/fuzz-corpus/<target>/`, each as small as it could be made, tried
//! before all others.

use std::fs;
use std::path::PathBuf;

use crate::guests;

/// What once failed in a target, in the order of the names of its files.
pub(super) fn regressions(target: &str) -> Vec<Vec<u8>> {
    let directory = directory().join(target);
    let Ok(entries) = fs::read_dir(&directory) else {
        return Vec::new();
    };
    let mut files: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    files.sort();
    files
        .iter()
        .map(|file| {
            fs::read(file).unwrap_or_else(|error| panic!("cannot read {}: {error}", file.display()))
        })
        .collect()
}

fn directory() -> PathBuf {
    guests::root().join("tests/fuzz-corpus")
}

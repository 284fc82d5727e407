//! A directory of its own for each test, with the directories of a host in it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::guests;

/// A plugins directory and a library in a temporary directory that goes when this is dropped.
#[derive(Debug)]
pub struct Place(TempDir);

impl Place {
    /// Makes the directories.
    ///
    /// # Panics
    ///
    /// They can't be made.
    #[expect(clippy::new_without_default, reason = "it writes to the disk")]
    pub fn new() -> Self {
        let place = Self(TempDir::with_prefix("vitals-test-").expect("cannot make a directory"));
        for directory in [place.plugins(), place.library()] {
            fs::create_dir(directory).expect("cannot make a directory");
        }
        place
    }

    /// The directory of it all.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// The plugins directory.
    pub fn plugins(&self) -> PathBuf {
        self.path().join("plugins")
    }

    /// The library.
    pub fn library(&self) -> PathBuf {
        self.path().join("library")
    }

    /// Writes a file whole: nobody sees half of it.
    ///
    /// # Panics
    ///
    /// It can't be written.
    pub fn write(&self, file: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(file);
        write_atomically(&path, content)
            .unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
        path
    }

    /// A directory for compiled code that all tests share, so that each guest is compiled once.
    pub(crate) fn cache() -> PathBuf {
        guests::target().join("test-cache")
    }
}

/// Replaces a file at once.
pub(crate) fn write_atomically(path: &Path, content: impl AsRef<[u8]>) -> io::Result<()> {
    let unfinished = path.with_extension("unfinished");
    fs::write(&unfinished, content)?;
    fs::rename(unfinished, path)
}

//! A directory for each test, with the directories of a host.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::guests;

/// A plugins directory and a library in a temporary directory, removed on drop.
#[derive(Debug)]
pub struct Place(TempDir);

impl Place {
    /// Makes the directories.
    ///
    /// # Panics
    ///
    /// Panics if they cannot be made.
    #[expect(clippy::new_without_default, reason = "it writes to the disk")]
    pub fn new() -> Self {
        let place = Self(TempDir::with_prefix("vitals-test-").expect("cannot make a directory"));
        for directory in [place.plugins(), place.library()] {
            fs::create_dir(directory).expect("cannot make a directory");
        }
        place
    }

    /// The directory that contains all.
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

    /// Writes a plugin into the plugins directory.
    pub fn write_plugin(&self, name: &str, guest: impl Into<Vec<u8>>) -> PathBuf {
        self.write(&format!("plugins/{name}.wasm"), guest.into())
    }

    /// Writes a file as a whole: no reader sees half of it.
    ///
    /// # Panics
    ///
    /// Panics if it cannot be written.
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

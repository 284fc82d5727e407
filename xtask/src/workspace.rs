//! Paths in the repository, and atomic writes of files.
//!
//! It must not know what the files are for.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask is a directory of the repository")
}

/// The build directory. `CARGO_TARGET_DIR` does not change it, because the demo's configuration and the
/// tests contain its path.
pub(crate) fn target() -> PathBuf {
    root().join("target")
}

/// Copies a file if its content differs, so that a watcher of `to` sees only real changes. The new content
/// replaces the old one atomically.
///
/// # Errors
///
/// The source cannot be read, or the destination cannot be written.
pub(crate) fn copy_if_changed(from: &Path, to: &Path) -> Result<()> {
    let content = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    write_if_changed(to, &content)
}

/// Writes a file if its content differs; see [`copy_if_changed`].
///
/// # Errors
///
/// The file cannot be written.
pub(crate) fn write_if_changed(to: &Path, content: &[u8]) -> Result<()> {
    if fs::read(to).is_ok_and(|present| present == content) {
        return Ok(());
    }
    let directory = to.parent().expect("a file has a parent directory");
    fs::create_dir_all(directory)
        .with_context(|| format!("cannot create {}", directory.display()))?;
    // Not `.wasm`, so that a host that watches the directory ignores the file.
    let unfinished = to.with_extension("unfinished");
    fs::write(&unfinished, content)
        .and_then(|()| fs::rename(&unfinished, to))
        .with_context(|| format!("cannot write {}", to.display()))
}

/// The entries of a directory that end in `.extension`, sorted by name. A missing directory has no
/// entries.
///
/// # Errors
///
/// The directory cannot be read.
pub(crate) fn files_with_extension(directory: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    if !directory.exists() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    let read = || format!("cannot read {}", directory.display());
    for entry in fs::read_dir(directory).with_context(read)? {
        let path = entry.with_context(read)?.path();
        if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_only_if_its_content_differs() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("new/a.wasm");
        write_if_changed(&file, b"one").unwrap();
        let long_ago = std::time::SystemTime::UNIX_EPOCH;
        fs::File::options()
            .write(true)
            .open(&file)
            .unwrap()
            .set_modified(long_ago)
            .unwrap();

        write_if_changed(&file, b"one").unwrap();
        assert_eq!(fs::metadata(&file).unwrap().modified().unwrap(), long_ago);

        write_if_changed(&file, b"two").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"two");
        assert!(
            files_with_extension(file.parent().unwrap(), "unfinished")
                .unwrap()
                .is_empty()
        );
    }
}

//! The files in the plugins directory and in the library. The module reads names and links and
//! opens no file.

mod listing;
mod plugin_file;

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

pub(crate) use self::listing::{Keep, link_directories};
use self::listing::{MAX_FILES, MAX_INVALID_FILES, identity, list};
use self::plugin_file::PluginFiles;
pub(crate) use self::plugin_file::{InvalidPluginFile, PluginFile};
use vitals_config::Plugins;
use vitals_io::regular_file::is_host_error;

/// The result of scanning the directories.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Files {
    pub(super) dir: PathBuf,
    pub(super) library: PathBuf,
    /// Whether `dir` and `library` are the same directory.
    pub(super) is_one_directory: bool,
    pub(super) in_dir: PluginFiles,
    /// The files that checks name.
    pub(super) in_library: PluginFiles,
    /// The files in the plugins directory with an invalid plugin name.
    pub(super) invalid: Vec<InvalidPluginFile>,
    /// The number of files in the plugins directory that are ignored because there are too many.
    left_out: usize,
    /// Files that were missing at this scan and may return shortly.
    missing: BTreeSet<PathBuf>,
    /// The symbolic links among the files of each directory.
    links: BTreeSet<PathBuf>,
    library_links: BTreeSet<PathBuf>,
    /// Why the plugins directory could not be read.
    pub(crate) error: Option<DirectoryError>,
    /// Why the library could not be read, if it exists.
    pub(crate) library_error: Option<DirectoryError>,
}

/// The plugins directory or the library can't be read. Plugins loaded from it keep running.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{failure} {path}: {why}{remedy}")]
pub(crate) struct DirectoryError {
    failure: &'static str,
    path: String,
    why: String,
    remedy: &'static str,
    /// Whether the cause is the host itself, not the directory.
    pub(super) is_host_error: bool,
}

/// The plugins directory has more files than the host loads.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{left_out} files in the plugins directory {dir} are ignored: at most {MAX_FILES} files that no \
     check names are loaded, and {MAX_INVALID_FILES} with an invalid plugin name are shown; remove some"
)]
pub(crate) struct Excess {
    dir: String,
    pub(super) left_out: usize,
}

impl Files {
    /// Scans the directories that the configuration names. Blocks.
    pub(crate) fn scan(plugins: &Plugins, keep: &Keep) -> Self {
        let mut files = Self {
            dir: plugins.dir.clone(),
            library: plugins.library.clone(),
            is_one_directory: is_one(&plugins.dir, &plugins.library),
            ..Self::default()
        };
        match list(&plugins.dir, keep) {
            Err(_) if plugins.dir.as_os_str().is_empty() => {}
            Ok(listing) => {
                files.links = listing.links;
                files.in_dir = listing.files;
                files.invalid = listing.invalid_files;
                files.left_out = listing.left_out;
            }
            Err(error) => {
                files.error = Some(files.unreadable(&error.to_string(), is_host_error(&error)));
            }
        }
        if files.is_one_directory {
            let named = files.in_dir.iter();
            let named = named.filter(|(name, _)| keep.named.contains(*name));
            files.in_library = named
                .map(|(name, file)| (name.clone(), file.clone()))
                .collect();
            return files;
        }
        let named = Keep {
            named: keep.named.clone(),
            ..Keep::default()
        };
        // The library is optional. It exists where a package installed plugins.
        match list(&plugins.library, &named) {
            Ok(listing) => {
                files.library_links = listing.links;
                files.in_library = listing.files;
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                files.library_error =
                    Some(files.unreadable_library(&error.to_string(), is_host_error(&error)));
            }
        }
        files
    }

    /// Returns the result of a scan that did not finish, because of `why`.
    pub(crate) fn failed_scan(plugins: &Plugins, why: &str) -> Self {
        let mut files = Self {
            dir: plugins.dir.clone(),
            library: plugins.library.clone(),
            ..Self::default()
        };
        files.error = Some(files.unreadable(why, true));
        files.library_error = Some(files.unreadable_library(why, true));
        files
    }

    fn unreadable(&self, why: &str, is_host_error: bool) -> DirectoryError {
        DirectoryError {
            failure: "cannot read the plugins directory",
            path: self.dir.display().to_string(),
            why: why.to_owned(),
            remedy: "; make it, or set `plugins.dir` or VITALS_PLUGINS_DIR",
            is_host_error,
        }
    }

    fn unreadable_library(&self, why: &str, is_host_error: bool) -> DirectoryError {
        DirectoryError {
            failure: "cannot read the plugin library",
            path: self.library.display().to_string(),
            why: why.to_owned(),
            remedy: "; `plugins.library` names it",
            is_host_error,
        }
    }

    /// Returns how many files of the plugins directory are ignored, if any.
    pub(crate) fn excess(&self) -> Option<Excess> {
        let dir = self.dir.display().to_string();
        let left_out = self.left_out;
        (left_out > 0).then_some(Excess { dir, left_out })
    }

    /// Returns the symbolic links among the files.
    pub(crate) fn links(&self) -> BTreeSet<PathBuf> {
        self.links.union(&self.library_links).cloned().collect()
    }

    /// Returns whether a file was present, in a directory that could be read.
    pub(super) fn can_read(&self, path: &Path) -> bool {
        let lies_in = |dir: &PathBuf| path.parent() == Some(dir);
        !(self.missing.contains(path)
            || self.error.is_some() && lies_in(&self.dir)
            || self.library_error.is_some() && lies_in(&self.library))
    }

    /// Fills in the files of an earlier scan for each directory that could not be read.
    pub(super) fn with_earlier(mut self, earlier: &Self) -> Self {
        if self.error.is_some() {
            self.in_dir.clone_from(&earlier.in_dir);
            self.invalid.clone_from(&earlier.invalid);
            self.left_out = earlier.left_out;
            self.is_one_directory = earlier.is_one_directory;
            self.links.clone_from(&earlier.links);
        }
        if self.library_error.is_some() {
            self.in_library.clone_from(&earlier.in_library);
            self.library_links.clone_from(&earlier.library_links);
        }
        self
    }

    /// Keeps files of an earlier scan that are missing now if `may_return` says that they may come
    /// back. Some editors move a file away before they write it again.
    pub(crate) fn with_missing(
        mut self,
        earlier: &Self,
        may_return: impl Fn(&Path) -> bool,
    ) -> Self {
        for (now, before) in [
            (&mut self.in_dir, &earlier.in_dir),
            (&mut self.in_library, &earlier.in_library),
        ] {
            for (name, file) in before {
                if !now.contains_key(name) && may_return(&file.path) {
                    now.insert(name.clone(), file.clone());
                    self.missing.insert(file.path.clone());
                }
            }
        }
        self
    }
}

/// Returns whether two paths lead to the same directory.
fn is_one(one: &Path, other: &Path) -> bool {
    one == other || identity(one).is_ok_and(|one| identity(other).is_ok_and(|it| it == one))
}

#[cfg(test)]
mod tests;

//! Lists the plugin files of one directory, within a bound on their number.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

use super::plugin_file::{InvalidPluginFile, PluginFile, PluginFiles};
use crate::catalog::Stamp;
use vitals_model::PluginName;

/// The plugins whose files are listed regardless of the number of other files.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keep {
    /// Plugins that checks of the configuration name.
    pub(in crate::catalog) named: BTreeSet<PluginName>,
    /// Plugins that were in the plugins directory before.
    pub(in crate::catalog) known: BTreeSet<PluginName>,
    /// Whether other files in the plugins directory are listed at all.
    pub(in crate::catalog) auto: bool,
}

/// The listed `.wasm` files of a directory.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) files: PluginFiles,
    pub(super) invalid_files: Vec<InvalidPluginFile>,
    pub(super) left_out: usize,
    /// The files that are symbolic links.
    pub(super) links: BTreeSet<PathBuf>,
}

/// Lists the `.wasm` files of a directory, without hidden ones: editors and copying tools create
/// those. Memory use is bounded regardless of the number of files.
///
/// If the directory is replaced during the reading, the listing would be incomplete, so it is read
/// again.
pub(super) fn list(dir: &Path, keep: &Keep) -> io::Result<Listing> {
    for _ in 0..MAX_READS {
        let before = identity(dir)?;
        let listing = read(dir, keep)?;
        if identity(dir)? == before {
            return Ok(listing);
        }
    }
    Err(io::Error::other("it is replaced each time it is read"))
}

/// Returns device and inode of the directory at a path.
pub(super) fn identity(dir: &Path) -> io::Result<(u64, u64)> {
    fs::metadata(dir).map(|it| (it.dev(), it.ino()))
}

fn read(dir: &Path, keep: &Keep) -> io::Result<Listing> {
    let mut listing = Listing::default();
    let (mut kept, mut known) = (BTreeSet::new(), BTreeSet::new());
    let mut others = Lowest::new(MAX_FILES);
    let mut invalid_files = Lowest::new(MAX_INVALID_FILES);
    for entry in fs::read_dir(dir)? {
        let file = entry?.file_name();
        let is_hidden = file.as_encoded_bytes().starts_with(b".");
        let path = Path::new(&file);
        if is_hidden || path.extension().is_none_or(|extension| extension != "wasm") {
            continue;
        }
        match path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .parse::<PluginName>()
        {
            Ok(name) if keep.named.contains(&name) => drop(kept.insert(name)),
            _ if !keep.auto => {}
            Ok(name) if keep.known.contains(&name) => drop(known.insert(name)),
            Ok(name) => others.insert(name),
            Err(_) => invalid_files.insert(file),
        }
    }
    others.truncate(MAX_FILES.saturating_sub(known.len()));
    listing.left_out = others.left_out + invalid_files.left_out;
    for name in kept.into_iter().chain(known).chain(others.items) {
        let path = dir.join(format!("{name}.wasm"));
        // If the file is gone by now, loading it fails.
        let metadata = fs::symlink_metadata(&path);
        let is_link = metadata.as_ref().is_ok_and(fs::Metadata::is_symlink);
        if is_link {
            listing.links.insert(path.clone());
        }
        let stamp = metadata.ok().filter(|_| !is_link);
        let stamp = stamp.map(|metadata| Stamp::new(&metadata));
        listing.files.insert(name, PluginFile { path, stamp });
    }
    let invalid_files = invalid_files.items.into_iter().filter_map(|file| {
        let error = Path::new(&file)
            .file_stem()?
            .to_string_lossy()
            .parse::<PluginName>()
            .err()?;
        Some(InvalidPluginFile::new(dir.join(&file), &error))
    });
    listing.invalid_files = invalid_files.collect();
    Ok(listing)
}

/// Keeps the lowest items, up to a limit, and counts the others.
struct Lowest<T> {
    limit: usize,
    items: BTreeSet<T>,
    left_out: usize,
}

impl<T: Ord> Lowest<T> {
    fn new(limit: usize) -> Self {
        Self {
            limit,
            items: BTreeSet::new(),
            left_out: 0,
        }
    }

    fn insert(&mut self, item: T) {
        self.items.insert(item);
        self.truncate(self.limit);
    }

    fn truncate(&mut self, limit: usize) {
        while self.items.len() > limit {
            self.items.pop_last();
            self.left_out += 1;
        }
    }
}

/// Returns the directories that links lead through. Changes to the targets of links are visible
/// only there. The paths are those that the links contain, so a directory that is itself a link is
/// followed to its current target. A directory may be missing, and looking for it may hang: blocks.
pub(crate) fn link_directories(links: &BTreeSet<PathBuf>) -> BTreeSet<PathBuf> {
    let mut directories = BTreeSet::new();
    for link in links {
        if directories.len() >= MAX_LINK_DIRECTORIES {
            break;
        }
        follow_link(link, &mut directories);
    }
    directories
}

/// Collects the directory of each file that a chain of links passes.
fn follow_link(link: &Path, link_directories: &mut BTreeSet<PathBuf>) {
    let mut at = link.to_owned();
    for _ in 0..MAX_LINKS {
        // The chain ends at the first path that is not a link.
        let Ok(target) = fs::read_link(&at) else {
            return;
        };
        at.pop();
        at.push(target);
        link_directories.extend(at.parent().map(Path::to_owned));
    }
}

/// The limit on files in the plugins directory that no check names.
pub(super) const MAX_FILES: usize = 1024;
/// The limit on shown files with an invalid plugin name.
pub(super) const MAX_INVALID_FILES: usize = 64;
/// The approximate limit on watched directories behind links. Changes in others are noticed at the
/// next rescan.
const MAX_LINK_DIRECTORIES: usize = 256;
/// The number of attempts to read a directory that is being replaced.
const MAX_READS: usize = 3;
/// The number of links that Linux follows on the way to one file.
const MAX_LINKS: usize = 40;

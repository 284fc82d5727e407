//! Lists the plugin files of one directory, within a bound on their number.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

use super::plugin_file::{Misnamed, PluginFile, PluginFiles};
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
    pub(super) misnamed: Vec<Misnamed>,
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
    for _ in 0..MOST_READS {
        let before = identity(dir)?;
        let listing = read(dir, keep)?;
        if identity(dir)? == before {
            return Ok(listing);
        }
    }
    Err(io::Error::other("it is replaced each time it is read"))
}

fn identity(dir: &Path) -> io::Result<(u64, u64)> {
    fs::metadata(dir).map(|it| (it.dev(), it.ino()))
}

fn read(dir: &Path, keep: &Keep) -> io::Result<Listing> {
    let mut listing = Listing::default();
    let (mut kept, mut known) = (BTreeSet::new(), BTreeSet::new());
    let mut others = Lowest::new(MOST_FILES);
    let mut misnamed = Lowest::new(MOST_MISNAMED);
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
            Ok(name) => others.take(name),
            Err(_) => misnamed.take(file),
        }
    }
    others.hold(MOST_FILES.saturating_sub(known.len()));
    listing.left_out = others.left_out + misnamed.left_out;
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
    let misnamed = misnamed.items.into_iter().filter_map(|file| {
        let error = Path::new(&file)
            .file_stem()?
            .to_string_lossy()
            .parse::<PluginName>()
            .err()?;
        Some(Misnamed::new(dir.join(&file), &error))
    });
    listing.misnamed = misnamed.collect();
    Ok(listing)
}

/// Keeps the lowest items, up to a limit, and counts the others.
struct Lowest<T> {
    most: usize,
    items: BTreeSet<T>,
    left_out: usize,
}

impl<T: Ord> Lowest<T> {
    fn new(most: usize) -> Self {
        Self {
            most,
            items: BTreeSet::new(),
            left_out: 0,
        }
    }

    fn take(&mut self, item: T) {
        self.items.insert(item);
        self.hold(self.most);
    }

    fn hold(&mut self, most: usize) {
        while self.items.len() > most {
            self.items.pop_last();
            self.left_out += 1;
        }
    }
}

/// Returns the directories that links lead through. Changes to the targets of links are visible
/// only there. The paths are those that the links contain, so a directory that is itself a link is
/// followed to its current target. A directory may be missing, and looking for it may hang: blocks.
pub(crate) fn through(links: &BTreeSet<PathBuf>) -> BTreeSet<PathBuf> {
    let mut directories = BTreeSet::new();
    for link in links {
        if directories.len() >= MOST_LINK_DIRECTORIES {
            break;
        }
        follow(link, &mut directories);
    }
    directories
}

/// Collects the directory of each file that a chain of links passes.
fn follow(link: &Path, through: &mut BTreeSet<PathBuf>) {
    let mut at = link.to_owned();
    for _ in 0..MOST_LINKS {
        // The chain ends at the first path that is not a link.
        let Ok(target) = fs::read_link(&at) else {
            return;
        };
        at.pop();
        at.push(target);
        through.extend(at.parent().map(Path::to_owned));
    }
}

/// The limit on files in the plugins directory that no check names.
pub(super) const MOST_FILES: usize = 1024;
/// The limit on shown files with an invalid plugin name.
pub(super) const MOST_MISNAMED: usize = 64;
/// The approximate limit on watched directories behind links. Changes in others are noticed at the
/// next rescan.
const MOST_LINK_DIRECTORIES: usize = 256;
/// The number of attempts to read a directory that is being replaced.
const MOST_READS: usize = 3;
/// The number of links that Linux follows on the way to one file.
const MOST_LINKS: usize = 40;

//! One look at one directory: which of its plugin files count, however many there are.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

use super::plugin_file::{Misnamed, PluginFile, PluginFiles};
use crate::catalog::Stamp;
use vitals_model::PluginName;

/// The plugins whose files count at a look, however many others there are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keep {
    /// Those that checks of the configuration name.
    pub(in crate::catalog) named: BTreeSet<PluginName>,
    /// Those that lay in the plugins directory before.
    pub(in crate::catalog) known: BTreeSet<PluginName>,
    /// Whether others in the plugins directory count at all.
    pub(in crate::catalog) auto: bool,
}

/// The `.wasm` files of a directory that count.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) files: PluginFiles,
    pub(super) misnamed: Vec<Misnamed>,
    pub(super) left_out: usize,
    /// Those that are links.
    pub(super) links: BTreeSet<PathBuf>,
}

/// Lists the `.wasm` files of a directory. Hidden ones are left out: editors and copies make them. What
/// it holds in memory is bounded, however many there are.
///
/// A directory that is replaced while it is read would be seen half removed: it is read again then.
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
        // It may have gone by now: then it fails when it is loaded.
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

/// The lowest of many, up to a number, and how many others there were.
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

/// The directories that links lead through: what is done to their targets is seen there alone. As the
/// links have them, so that one that is itself a link counts by what it leads to now. They need not be
/// there, and to look for them can take for ever: blocks.
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

/// Collects the directory of each file that a link leads to, and of those that these lead to.
fn follow(link: &Path, through: &mut BTreeSet<PathBuf>) {
    let mut at = link.to_owned();
    for _ in 0..MOST_LINKS {
        // What is no link is the end.
        let Ok(target) = fs::read_link(&at) else {
            return;
        };
        at.pop();
        at.push(target);
        through.extend(at.parent().map(Path::to_owned));
    }
}

/// How many files in the plugins directory count that no check names.
pub(super) const MOST_FILES: usize = 1024;
/// How many of the files in the plugins directory are shown whose name no plugin can have.
pub(super) const MOST_MISNAMED: usize = 64;
/// How many directories are watched because links lead through them, give or take one link: what changes
/// in others is seen at the next rescan.
const MOST_LINK_DIRECTORIES: usize = 256;
/// How often a directory is read that is replaced meanwhile.
const MOST_READS: usize = 3;
/// How many links Linux follows on the way to one file.
const MOST_LINKS: usize = 40;

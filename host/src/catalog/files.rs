//! What lies in the plugins directory and in the library. Only names and paths; no file is opened.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::check::{CheckName, PluginName, Text};
use crate::config::Plugins;

/// A look at the directories.
#[derive(Clone, Debug, Default)]
pub(crate) struct Files {
    dir: PathBuf,
    library: PathBuf,
    found: BTreeMap<PluginName, PathBuf>,
    in_library: BTreeMap<PluginName, PathBuf>,
    misnamed: Vec<Misnamed>,
    /// Files that were missing at this look, and may be there again in a moment.
    missing: BTreeSet<PathBuf>,
    /// Where the links among the files lead through, of the directory and of the library.
    links: BTreeSet<PathBuf>,
    library_links: BTreeSet<PathBuf>,
    error: Option<DirectoryError>,
    library_error: Option<LibraryError>,
}

/// A file whose name no plugin can have.
#[derive(Clone, Debug)]
pub(crate) struct Misnamed {
    /// The file.
    pub(super) path: PathBuf,
    /// What it would be called.
    pub(super) stem: String,
    /// What is wrong, and what to do.
    pub(super) message: String,
}

/// The library is there and can't be read. What was loaded from it keeps running.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read the plugin library {library}: {why}; `plugins.library` names it")]
pub(crate) struct LibraryError {
    library: String,
    why: String,
}

/// The plugins directory can't be read. What was loaded keeps running.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot read the plugins directory {dir}: {why}; make it, or set `plugins.dir` or \
     VITALS_PLUGINS_DIR"
)]
pub(crate) struct DirectoryError {
    dir: String,
    why: String,
}

impl Files {
    /// Looks at the directories that the configuration names. Blocks.
    pub(crate) fn look(plugins: &Plugins) -> Self {
        let mut files = Self {
            dir: plugins.dir.clone(),
            library: plugins.library.clone(),
            ..Self::default()
        };
        match list(&plugins.dir) {
            Err(_) if plugins.dir.as_os_str().is_empty() => {}
            Ok(listing) => {
                files.links = listing.links;
                listing.paths.into_iter().for_each(|path| files.take(path));
            }
            Err(error) => {
                let (dir, why) = (plugins.dir.display().to_string(), error.to_string());
                files.error = Some(DirectoryError { dir, why });
            }
        }
        // The library is optional: it is there where a package of plugins was installed.
        let in_library = list(&plugins.library).unwrap_or_else(|error| {
            let library = &plugins.library;
            if error.kind() != ErrorKind::NotFound {
                let (library, why) = (library.display().to_string(), error.to_string());
                files.library_error = Some(LibraryError { library, why });
            }
            Listing::default()
        });
        files.library_links = in_library.links;
        for path in in_library.paths {
            if let Some(name) = stem(&path).and_then(|stem| stem.parse().ok()) {
                files.in_library.insert(name, path);
            }
        }
        files
    }

    /// The file of a plugin: in the plugins directory, else in the library.
    pub(crate) fn path(&self, name: &PluginName) -> Option<PathBuf> {
        self.found
            .get(name)
            .or_else(|| self.in_library.get(name))
            .cloned()
    }

    /// The plugins in the plugins directory.
    pub(crate) fn dropped_in(&self) -> impl Iterator<Item = (&PluginName, &PathBuf)> {
        self.found.iter()
    }

    /// Files in the plugins directory whose name no plugin can have.
    pub(super) fn misnamed(&self) -> &[Misnamed] {
        &self.misnamed
    }

    /// Why the plugins directory could not be read.
    pub(crate) fn error(&self) -> Option<&DirectoryError> {
        self.error.as_ref()
    }

    /// Why the library could not be read, if it is there.
    pub(crate) fn library_error(&self) -> Option<&LibraryError> {
        self.library_error.as_ref()
    }

    /// The directories that links among the files lead through: what is done to their targets is
    /// seen there alone. As the links have them, so that one that is itself a link counts by what
    /// it leads to now. They need not be there.
    pub(crate) fn link_targets(&self) -> BTreeSet<PathBuf> {
        self.links.union(&self.library_links).cloned().collect()
    }

    /// Whether a file is there, and lies in a directory that could be read.
    pub(super) fn can_read(&self, path: &Path) -> bool {
        let lies_in = |dir: &PathBuf| path.parent() == Some(dir);
        !(self.missing.contains(path)
            || self.error.is_some() && lies_in(&self.dir)
            || self.library_error.is_some() && lies_in(&self.library))
    }

    /// Where a plugin was looked for.
    pub(crate) fn searched(&self) -> String {
        format!("{} or {}", self.dir.display(), self.library.display())
    }

    /// This look, with what an earlier one saw where this one could see nothing.
    pub(super) fn after(mut self, earlier: &Self) -> Self {
        if self.error.is_some() {
            self.found.clone_from(&earlier.found);
            self.misnamed.clone_from(&earlier.misnamed);
            self.links.clone_from(&earlier.links);
        }
        if self.library_error.is_some() {
            self.in_library.clone_from(&earlier.in_library);
            self.library_links.clone_from(&earlier.library_links);
        }
        self
    }

    /// This look, with files of an earlier one that are missing now and of which it `is_open` what
    /// becomes of them: an editor moves a file away before it writes it anew.
    pub(crate) fn keeping(mut self, earlier: &Self, is_open: impl Fn(&Path) -> bool) -> Self {
        for (now, before) in [
            (&mut self.found, &earlier.found),
            (&mut self.in_library, &earlier.in_library),
        ] {
            for (name, path) in before {
                if !now.contains_key(name) && is_open(path) {
                    now.insert(name.clone(), path.clone());
                    self.missing.insert(path.clone());
                }
            }
        }
        self
    }

    fn take(&mut self, path: PathBuf) {
        let Some(stem) = stem(&path) else { return };
        match stem.parse::<PluginName>() {
            Ok(name) => {
                self.found.insert(name, path);
            }
            Err(error) => {
                // Whoever can put a file here chooses its name: it has line breaks, or worse.
                let shown = Text::display(path.display(), SHOWN_BYTES);
                let message = format!("cannot load {shown}: {error}; rename the file");
                self.misnamed.push(Misnamed {
                    path,
                    stem,
                    message,
                });
            }
        }
    }
}

impl Misnamed {
    /// The name of a check that can stand for the file, which is none of those that are taken.
    pub(super) fn stand_in(&self, is_taken: impl Fn(&CheckName) -> bool) -> CheckName {
        let first = stand_in(&self.stem, "");
        let others = (2_u64..).map(|number| stand_in(&self.stem, &format!("-{number}")));
        let mut names = std::iter::once(first).chain(others);
        let free = names.find(|name| !is_taken(name));
        free.expect("there are more numbers than names")
    }
}

/// The `.wasm` files of a directory, and where those that are links lead through.
#[derive(Debug, Default)]
struct Listing {
    paths: Vec<PathBuf>,
    links: BTreeSet<PathBuf>,
}

/// Lists the `.wasm` files of a directory. Hidden ones are left out: editors and copies make them.
fn list(dir: &Path) -> std::io::Result<Listing> {
    let mut listing = Listing::default();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let path = entry.path();
        let hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden
            && path
                .extension()
                .is_some_and(|extension| extension == "wasm")
        {
            if entry.file_type().is_ok_and(|kind| kind.is_symlink()) {
                follow(&path, &mut listing.links);
            }
            listing.paths.push(path);
        }
    }
    listing.paths.sort();
    Ok(listing)
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

fn stem(path: &Path) -> Option<String> {
    path.file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
}

/// A name that a check may have, as near to `stem` as it can be, with `suffix` behind it.
fn stand_in(stem: &str, suffix: &str) -> CheckName {
    let valid = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    let mut near: String = stem
        .to_ascii_lowercase()
        .chars()
        .map(|c| if valid(c) { c } else { '-' })
        .take(NAME_CHARACTERS - 1 - suffix.len())
        .collect();
    near.push_str(suffix);
    let plugin = format!("x{near}");
    let near = near.trim_start_matches(['.', '_', '-']);
    let plugin = near.parse().or_else(|_| plugin.parse::<PluginName>());
    CheckName::module(&plugin.expect("it was made of valid characters"))
}

/// The longest name that a plugin may have.
const NAME_CHARACTERS: usize = 64;
/// How much of a path is shown that no plugin can have.
const SHOWN_BYTES: usize = 512;
/// How many links Linux follows on the way to one file.
const MOST_LINKS: usize = 40;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_are_followed_through_every_directory_that_they_pass() {
        let place = tempfile::tempdir().unwrap();
        let at = |path: &str| place.path().join(path);
        for dir in ["plugins", "library", "current", "v1"] {
            fs::create_dir(at(dir)).unwrap();
        }
        fs::write(at("v1/a.wasm"), "").unwrap();
        symlink(at("v1/a.wasm"), at("current/a.wasm")).unwrap();
        symlink("../current/a.wasm", at("plugins/a.wasm")).unwrap();
        symlink(at("nowhere/b.wasm"), at("plugins/b.wasm")).unwrap();
        symlink("round.wasm", at("plugins/round.wasm")).unwrap();
        symlink(at("library"), at("plugins/no-plugin")).unwrap();
        symlink(at("v1/a.wasm"), at("library/c.wasm")).unwrap();
        let plugins = Plugins {
            dir: at("plugins"),
            library: at("library"),
            ..Plugins::default()
        };
        let seen = Files::look(&plugins);
        let through = ["plugins/../current", "v1", "nowhere", "plugins"].map(at);
        assert_eq!(seen.link_targets(), BTreeSet::from(through));

        // What can't be seen now is as it was.
        for gone in ["plugins", "library"] {
            fs::rename(at(gone), at("away")).unwrap();
            fs::write(at(gone), "").unwrap();
            let after = Files::look(&plugins).after(&seen);
            assert_eq!(after.link_targets(), seen.link_targets());
            fs::remove_file(at(gone)).unwrap();
            fs::rename(at("away"), at(gone)).unwrap();
        }
        fs::remove_file(at("library/c.wasm")).unwrap();
        fs::remove_file(at("plugins/a.wasm")).unwrap();
        let through = ["nowhere", "plugins"].map(at);
        let after = Files::look(&plugins).after(&seen);
        assert_eq!(after.link_targets(), BTreeSet::from(through));
    }

    #[test]
    fn a_file_that_is_misnamed_is_shown_under_a_name_near_to_it() {
        for (stem, name) in [
            ("My Check", "module:my-check"),
            ("-x", "module:x"),
            ("ä", "module:x-"),
        ] {
            assert_eq!(stand_in(stem, "").as_str(), name);
        }
        stand_in(&"Ä".repeat(100), "");
        stand_in(&"a".repeat(100), "-12");
    }

    #[test]
    fn a_file_that_is_misnamed_gives_way_to_names_that_are_taken() {
        let file = Misnamed {
            path: "My Check.wasm".into(),
            stem: "My Check".into(),
            message: String::new(),
        };
        let taken = ["module:my-check", "module:my-check-2"];
        let name = file.stand_in(|name| taken.contains(&name.as_str()));
        assert_eq!(name.as_str(), "module:my-check-3");
    }

    #[test]
    fn a_library_that_cannot_be_read_keeps_what_was_in_it() {
        let (dir, place) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let library = place.path().join("library");
        fs::create_dir(&library).unwrap();
        fs::write(library.join("a.wasm"), "").unwrap();
        let plugins = Plugins {
            dir: dir.path().into(),
            library: library.clone(),
            ..Plugins::default()
        };
        let name = "a".parse::<PluginName>().unwrap();
        let before = Files::look(&plugins);
        let path = before.path(&name).unwrap();
        assert!(before.can_read(&path) && before.library_error().is_none());

        // No permission would stop nobody who tests as root.
        fs::remove_dir_all(&library).unwrap();
        fs::write(&library, "").unwrap();
        let during = Files::look(&plugins).after(&before);
        let error = during.library_error().unwrap().to_string();
        assert!(error.contains("`plugins.library`"), "{error}");
        assert_eq!(during.path(&name), Some(path.clone()));
        assert!(!during.can_read(&path));

        fs::remove_file(&library).unwrap();
        let after = Files::look(&plugins).after(&during);
        assert!(after.library_error().is_none() && after.path(&name).is_none());
    }

    #[test]
    fn a_file_that_is_missing_for_a_moment_is_kept_and_not_read() {
        let place = tempfile::tempdir().unwrap();
        let plugins = Plugins {
            dir: place.path().join("plugins"),
            library: place.path().join("library"),
            ..Plugins::default()
        };
        let mut paths = Vec::new();
        for dir in [&plugins.dir, &plugins.library] {
            fs::create_dir(dir).unwrap();
            for name in ["moved", "gone"] {
                let name = format!("{name}-{}.wasm", paths.len());
                fs::write(dir.join(&name), "").unwrap();
                paths.push(dir.join(name));
            }
        }
        let before = Files::look(&plugins);
        for path in &paths {
            assert!(before.can_read(path));
            fs::remove_file(path).unwrap();
        }
        let is_open = |path: &Path| path.to_string_lossy().contains("moved");
        let during = Files::look(&plugins).keeping(&before, is_open);
        for path in &paths {
            let name = stem(path).unwrap().parse::<PluginName>().unwrap();
            assert_eq!(during.path(&name).is_some(), is_open(path));
            assert_eq!(during.can_read(path), !is_open(path));
        }
        fs::write(&paths[0], "").unwrap();
        let after = Files::look(&plugins).keeping(&during, |_| false);
        assert!(after.can_read(&paths[0]) && after.dropped_in().count() == 1);
        assert!(after.in_library.is_empty());
    }

    #[test]
    fn the_library_is_searched_after_the_directory() {
        let (dir, library) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for (place, name) in [
            (&dir, "a.wasm"),
            (&dir, "b.txt"),
            (&dir, ".c.wasm"),
            (&dir, "Bad Name.wasm"),
            (&library, "a.wasm"),
            (&library, "d.wasm"),
        ] {
            fs::write(place.path().join(name), "").unwrap();
        }
        let plugins = Plugins {
            dir: dir.path().into(),
            library: library.path().into(),
            ..Plugins::default()
        };
        let files = Files::look(&plugins);
        let name = |text: &str| text.parse::<PluginName>().unwrap();
        assert_eq!(files.path(&name("a")), Some(dir.path().join("a.wasm")));
        assert_eq!(files.path(&name("d")), Some(library.path().join("d.wasm")));
        assert_eq!(files.path(&name("c")), None);
        assert_eq!(files.dropped_in().count(), 1);
        assert_eq!(files.misnamed()[0].stem, "Bad Name");
        assert!(files.error().is_none());
    }

    #[test]
    fn a_directory_that_is_not_there_is_an_error_that_says_what_to_do() {
        let plugins = Plugins {
            dir: "/nowhere/plugins".into(),
            ..Plugins::default()
        };
        let error = Files::look(&plugins).error().unwrap().to_string();
        assert!(
            error.contains("/nowhere/plugins") && error.contains("VITALS_PLUGINS_DIR"),
            "{error}"
        );
    }
}

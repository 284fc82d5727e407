//! What lies in the plugins directory and in the library. Only names and paths; no file is opened.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::check::{CheckName, PluginName};
use crate::config::Plugins;

/// A look at the directories.
#[derive(Clone, Debug, Default)]
pub(crate) struct Files {
    dir: PathBuf,
    library: PathBuf,
    found: BTreeMap<PluginName, PathBuf>,
    in_library: BTreeMap<PluginName, PathBuf>,
    misnamed: BTreeMap<CheckName, String>,
    error: Option<DirectoryError>,
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
            Ok(paths) => paths.into_iter().for_each(|path| files.take(path)),
            Err(error) => {
                let (dir, why) = (plugins.dir.display().to_string(), error.to_string());
                files.error = Some(DirectoryError { dir, why });
            }
        }
        // The library is optional: it is there where a package of plugins was installed.
        for path in list(&plugins.library).unwrap_or_default() {
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

    /// Files whose name no plugin can have, under the name of a check that can stand for them.
    pub(crate) fn misnamed(&self) -> impl Iterator<Item = (&CheckName, &String)> {
        self.misnamed.iter()
    }

    /// Why the plugins directory could not be read.
    pub(crate) fn error(&self) -> Option<&DirectoryError> {
        self.error.as_ref()
    }

    /// Where a plugin was looked for.
    pub(crate) fn searched(&self) -> String {
        format!("{} or {}", self.dir.display(), self.library.display())
    }

    /// This look, with what an earlier one saw where this one saw nothing.
    pub(super) fn with_names_of(mut self, earlier: &Self) -> Self {
        self.found.clone_from(&earlier.found);
        self.misnamed.clone_from(&earlier.misnamed);
        self
    }

    fn take(&mut self, path: PathBuf) {
        let Some(stem) = stem(&path) else { return };
        match stem.parse::<PluginName>() {
            Ok(name) => {
                self.found.insert(name, path);
            }
            Err(error) => {
                let message = format!("cannot load {}: {error}; rename the file", path.display());
                self.misnamed.insert(stand_in(&stem), message);
            }
        }
    }
}

/// The `.wasm` files of a directory. Hidden ones are left out: editors and copies make them.
fn list(dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden
            && path
                .extension()
                .is_some_and(|extension| extension == "wasm")
        {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn stem(path: &Path) -> Option<String> {
    path.file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
}

/// A name that a check may have, as near to `stem` as it can be.
fn stand_in(stem: &str) -> CheckName {
    let valid = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    let near: String = stem
        .to_ascii_lowercase()
        .chars()
        .map(|c| if valid(c) { c } else { '-' })
        .take(62)
        .collect();
    let plugin = format!("x{near}");
    let near = near.trim_start_matches(['.', '_', '-']);
    let plugin = near.parse().or_else(|_| plugin.parse::<PluginName>());
    CheckName::module(&plugin.expect("it was made of valid characters"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_misnamed_is_shown_under_a_name_near_to_it() {
        for (stem, name) in [
            ("My Check", "module:my-check"),
            ("-x", "module:x"),
            ("ä", "module:x-"),
        ] {
            assert_eq!(stand_in(stem).as_str(), name);
        }
        stand_in(&"Ä".repeat(100));
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
        assert_eq!(
            files.misnamed().next().unwrap().0.as_str(),
            "module:bad-name"
        );
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

//! Files with a plugin's name, and files with an invalid one.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::catalog::Stamp;
use vitals_model::{CheckName, InvalidName, PluginName, Text};

pub(super) type PluginFiles = BTreeMap<PluginName, PluginFile>;

/// The file of a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PluginFile {
    pub(in crate::catalog) path: PathBuf,
    /// `None` for a link, because reading the metadata of its target may hang.
    pub(in crate::catalog) stamp: Option<Stamp>,
}

/// A file in the plugins directory whose name is not a valid plugin name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InvalidPluginFile {
    /// The path of the file.
    pub(in crate::catalog) path: PathBuf,
    /// Its name without the extension.
    pub(in crate::catalog) stem: String,
    /// The error, with what to do about it.
    pub(in crate::catalog) message: String,
}

impl InvalidPluginFile {
    pub(super) fn new(path: PathBuf, why: &InvalidName) -> Self {
        // Anyone who can write to the directory chooses the name, which may contain line breaks.
        let shown = Text::line(&path.display().to_string(), SHOWN_BYTES);
        let message = format!("cannot load {shown}: {why}; rename the file");
        let stem = path.file_stem().unwrap_or_default();
        Self {
            stem: stem.to_string_lossy().into_owned(),
            path,
            message,
        }
    }

    /// Returns a check name that stands for the file and is not taken.
    pub(in crate::catalog) fn placeholder_check(
        &self,
        is_taken: impl Fn(&CheckName) -> bool,
    ) -> CheckName {
        let first = placeholder_name(&self.stem, "");
        let others = (2_u64..).map(|number| placeholder_name(&self.stem, &format!("-{number}")));
        let mut names = std::iter::once(first).chain(others);
        let free = names.find(|name| !is_taken(name));
        free.expect("there are more numbers than names")
    }
}

/// Returns the valid check name that is closest to `stem`, followed by `suffix`.
pub(super) fn placeholder_name(stem: &str, suffix: &str) -> CheckName {
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

/// The longest valid plugin name.
const NAME_CHARACTERS: usize = 64;
/// The limit on the shown part of a path.
const SHOWN_BYTES: usize = 512;

//! The file of a plugin, and one whose name no plugin can have.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::catalog::Stamp;
use vitals_model::{CheckName, InvalidName, PluginName, Text};

pub(super) type PluginFiles = BTreeMap<PluginName, PluginFile>;

/// The file of a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PluginFile {
    pub(in crate::catalog) path: PathBuf,
    /// Where it is no link: what is behind one can take long to look at.
    pub(in crate::catalog) stamp: Option<Stamp>,
}

/// A file whose name no plugin can have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Misnamed {
    /// The file.
    pub(in crate::catalog) path: PathBuf,
    /// What it would be called.
    pub(in crate::catalog) stem: String,
    /// What is wrong, and what to do.
    pub(in crate::catalog) message: String,
}

impl Misnamed {
    pub(super) fn new(path: PathBuf, why: &InvalidName) -> Self {
        // Whoever can put a file here chooses its name: it has line breaks, or worse.
        let shown = Text::line(&path.display().to_string(), SHOWN_BYTES);
        let message = format!("cannot load {shown}: {why}; rename the file");
        let stem = path.file_stem().unwrap_or_default();
        Self {
            stem: stem.to_string_lossy().into_owned(),
            path,
            message,
        }
    }

    /// The name of a check that can stand for the file, which is none of those that are taken.
    pub(in crate::catalog) fn stand_in(&self, is_taken: impl Fn(&CheckName) -> bool) -> CheckName {
        let first = stand_in(&self.stem, "");
        let others = (2_u64..).map(|number| stand_in(&self.stem, &format!("-{number}")));
        let mut names = std::iter::once(first).chain(others);
        let free = names.find(|name| !is_taken(name));
        free.expect("there are more numbers than names")
    }
}

/// A name that a check may have, as near to `stem` as it can be, with `suffix` behind it.
pub(super) fn stand_in(stem: &str, suffix: &str) -> CheckName {
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

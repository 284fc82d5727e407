//! A request to load a plugin file: its path, and the digests that checks accept.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use super::Stamp;
use vitals_config::CheckConfig;
use vitals_model::{Digest, PluginName};
use vitals_sandbox::LoadError;

/// A request to load a plugin file, for a check or because it was dropped in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LoadRequest {
    pub(crate) name: PluginName,
    pub(crate) path: PathBuf,
    pub(crate) source: Source,
    /// The stamp of the file when it was found; `None` if it is a link.
    pub(crate) stamp: Option<Stamp>,
    /// Whether a check of the configuration names the plugin.
    pub(crate) is_named: bool,
    /// The digests that checks accept, if every check of the plugin pins one.
    pub(crate) pinned: Option<BTreeSet<Digest>>,
}

impl LoadRequest {
    /// Rejects a file that no check would run, before any of its code is examined.
    pub(crate) fn accept(&self, found: Digest) -> Result<(), LoadError> {
        let Some(pinned) = &self.pinned else {
            return Ok(());
        };
        match pinned.first() {
            Some(&wanted) if !pinned.contains(&found) => Err(LoadError::Digest { found, wanted }),
            _ => Ok(()),
        }
    }
}

/// The directory of a plugin file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Source {
    /// The plugins directory. Anyone who can write there decides what it contains.
    Dir,
    /// The library.
    #[default]
    Library,
}

impl Source {
    /// Returns whether a check may use a file from this directory. A check that pins a digest may
    /// use either, because it accepts no other content.
    pub(crate) fn is_usable_by(self, check: &CheckConfig) -> bool {
        self == Self::Library || check.dir || check.sha256.is_some()
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dir => "plugins directory",
            Self::Library => "library",
        })
    }
}

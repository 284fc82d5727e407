//! A file that is to be loaded: where it lies, and whether checks would run what is in it.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use super::Stamp;
use vitals_config::CheckConfig;
use vitals_model::{Digest, PluginName};
use vitals_sandbox::LoadError;

/// A plugin file that a check is to run on, or that may run by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) name: PluginName,
    pub(crate) path: PathBuf,
    pub(crate) source: Source,
    /// The stamp of the file when it was found, where that was told without following a link.
    pub(crate) stamp: Option<Stamp>,
    /// Whether a check of the configuration names the plugin.
    pub(crate) is_named: bool,
    /// The only content that a check would run, where each of the plugin's checks asks for one.
    pub(crate) pinned: Option<BTreeSet<Digest>>,
}

impl Wanted {
    /// Refuses a file that no check would run, before any of its code is looked at.
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

/// The directory in which the file of a plugin lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Source {
    /// The plugins directory: whoever can write there decides what is in it.
    Dir,
    /// The library.
    #[default]
    Library,
}

impl Source {
    /// Whether a check may run on a file from there. One that asks for a file by its digest gets no
    /// other, wherever it lies.
    pub(crate) fn serves(self, check: &CheckConfig) -> bool {
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

//! Why a check does not run, in words that say what to do about it.
//!
//! Knows what can be wrong, not how it is found. No secret of the configuration is in the words.

use std::path::PathBuf;
use std::time::Duration;

use super::files::{DirectoryError, LibraryError};
use vitals_config::Location;
use vitals_model::{CheckName, PluginName, Text};
use vitals_sandbox::LoadError;

/// Why a check can't run: code `load`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CheckError {
    /// The plugins directory, in which its plugin may be, can't be read.
    #[error("cannot load plugin `{plugin}`: {error}")]
    Directory {
        plugin: PluginName,
        error: DirectoryError,
    },
    /// The library, in which its plugin may be, can't be read.
    #[error("cannot load plugin `{plugin}`: {error}")]
    Library {
        plugin: PluginName,
        error: LibraryError,
    },
    /// There is no file of its plugin in any directory.
    #[error("cannot load plugin `{plugin}`: there is no {plugin}.wasm in {directories}")]
    NoFile {
        plugin: PluginName,
        directories: String,
    },
    /// There is no file of its plugin in the library, the only directory that it takes one from.
    #[error(
        "cannot load plugin `{plugin}`: there is no {plugin}.wasm in {}; with `dir = true` in \
         `[checks.{check}]` it may be in {} as well", .library.display(), .dir.display()
    )]
    NotInLibrary {
        check: CheckName,
        plugin: PluginName,
        library: PathBuf,
        dir: PathBuf,
    },
    /// The file of its plugin is in the plugins directory, and it takes one from the library alone.
    #[error(
        "cannot load plugin `{plugin}` for check `{check}`: it is in {dir} alone, and a check of the \
         configuration takes its plugin from the library {library}: write `dir = true` in \
         `[checks.{check}]`, or move {plugin}.wasm to {library}",
        dir = .dir.display(), library = .library.display()
    )]
    InDirAlone {
        check: CheckName,
        plugin: PluginName,
        library: PathBuf,
        dir: PathBuf,
    },
    /// The file of its plugin is none that the host can run.
    #[error("cannot load plugin `{plugin}` from {}: {error}", .path.display())]
    Load {
        plugin: PluginName,
        path: PathBuf,
        error: LoadError,
    },
    /// It stands for a file whose name no plugin can have.
    #[error("{0}")]
    Misnamed(String),
    /// Its plugin and its configuration do not come together.
    #[error("cannot run check `{check}` with plugin `{plugin}`: {error}")]
    Bind {
        check: CheckName,
        plugin: PluginName,
        error: BindError,
    },
}

/// Why a plugin and the configuration of a check do not come together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BindError {
    /// The configuration asks for another file.
    #[error(transparent)]
    File(LoadError),
    /// Something within `config` is wrong whatever the plugin is.
    #[error("{0}")]
    Settings(Text),
    /// The schema of the plugin does not accept `config`.
    #[error("{0}")]
    Config(Text),
    /// The schema of the plugin can't be used.
    #[error("{0}")]
    Schema(Text),
    /// Something can't be granted as it is written or marked.
    #[error("{0}")]
    Grant(Text),
    /// The trusted roots can't be used. The file may be another one at the next look.
    #[error("{0}")]
    Roots(Text),
    /// The host lacks what it needs to read the trusted roots.
    #[error("{0}; the host lacks something, and tries again at the next look")]
    RootsUnread(Text),
    /// All checks of the plugin together take too long.
    #[error("holding its checks against its `config-schema` takes more than {0:?} together")]
    TooSlow(Duration),
    /// The host gave up before it came to an end.
    #[error("its settings could not be looked at: {0}; the host tries again at the next look")]
    GivenUp(Text),
    /// The host's own code panicked.
    #[error(
        "the host panicked while it held the settings against the schema; it tries again at the \
         next look"
    )]
    Panicked,
}

/// The configuration has a check for native code, and none of its name is registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "check `{check}` ({location}) has no `plugin`, and no native check of this name is registered: \
     add `plugin = \"…\"`"
)]
pub(crate) struct NotRegistered {
    pub(super) check: CheckName,
    pub(super) location: Location,
}

impl CheckError {
    /// Whether it is the host's own trouble, and says nothing of plugin or configuration.
    pub(crate) fn is_host_error(&self) -> bool {
        match self {
            Self::Directory { error, .. } => error.is_host_error,
            Self::Library { error, .. } => error.is_host_error,
            Self::Load { error, .. } => error.is_host_error(),
            Self::Bind { error, .. } => error.is_host_error(),
            Self::NoFile { .. }
            | Self::NotInLibrary { .. }
            | Self::InDirAlone { .. }
            | Self::Misnamed(_) => false,
        }
    }

    /// Whether its words say which check it is about.
    pub(crate) fn names_check(&self) -> bool {
        match self {
            Self::InDirAlone { .. } | Self::Bind { .. } => true,
            Self::Directory { .. }
            | Self::Library { .. }
            | Self::NoFile { .. }
            | Self::NotInLibrary { .. }
            | Self::Load { .. }
            | Self::Misnamed(_) => false,
        }
    }

    /// What there is to say of the plugin and the configuration, if both are there.
    pub(super) fn bind_error(&self) -> Option<&BindError> {
        match self {
            Self::Bind { error, .. } => Some(error),
            _ => None,
        }
    }
}

impl BindError {
    /// Whether it is the host's own trouble.
    pub(super) fn is_host_error(&self) -> bool {
        matches!(
            self,
            Self::RootsUnread(_) | Self::GivenUp(_) | Self::Panicked
        )
    }

    /// Whether it may come out otherwise the next time, although nothing here has changed.
    pub(super) fn is_transient(&self) -> bool {
        self.is_host_error() || matches!(self, Self::Roots(_))
    }
}

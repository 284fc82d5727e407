//! Errors that explain why a check does not run and what to do about it.
//!
//! The module defines the errors and detects none. No text contains a secret of the configuration.

use std::path::PathBuf;
use std::time::Duration;

use super::files::DirectoryError;
use vitals_config::Location;
use vitals_model::{CheckName, PluginName, Text};
use vitals_sandbox::LoadError;

/// The reason why a check can't run; code `load`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CheckError {
    /// A directory can't be read, and the plugin may be in it.
    #[error("cannot load plugin `{plugin}`: {error}")]
    Directory {
        plugin: PluginName,
        error: DirectoryError,
    },
    /// No directory contains a file of the plugin.
    #[error("cannot load plugin `{plugin}`: there is no {plugin}.wasm in {directories}")]
    NoFile {
        plugin: PluginName,
        directories: String,
    },
    /// The library, the only directory that the check takes its plugin from, has no file of it.
    #[error(
        "cannot load plugin `{plugin}`: there is no {plugin}.wasm in {}; with `dir = true` in \
         `[checks.{check}]` it may also be in {}", .library.display(), .dir.display()
    )]
    NotInLibrary {
        check: CheckName,
        plugin: PluginName,
        library: PathBuf,
        dir: PathBuf,
    },
    /// The file of the plugin is only in the plugins directory, but the check takes it from the
    /// library.
    #[error(
        "cannot load plugin `{plugin}` for check `{check}`: it is only in {dir}, and checks of the \
         configuration take their plugin from the library {library}: write `dir = true` in \
         `[checks.{check}]`, or move {plugin}.wasm to {library}",
        dir = .dir.display(), library = .library.display()
    )]
    OnlyInDir {
        check: CheckName,
        plugin: PluginName,
        library: PathBuf,
        dir: PathBuf,
    },
    /// The host can't load the file of the plugin.
    #[error("cannot load plugin `{plugin}` from {}: {error}", .path.display())]
    Load {
        plugin: PluginName,
        path: PathBuf,
        error: LoadError,
    },
    /// The check is a placeholder for a file with an invalid plugin name.
    #[error("{0}")]
    InvalidName(String),
    /// The plugin can't be bound to the configuration of the check.
    #[error("cannot run check `{check}` with plugin `{plugin}`: {error}")]
    Bind {
        check: CheckName,
        plugin: PluginName,
        error: BindError,
    },
}

/// The reason why a plugin can't be bound to the configuration of a check.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BindError {
    /// The configuration pins the digest of another file.
    #[error(transparent)]
    File(LoadError),
    /// A value within `config` is invalid for any plugin.
    #[error("{0}")]
    Settings(Text),
    /// The schema of the plugin rejects `config`.
    #[error("{0}")]
    Config(Text),
    /// The schema of the plugin is unusable.
    #[error("{0}")]
    Schema(Text),
    /// A grant is written or marked in a way that is not allowed.
    #[error("{0}")]
    Grant(Text),
    /// The trusted roots are unusable. The file may have changed at the next scan.
    #[error("{0}")]
    Roots(Text),
    /// The host lacks a resource that it needs to read the trusted roots.
    #[error("{0}; the host lacks a resource and tries again at the next scan")]
    RootsUnread(Text),
    /// The checks of the plugin together take too long to bind.
    #[error(
        "checking the settings of all its checks against its `config-schema` takes more than {0:?}"
    )]
    TooSlow(Duration),
    /// The host stopped waiting for the binding.
    #[error("cannot check its settings: {0}; the host tries again at the next scan")]
    Abandoned(Text),
    /// The host's own code panicked.
    #[error(
        "the host panicked while it checked the settings against the schema; it tries again at the \
         next scan"
    )]
    Panicked,
}

/// The configuration has a native check that is not registered.
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
    /// Returns whether the cause is the host itself, not the plugin or the configuration.
    pub(crate) fn is_host_error(&self) -> bool {
        match self {
            Self::Directory { error, .. } => error.is_host_error,
            Self::Load { error, .. } => error.is_host_error(),
            Self::Bind { error, .. } => error.is_host_error(),
            Self::NoFile { .. }
            | Self::NotInLibrary { .. }
            | Self::OnlyInDir { .. }
            | Self::InvalidName(_) => false,
        }
    }

    /// Returns whether the text names the check.
    pub(crate) fn names_check(&self) -> bool {
        matches!(self, Self::OnlyInDir { .. } | Self::Bind { .. })
    }
}

impl BindError {
    /// Returns whether the cause is the host itself.
    pub(super) fn is_host_error(&self) -> bool {
        matches!(
            self,
            Self::RootsUnread(_) | Self::Abandoned(_) | Self::Panicked
        )
    }

    /// Returns whether another attempt may succeed without a change of plugin or configuration.
    pub(super) fn is_transient(&self) -> bool {
        self.is_host_error() || matches!(self, Self::Roots(_))
    }
}

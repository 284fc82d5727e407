//! Why a host could not be started.

use std::io;

use vitals_config::OutOfBounds;
use vitals_core::RegisterError;
use vitals_sandbox::SandboxError;

use crate::features::MissingFeature;

/// The host could not be started; nothing of it runs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A native check can't have the name it was given.
    #[error(transparent)]
    Name(#[from] RegisterError),
    /// The configuration, made by the program, has a value that no file could have.
    #[error(transparent)]
    Config(#[from] OutOfBounds),
    /// The sandbox could not be set up on this machine.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// No threads could be started for the host's own loops.
    #[error(
        "cannot start the host's threads: {0}; raise the limits on processes and open files (ulimit -u, -n)"
    )]
    Threads(#[source] io::Error),
    /// The configuration asks for what this library is built without.
    #[error(transparent)]
    Feature(#[from] MissingFeature),
    /// Reports can't be sent as the configuration says.
    #[cfg(feature = "sentry")]
    #[error(transparent)]
    Sentry(#[from] vitals_report::sentry::NoReports),
}

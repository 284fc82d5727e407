//! Loads the configuration for a command and prints its errors.
//!
//! This file does not know the keys of the configuration.

use std::path::PathBuf;
use std::process::ExitCode;

use vitals_host::config::{Argument, Config, Sources};

use super::output::print_error;
use super::status::INVALID_USAGE;
use crate::telemetry;

/// Loads the configuration.
///
/// On failure it has printed all errors and returns the exit status.
pub(super) fn load(
    file: Option<PathBuf>,
    arguments: Vec<Argument>,
) -> Result<(Config, Sources), ExitCode> {
    let sources = Sources {
        arguments,
        ..Sources::process(file)
    };
    let loaded = Config::load(&sources).and_then(|config| {
        let filter = config.logging.filter.as_deref();
        match filter.and_then(telemetry::fault) {
            None => Ok(config),
            Some(fault) => Err(fault.into()),
        }
    });
    match loaded {
        Ok(config) => Ok((config, sources)),
        Err(diagnostics) => {
            for diagnostic in &diagnostics {
                print_error(&diagnostic.to_string());
            }
            Err(ExitCode::from(INVALID_USAGE))
        }
    }
}

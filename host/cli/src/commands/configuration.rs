//! The configuration as a verb reads it, and what it says where that is wrong.

use std::path::PathBuf;
use std::process::ExitCode;

use vitals_host::config::{Argument, Config, Sources};

use super::output::complain;
use super::status::CONFIGURATION;
use crate::telemetry;

/// Reads the configuration; on failure all that is wrong has been said.
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
        Err(found) => {
            for diagnostic in &found {
                complain(&diagnostic.to_string());
            }
            Err(ExitCode::from(CONFIGURATION))
        }
    }
}

//! The configuration as a verb reads it, and what it says where that is wrong.

use std::path::PathBuf;
use std::process::ExitCode;

use vitals_host::config::{Argument, Config, Sources};

use super::output::complain;
use super::status::CONFIGURATION;

/// Reads the configuration; on failure all that is wrong has been said.
pub(super) fn load(
    file: Option<PathBuf>,
    arguments: Vec<Argument>,
) -> Result<(Config, Sources), ExitCode> {
    let mut sources = Sources::process(file);
    sources.arguments = arguments;
    match Config::load(&sources) {
        Ok(config) => Ok((config, sources)),
        Err(found) => {
            for diagnostic in &found {
                complain(&diagnostic.to_string());
            }
            Err(ExitCode::from(CONFIGURATION))
        }
    }
}

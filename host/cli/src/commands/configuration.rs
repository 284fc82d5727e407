//! Loads the configuration for a command and prints its errors.
//!
//! This file does not know the keys of the configuration.

use std::path::PathBuf;
use std::process::ExitCode;

use vitals_host::config::{Argument, Config, Diagnostic, Sources};

use super::output::{INVALID_USAGE, print_error};
use crate::telemetry;

/// Loads the configuration.
///
/// On failure it has printed all errors and returns the exit status.
pub(super) fn load(
    file: Option<PathBuf>,
    arguments: Vec<Argument>,
) -> Result<(Config, Sources), ExitCode> {
    let mut sources = Sources::process(file);
    sources.arguments = arguments;
    match read(&sources) {
        Ok(config) => Ok((config, sources)),
        Err(errors) => {
            for error in errors {
                print_error(&error.to_string());
            }
            Err(ExitCode::from(INVALID_USAGE))
        }
    }
}

/// Reads the configuration, or returns everything that is wrong with it and with the log's filter.
fn read(sources: &Sources) -> Result<Config, Vec<Diagnostic>> {
    // If it is not UTF-8, the configuration reports it.
    let filter = sources.environment.text("VITALS_LOG").ok().flatten();
    let fault = filter.as_deref().and_then(telemetry::fault);
    match (Config::load(sources), fault) {
        (Ok(config), None) => Ok(config),
        (Ok(_), Some(fault)) => Err(vec![fault]),
        (Err(errors), fault) => Err(errors.iter().cloned().chain(fault).collect()),
    }
}

#[cfg(test)]
mod tests {
    use vitals_host::config::Environment;

    use super::*;

    #[test]
    fn an_invalid_log_filter_is_reported_with_all_other_errors() {
        let errors = |variables: &[(&str, &str)]| {
            let mut sources = Sources::process(None);
            sources.environment = Environment::fixed(variables.iter().copied());
            let errors = read(&sources).map_or_else(|errors| errors, |_| Vec::new());
            errors.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let (filter, format) = (("VITALS_LOG", "inof"), ("VITALS_LOG_FORMAT", "xml"));
        assert!(errors(&[("VITALS_LOG", "info")]).is_empty());
        let of_both = errors(&[filter, format]);
        assert_eq!(of_both, [errors(&[format]), errors(&[filter])].concat());
        assert_eq!(of_both.len(), 2, "{of_both:?}");
    }
}

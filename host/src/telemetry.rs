//! The log of the binary: text for people, JSON for machines. The library installs none of it.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use crate::config::{LogFormat, Logging};

/// Sends log lines to standard error. To be called once, by a program that has no subscriber of its
/// own.
///
/// # Errors
///
/// A filter that can't be read.
pub fn start(logging: &Logging) -> Result<(), ParseError> {
    let filter = EnvFilter::try_new(logging.filter.as_deref().unwrap_or(DEFAULT_FILTER))?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match logging.format {
        LogFormat::Json => log.json().flatten_event(true).init(),
        LogFormat::Text => {
            log.with_target(false)
                .with_ansi(std::io::stderr().is_terminal())
                .init();
        }
    }
    Ok(())
}

const DEFAULT_FILTER: &str = "info";

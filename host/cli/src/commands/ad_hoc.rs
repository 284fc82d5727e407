//! What a plugin file is told on the command line, where no configuration names it.

use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value};
use vitals_host::workbench::AdHoc;
use vitals_values::parse_duration;

#[derive(Debug, Args)]
pub(super) struct AdHocOptions {
    /// For a file: its settings, a JSON object.
    #[arg(long, value_name = "JSON", default_value = "{}")]
    settings: String,
    /// For a file: what it may reach besides the addresses in its settings, for example
    /// `tcp=db.internal:5432`. May be repeated.
    #[arg(long, value_name = "KIND=WHAT")]
    allow: Vec<String>,
    /// For a file: how long a run may take, for example `5s`.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    timeout: Option<Duration>,
}

impl AdHocOptions {
    pub(super) fn is_nothing(&self) -> bool {
        self.settings == "{}" && self.allow.is_empty() && self.timeout.is_none()
    }

    pub(super) fn ad_hoc(&self) -> Result<AdHoc, String> {
        let settings: Map<String, Value> = serde_json::from_str(&self.settings)
            .map_err(|error| format!("`--settings` is no JSON object: {error}"))?;
        let pair = |entry: &String| match entry.split_once('=') {
            Some((kind, what)) => Ok((kind.to_owned(), what.to_owned())),
            None => Err(format!(
                "`--allow {entry}` names no kind: write for example `--allow tcp=db.internal:5432`"
            )),
        };
        let allow = self.allow.iter().map(pair).collect::<Result<_, _>>()?;
        Ok(AdHoc {
            settings,
            allow,
            timeout: self.timeout,
        })
    }
}

/// Reads a duration that is not zero.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        Ok(_) => Err("it is zero; write for example 500ms or 5s".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

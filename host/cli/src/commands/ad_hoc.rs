//! Options for running a plugin file that no configuration names.
//!
//! This file parses the options. The workbench applies them.

use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value};
use vitals_host::workbench::AdHoc;
use vitals_values::parse_duration;

#[derive(Debug, Args)]
pub(super) struct AdHocOptions {
    /// Settings of the plugin file as a JSON object.
    #[arg(long, value_name = "JSON", default_value = "{}")]
    settings: String,
    /// Grant for the plugin file besides those that follow from its settings, for example
    /// `tcp=db.internal:5432`. May be repeated.
    #[arg(long, value_name = "KIND=TARGET")]
    allow: Vec<String>,
    /// Timeout of a run of the plugin file, for example `5s` [default: `defaults.timeout` of the
    /// configuration].
    #[arg(long, value_name = "DURATION", value_parser = positive_duration)]
    timeout: Option<Duration>,
}

impl AdHocOptions {
    pub(super) fn is_empty(&self) -> bool {
        self.settings == "{}" && self.allow.is_empty() && self.timeout.is_none()
    }

    pub(super) fn ad_hoc(&self) -> Result<AdHoc, String> {
        let settings: Map<String, Value> = serde_json::from_str(&self.settings)
            .map_err(|error| format!("cannot read `--settings` as a JSON object: {error}"))?;
        let pair = |entry: &String| match entry.split_once('=') {
            Some((kind, target)) => Ok((kind.to_owned(), target.to_owned())),
            None => Err(format!(
                "cannot read `--allow {entry}`: the kind of the grant is missing; write for example \
                 `--allow tcp=db.internal:5432`"
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

/// Parses a duration that is not zero.
pub(super) fn positive_duration(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        Ok(_) => Err("it is zero; write for example 500ms or 5s".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

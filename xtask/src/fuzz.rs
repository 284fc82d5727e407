//! `cargo xtask fuzz`: campaigns of the fuzz targets, as long as one likes.
//!
//! What the targets are and do is `tests/src/fuzz.rs`'s to know.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use vitals_values::parse_duration;

use crate::command::{command, run};
use crate::guests;
use crate::step::Steps;
use crate::tests::{native, with_fixtures};
use crate::workspace;

/// How long, from which seed, and of what.
#[derive(Args)]
pub(crate) struct Fuzz {
    /// The targets; all of them, one after the other, where none is named.
    targets: Vec<String>,
    /// How long each target goes on: `90s`, `10m` or `2h`.
    #[arg(long = "for", value_name = "DURATION", default_value = "1m", value_parser = parse_duration)]
    time: Duration,
    /// Determines the inputs.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Try this input alone, as the report of a failure says.
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
}

impl Fuzz {
    /// Builds what the targets need and runs them.
    pub(crate) fn run(&self) -> Result<()> {
        let mut steps = Steps::new(guests::STEPS_FOR_TESTS + 2);
        guests::all_for_tests(&mut steps)?;
        steps.step("the host and the fuzz targets", || {
            run(native("build").args(["--bin", "vitals", "--bin", "vitals-fuzz"]))
        })?;
        steps.step("fuzz targets", || {
            let mut fuzz = command(workspace::target().join("debug/vitals-fuzz"));
            fuzz.args(self.arguments());
            run(with_fixtures(&mut fuzz))
        })
    }

    fn arguments(&self) -> Vec<OsString> {
        let (seconds, seed) = (self.time.as_secs().to_string(), self.seed.to_string());
        let mut arguments: Vec<OsString> = ["--seconds", &seconds, "--seed", &seed]
            .map(OsString::from)
            .into();
        if let Some(file) = &self.input {
            // Named as seen from where the command was typed.
            let file = std::path::absolute(file).unwrap_or_else(|_| file.clone());
            arguments.extend(["--input".into(), file.into()]);
        }
        arguments.extend(self.targets.iter().map(OsString::from));
        arguments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_told_what_was_typed() {
        let fuzz = Fuzz {
            targets: vec!["hosts".to_owned()],
            time: Duration::from_mins(1),
            seed: 7,
            input: Some("/tmp/x".into()),
        };
        let expected = [
            "--seconds",
            "60",
            "--seed",
            "7",
            "--input",
            "/tmp/x",
            "hosts",
        ];
        assert_eq!(fuzz.arguments(), expected);
    }
}

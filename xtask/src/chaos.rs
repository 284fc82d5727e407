//! `cargo xtask chaos`: random file operations against a real host, for a given time.
//!
//! `tests/src/chaos.rs` defines the operations and the promises; this file knows neither.

use std::ffi::OsString;

use anyhow::Result;
use clap::Args;

use crate::command::{command, run};
use crate::step::Steps;
use crate::tests::{native, with_fixtures};
use crate::workspace;

/// Options of the campaign.
#[derive(Args)]
pub(crate) struct Chaos {
    /// How long to change files, in seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Seed of the operations; a random one by default.
    #[arg(long)]
    seed: Option<u64>,
    /// Interval of the unchanged checks, in milliseconds. Below 1000 it needs an otherwise idle machine.
    #[arg(long, value_name = "MILLISECONDS")]
    every: Option<u64>,
    /// Leave out a part, to narrow down a failure: `configuration`, `trials` or `unity`.
    #[arg(long, value_name = "PART")]
    without: Vec<String>,
}

impl Chaos {
    /// Builds the host and the campaign, and runs the campaign.
    pub(crate) fn run(&self) -> Result<()> {
        let mut steps = Steps::new(2);
        steps.step("the host and the campaign", || {
            run(native("build").args(["--bin", "vitals", "--bin", "vitals-chaos"]))
        })?;
        steps.step("chaos", || {
            let mut chaos = command(workspace::target().join("debug/vitals-chaos"));
            chaos.args(self.arguments());
            run(with_fixtures(&mut chaos))
        })
    }

    fn arguments(&self) -> Vec<OsString> {
        let mut arguments = vec!["--seconds".into(), self.seconds.to_string().into()];
        for (option, value) in [("--seed", self.seed), ("--every", self.every)] {
            if let Some(value) = value {
                arguments.extend([option.into(), value.to_string().into()]);
            }
        }
        for part in &self.without {
            arguments.extend(["--without".into(), part.into()]);
        }
        arguments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_options_are_passed_on() {
        let chaos = Chaos {
            seconds: 600,
            seed: Some(7),
            every: None,
            without: vec!["unity".to_owned()],
        };
        let expected = ["--seconds", "600", "--seed", "7", "--without", "unity"];
        assert_eq!(chaos.arguments(), expected);
    }
}

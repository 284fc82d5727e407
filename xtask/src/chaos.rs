//! `cargo xtask chaos`: random file operations against a real host, as long as one likes.
//!
//! What is done and what must hold is `tests/src/chaos.rs`'s to know.

use std::ffi::OsString;

use anyhow::Result;
use clap::Args;

use crate::command::{command, run};
use crate::step::Steps;
use crate::tests::{native, with_fixtures};
use crate::workspace;

/// How long, from which seed, and without what.
#[derive(Args)]
pub(crate) struct Chaos {
    /// How long files are changed.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Determines what is done; without one, another each time.
    #[arg(long)]
    seed: Option<u64>,
    /// Milliseconds from one run of the checks that are left alone to the next; less than a second
    /// needs a machine that nobody else uses.
    #[arg(long, value_name = "MILLISECONDS")]
    every: Option<u64>,
    /// Leave something out, to narrow a failure down: `configuration`, `trials` or `unity`.
    #[arg(long, value_name = "PART")]
    without: Vec<String>,
}

impl Chaos {
    /// Builds what the campaign needs and runs it.
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
    fn the_program_is_told_what_was_typed() {
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

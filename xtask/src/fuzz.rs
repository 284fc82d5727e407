//! `cargo xtask fuzz`: coverage-guided fuzzing with cargo-fuzz, for a given time.
//!
//! `tests/src/fuzz.rs` defines the targets; this file does not know what they do.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::command::{command, run, succeeds};
use crate::guests;
use crate::install;
use crate::step::Steps;
use crate::tests::with_fixtures;
use crate::workspace;

/// The targets, and how long to fuzz them.
#[derive(Args)]
pub(crate) struct Fuzz {
    /// Targets to fuzz, one after the other; all by default.
    targets: Vec<String>,
    /// How long to fuzz each target, in seconds.
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u64,
    /// Run only this input, for example one that libFuzzer wrote to `fuzz/artifacts`.
    #[arg(long, value_name = "FILE", requires = "targets")]
    input: Option<PathBuf>,
}

impl Fuzz {
    /// Installs cargo-fuzz if it is missing, builds the targets with instrumentation and runs them.
    pub(crate) fn run(&self) -> Result<()> {
        let mut steps = Steps::new(guests::STEPS_FOR_TESTS + 3);
        guests::all_for_tests(&mut steps)?;
        let cargo_fuzz = steps.step("cargo-fuzz and a C++ compiler", || {
            let is_there = || succeeds("c++", &["--version"]);
            install::debian_packages("libFuzzer", &["g++"], is_there)?;
            install::cargo_tool("cargo-fuzz", "0.13.2", &[])
        })?;
        steps.step("fuzz targets, with instrumentation", || {
            // The dependency versions of the host, so that the released code is fuzzed.
            let lock = workspace::root().join("Cargo.lock");
            workspace::copy_if_changed(&lock, &workspace::root().join("fuzz/Cargo.lock"))?;
            run(&mut fuzz(&cargo_fuzz, "build"))
        })?;
        steps.step("fuzzing", || {
            let all = all()?;
            let targets = if self.targets.is_empty() {
                &all
            } else {
                &self.targets
            };
            let mut failed = Vec::new();
            for target in targets {
                if !all.contains(target) {
                    bail!(
                        "there is no fuzz target `{target}`: there are {}",
                        all.join(", ")
                    );
                }
                if run(with_fixtures(&mut self.command(&cargo_fuzz, target))).is_err() {
                    failed.push(target.as_str());
                }
            }
            if failed.is_empty() {
                return Ok(());
            }
            bail!(
                "fuzzing found an input that breaks a law of {}: fix the bug, and move the input from \
                 fuzz/artifacts to fuzz/seeds",
                failed.join(", ")
            )
        })
    }

    fn command(&self, cargo_fuzz: &Path, target: &str) -> Command {
        let mut command = fuzz(cargo_fuzz, "run");
        command.arg(target);
        if let Some(file) = &self.input {
            // A relative path starts at the working directory of the user.
            command.arg(std::path::absolute(file).unwrap_or_else(|_| file.clone()));
            return command;
        }
        command.args(["--", "-print_final_stats=1"]);
        command.arg(format!("-max_total_time={}", self.seconds));
        command.arg(format!("-max_len={MAX_INPUT_BYTES}"));
        command.arg(format!("-timeout={TIMEOUT_SECONDS}"));
        let dictionary = workspace::root().join(format!("fuzz/dictionaries/{target}.dict"));
        if dictionary.exists() {
            command.arg(format!("-dict={}", dictionary.display()));
        }
        command
    }
}

/// A `cargo fuzz` command without a sanitizer: sanitizers need a nightly compiler and find bugs in unsafe
/// code, of which the host has none.
fn fuzz(cargo_fuzz: &Path, subcommand: &str) -> Command {
    let mut command = command(cargo_fuzz);
    command
        .args([
            "fuzz",
            subcommand,
            "--sanitizer=none",
            "--no-cfg-fuzzing",
            "--target-dir",
        ])
        .arg(workspace::target().join("fuzz"));
    command
}

/// The names of all targets.
fn all() -> Result<Vec<String>> {
    let directory = workspace::root().join("fuzz/fuzz_targets");
    let files = workspace::files_with_extension(&directory, "rs")?;
    let name = |file: &PathBuf| Some(file.file_stem()?.to_str()?.to_owned());
    let names: Option<Vec<_>> = files.iter().map(name).collect();
    names.context("a fuzz target has a name that is not UTF-8")
}

/// Larger than every size limit that a target tests.
const MAX_INPUT_BYTES: u32 = 256 << 10;
/// Longer than every time limit of the targets: an input that takes longer hangs.
const TIMEOUT_SECONDS: u32 = 120;

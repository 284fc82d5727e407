//! `cargo xtask semver`: compares the public API that checks in Rust are written against with a baseline.
//!
//! It calls cargo-semver-checks, which reads the documentation that rustdoc writes as JSON. It cannot
//! follow a re-export into another crate, so each crate is compared by itself.

use anyhow::Result;
use clap::Args;

use crate::command::{command, run};
use crate::install;
use crate::step::Steps;
use crate::workspace;

/// What to compare with.
#[derive(Args)]
pub(crate) struct Semver {
    /// A commit or tag. The default is the last release; before the first one, the commit in which the
    /// public API was reviewed.
    #[arg(default_value = BASELINE)]
    baseline: String,
}

/// Changed by each release to its tag.
const BASELINE: &str = "aef8355";

impl Semver {
    /// Installs cargo-semver-checks if it is missing, and lists the changes that break checks.
    pub(crate) fn run(&self) -> Result<()> {
        let mut steps = Steps::new(2);
        let semver_checks = steps.step("cargo-semver-checks", || {
            install::cargo_tool("cargo-semver-checks", "0.51.0", &[])
        })?;
        steps.step("public API", || {
            run(command(semver_checks)
                .args(["semver-checks", "-p", "vitals-sdk", "-p", "vitals-values"])
                .arg("--baseline-rev")
                .arg(&self.baseline)
                .env("CARGO_TARGET_DIR", workspace::target().join("semver")))
        })
    }
}

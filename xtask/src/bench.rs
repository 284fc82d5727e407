//! `cargo xtask bench`: the benchmarks, with the guests that they need.

use std::ffi::OsString;

use anyhow::Result;

use crate::command::{cargo, run};
use crate::guests::{self, STEPS_FOR_TESTS};
use crate::install::Permission;
use crate::servers;
use crate::step::{Steps, note};
use crate::tests::with_fixtures;
use crate::workspace;

/// Builds what the benchmarks need and runs them.
pub(crate) fn run_all(args: &[OsString]) -> Result<()> {
    let mut steps = Steps::new(STEPS_FOR_TESTS + 2);
    guests::all_for_tests(&mut steps, Permission::Given)?;
    steps.step("what checks are compared with", || {
        let compared = |part: &OsString| part == "plugins" || part == "checkers";
        if args.is_empty() || args.iter().any(compared) {
            // All that it costs is rows of the table.
            servers::install_checkers(Permission::Given)
                .unwrap_or_else(|error| note(&format!("{error:#}")));
        }
        Ok(())
    })?;
    steps.step("benchmarks, on a release build of the host", || {
        let mut bench = cargo("run");
        bench
            .args(["--release", "-p", "vitals-bench", "--target-dir"])
            .arg(workspace::target())
            .arg("--")
            .args(args);
        run(with_fixtures(&mut bench))
    })
}

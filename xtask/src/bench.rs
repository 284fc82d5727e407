//! `cargo xtask bench`: the benchmarks, with the guests that they need.

use std::ffi::OsString;

use anyhow::Result;

use crate::command::{cargo, run};
use crate::guests::{self, STEPS_FOR_TESTS};
use crate::install::Permission;
use crate::servers;
use crate::step::{Steps, note};
use crate::tests::{self, with_fixtures};
use crate::workspace;

/// Builds what the benchmarks need and runs them; with `inner` first, those of inner functions, which
/// need nothing else.
pub(crate) fn run_all(args: &[OsString]) -> Result<()> {
    if let Some((first, rest)) = args.split_first()
        && first == "inner"
    {
        return inner(rest);
    }
    let mut steps = Steps::new(STEPS_FOR_TESTS + 2);
    guests::all_for_tests(&mut steps, Permission::Given)?;
    steps.step("what checks look at, and are compared with", || {
        let wanted = |name: &str| args.is_empty() || args.iter().any(|part| part == name);
        // All that it costs is rows of the table.
        let try_to = |install: fn(Permission) -> Result<()>| {
            install(Permission::Given).unwrap_or_else(|error| note(&format!("{error:#}")));
        };
        if wanted("plugins") {
            try_to(servers::install);
            try_to(tests::install_celery);
        }
        if wanted("checkers") {
            try_to(servers::install_checkers);
        }
        Ok(())
    })?;
    steps.step("benchmarks, on a release build of the host", || {
        let mut bench = cargo("run");
        bench
            .args(["--release", "-p", "vitals-bench", "--target-dir"])
            .arg(workspace::target())
            .arg("--")
            .args(args)
            // Who has it set would measure backtraces of errors that are none to anybody.
            .env_remove("RUST_BACKTRACE");
        run(with_fixtures(&mut bench))
    })
}

fn inner(args: &[OsString]) -> Result<()> {
    let mut bench = cargo("bench");
    bench
        .args(["-p", "vitals-bench", "--bench", "inner", "--target-dir"])
        .arg(workspace::target())
        .arg("--")
        .args(args);
    run(&mut bench)
}

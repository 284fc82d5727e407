//! `cargo xtask bench`: builds the guests that the benchmarks need and runs the benchmarks.

use std::ffi::OsString;

use anyhow::Result;

use crate::command::{cargo, run};
use crate::guests::{self, STEPS_FOR_TESTS};
use crate::needs;
use crate::step::{Steps, note};
use crate::tests::with_fixtures;
use crate::workspace;

/// Builds what the benchmarks need and runs them. If the first argument is `inner`, runs the benchmarks
/// of inner functions, which need nothing else.
pub(crate) fn run_all(args: &[OsString]) -> Result<()> {
    if let Some((first, rest)) = args.split_first()
        && first == "inner"
    {
        return inner(rest);
    }
    let mut steps = Steps::new(STEPS_FOR_TESTS + 2);
    guests::all_for_tests(&mut steps)?;
    steps.step(
        "services to check, and other checkers to compare with",
        || {
            let wanted = |name: &str| args.is_empty() || args.iter().any(|part| part == name);
            for (name, needs) in NEEDS {
                if wanted(name) {
                    // A missing program costs only rows of the table.
                    let met = needs::meet(&needs.iter().copied().collect());
                    met.unwrap_or_else(|error| note(&format!("{error:#}")));
                }
            }
            Ok(())
        },
    )?;
    steps.step("benchmarks, on a release build of the host", || {
        let mut bench = cargo("run");
        bench
            .args(["--release", "-p", "vitals-bench", "--target-dir"])
            .arg(workspace::target())
            .arg("--")
            .args(args)
            // Backtraces of expected errors would be measured too.
            .env_remove("RUST_BACKTRACE");
        run(with_fixtures(&mut bench))
    })
}

/// What some benchmarks need.
const NEEDS: [(&str, &[&str]); 3] = [
    (
        "plugins",
        &[
            "nginx-light",
            "nsd",
            "postfix",
            "libsasl2-modules",
            "sasl2-bin",
            "postgresql",
            "prometheus",
            "redis-server",
            "celery",
            "etcd-server",
            "python3-websockets",
        ],
    ),
    (
        "checkers",
        &["monitoring-plugins-basic", "prometheus-blackbox-exporter"],
    ),
    ("reload", &["js-quota", "python-expiry"]),
];

/// Runs the benchmarks of inner functions.
fn inner(args: &[OsString]) -> Result<()> {
    let mut bench = cargo("bench");
    bench
        .args(["-p", "vitals-bench", "--bench", "inner", "--target-dir"])
        .arg(workspace::target())
        .arg("--")
        .args(args);
    run(&mut bench)
}

//! `cargo xtask lint`: format, lints, documentation and dependencies, with every warning an error.

use anyhow::Result;

use crate::command::{cargo, run, succeeds};
use crate::guests::{EXAMPLE_MANIFEST, TEST_GUESTS, build_dir, example_build_dir, plugin_packages};
use crate::install::{self, TARGET};
use crate::step::{Steps, note};
use crate::tests::native;

/// Runs every check; the first that fails ends it.
pub(crate) fn run_all() -> Result<()> {
    let mut steps = Steps::new(6);
    steps.step("the wasm32-wasip2 target", install::guest_target)?;
    steps.step("format", || {
        run(cargo("fmt").args(["--all", "--check"]))?;
        run(cargo("fmt").args(["--manifest-path", EXAMPLE_MANIFEST, "--check"]))
    })?;
    steps.step("clippy, for this machine", || {
        run(native("clippy").args(["--all-targets", "--", "-D", "warnings"]))?;
        run(cargo("clippy")
            .args([
                "--manifest-path",
                EXAMPLE_MANIFEST,
                "--all-targets",
                "--target-dir",
            ])
            .arg(example_build_dir())
            .args(["--", "-D", "warnings"]))
    })?;
    steps.step("clippy, for guests", || {
        let mut clippy = cargo("clippy");
        clippy
            .args(["--target", TARGET, "--target-dir"])
            .arg(build_dir());
        for package in plugin_packages()? {
            clippy.args(["-p", &package]);
        }
        run(clippy.args([
            "-p",
            "vitals-sdk",
            "-p",
            "vitals-values",
            "-p",
            TEST_GUESTS,
            "--lib",
            "--examples",
            "--",
            "-D",
            "warnings",
        ]))
    })?;
    steps.step("documentation", || {
        run(native("doc")
            .arg("--no-deps")
            .env("RUSTDOCFLAGS", "-D warnings"))
    })?;
    steps.step("dependencies", || {
        if succeeds("cargo-deny", &["--version"]) {
            run(cargo("deny").arg("check"))
        } else {
            note("not checked: type `cargo install cargo-deny` to have them checked");
            Ok(())
        }
    })
}

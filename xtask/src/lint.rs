//! `cargo xtask lint`: checks formatting, lints, documentation, documents and dependencies; every warning
//! is an error.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;

use crate::book;
use crate::command::{cargo, command, run};
use crate::guests::{EXAMPLE_MANIFEST, TEST_GUESTS, build_dir, example_build_dir, plugin_packages};
use crate::install::{self, TARGET};
use crate::scripts;
use crate::step::Steps;
use crate::tests::native;
use crate::workspace;

/// Runs every check and stops at the first failure. Security advisories are checked only
/// `with_advisories`, because their database is on GitHub and changes without a commit here.
pub(crate) fn run_all(with_advisories: bool) -> Result<()> {
    let mut steps = Steps::new(10);
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
    steps.step("clippy, without features and with each alone", || {
        FEATURES.iter().try_for_each(|feature| {
            run(cargo("clippy")
                .args(["-p", "vitals-host", "--no-default-features"])
                .args(["--features", feature, "--target-dir"])
                .arg(workspace::target().join("features"))
                .args(["--", "-D", "warnings"]))
        })
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
    // Builds from the packages themselves, as an author of a plugin gets them. The host takes minutes
    // more; `cargo publish --dry-run --workspace` builds that too. Cargo keeps what it has unpacked from
    // the registry it makes in the target directory by path and version: in the same directory again, it
    // would build the packages of an earlier run.
    steps.step("packages of the SDK", || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
        let build = workspace::target().join(format!("packages-{now}"));
        let packaged = run(cargo("package")
            .args(["--allow-dirty", "--target", TARGET, "--target-dir"])
            .arg(&build)
            .args(["-p", "vitals-sdk", "-p", "vitals-sdk-macros"])
            .args(["-p", "vitals-values"]));
        fs::remove_dir_all(&build)?;
        packaged
    })?;
    steps.step("documentation", || {
        run(native("doc")
            .arg("--no-deps")
            .env("RUSTDOCFLAGS", "-D warnings"))
    })?;
    let tools = steps.step("documents", || {
        let tools = scripts::virtual_environment("lint", "xtask/lint-requirements.txt")?;
        run(command(tools.join("bin/rumdl")).args(["check", "--no-cache", "."]))?;
        Ok(tools)
    })?;
    steps.step("the book", book::build)?;
    steps.step("dependencies", || {
        let mut deny = command(tools.join("bin/cargo-deny"));
        deny.args([
            "check",
            "--hide-inclusion-graph",
            "bans",
            "licenses",
            "sources",
        ]);
        if with_advisories {
            deny.arg("advisories");
        }
        run(&mut deny)?;
        run(&mut command(tools.join("bin/cargo-shear")))
    })
}

/// The features of `vitals-host`, and none. The whole workspace is built with all of them.
const FEATURES: [&str; 5] = ["", "metrics", "notify", "sentry", "compile-in-process"];

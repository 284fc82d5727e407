//! `cargo xtask test`: installs and builds what the selected tests need, then runs them.
//!
//! Test and demo select the same packages, so that the features of shared dependencies agree and nothing
//! is compiled twice.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::process::Command;

use anyhow::{Result, bail};

use crate::command::{self, cargo, run};
use crate::guests::{self, EXAMPLE_MANIFEST, STEPS_FOR_TESTS, TEST_GUESTS};
use crate::needs::{self, Needs};
use crate::step::{Steps, note};
use crate::workspace;

#[derive(clap::Args)]
pub(crate) struct Test {
    /// Install nothing and take less time: leave out doc tests and the tests listed in tests/needs.txt.
    #[arg(long)]
    quick: bool,
    /// Run the tests whose names contain one of these, and install only what they need.
    names: Vec<OsString>,
    /// Options of the test programs, such as `--nocapture`.
    #[arg(last = true)]
    options: Vec<OsString>,
}

impl Test {
    /// Builds and installs what the selected tests need, and runs them.
    ///
    /// # Errors
    ///
    /// A build or an installation fails, or a test fails.
    pub(crate) fn run(&self) -> Result<()> {
        let selects_all = self.names.is_empty() && self.options.is_empty();
        let tests_example = selects_all && !self.quick;
        let mut steps = Steps::new(3 + STEPS_FOR_TESTS + u32::from(tests_example));
        steps.step("the host and the tests", || {
            // Select tests too, because dev-dependencies affect the choice of features.
            run(native("build").args(["--bins", "--lib", "--tests"]))
        })?;
        let needs = Needs::read()?;
        let selected = self.integration_tests()?;
        if selects_all && let Some(tests) = needs.stale(&selected) {
            bail!("tests/needs.txt has a line for `{tests}`, but no test has that name");
        }
        let needed = |test: &String| (test.clone(), needs.of(test));
        let needed: BTreeMap<_, _> = selected.iter().map(needed).collect();
        let without = if self.quick {
            excluded(&needed)?
        } else {
            Vec::new()
        };

        guests::all_for_tests(&mut steps)?;
        steps.step("other prerequisites of the tests", || {
            let needs: BTreeSet<_> = needed.values().flatten().copied().collect();
            if self.quick {
                let names = Vec::from_iter(needs).join(", ");
                note(&format!(
                    "leaving out {} tests that need {names}",
                    without.len()
                ));
                return Ok(());
            }
            needs::meet(&needs)
        })?;
        if tests_example {
            steps.step("tests of the example check", || {
                run(cargo("test")
                    .args(["--manifest-path", EXAMPLE_MANIFEST, "--target-dir"])
                    .arg(guests::example_build_dir()))
            })?;
        }
        steps.step("tests", || {
            let mut test = native("test");
            test.arg("--no-fail-fast");
            if self.quick {
                test.args(["--bins", "--lib", "--tests"]);
            }
            test.arg("--").args(&self.names).args(&self.options);
            test.args(without.iter().flat_map(|test| ["--skip", test]));
            run(with_fixtures(&mut test))
        })
    }

    /// The names of the integration tests that the command line selects.
    fn integration_tests(&self) -> Result<Vec<String>> {
        let mut list = native("test");
        list.args(["--quiet", "--test", "all", "--", "--list"])
            .args(&self.names)
            .args(&self.options);
        let list = command::output_of(&mut list)?;
        let names = list.lines().filter_map(|line| line.strip_suffix(": test"));
        Ok(names.map(str::to_owned).collect())
    }
}

/// The tests that need something.
///
/// # Errors
///
/// The name of such a test is part of the name of a test that needs nothing, so `--skip` would leave out
/// both.
fn excluded<'a>(needed: &'a BTreeMap<String, BTreeSet<&str>>) -> Result<Vec<&'a str>> {
    let (with, without): (Vec<_>, Vec<_>) = needed.iter().partition(|(_, needs)| !needs.is_empty());
    for (name, _) in &with {
        if let Some((other, _)) = without
            .iter()
            .find(|(other, _)| other.contains(name.as_str()))
        {
            bail!("cannot leave out `{name}` without `{other}`: rename one of these tests");
        }
    }
    Ok(with.into_iter().map(|(name, _)| name.as_str()).collect())
}

/// A cargo command for all packages that run on this machine.
pub(crate) fn native(subcommand: &str) -> Command {
    let mut command = cargo(subcommand);
    command
        .args(["--workspace", "--exclude", TEST_GUESTS, "--target-dir"])
        .arg(workspace::target());
    command
}

/// Passes the paths of the built guests, plugins and host binary to tests and benchmarks.
pub(crate) fn with_fixtures(command: &mut Command) -> &mut Command {
    command
        .env("VITALS_TEST_GUESTS", guests::test_guests_dir())
        .env("VITALS_TEST_PLUGINS", guests::plugins_dir())
        .env("VITALS_TEST_BIN", workspace::target().join("debug/vitals"))
}

#[cfg(test)]
mod exclusion {
    use super::*;

    #[test]
    fn tests_without_needs_are_never_excluded() {
        let mut needed = BTreeMap::from([
            ("a::one".to_owned(), BTreeSet::from(["nsd"])),
            ("a::two".to_owned(), BTreeSet::new()),
        ]);
        assert_eq!(excluded(&needed).unwrap(), ["a::one"]);
        needed.insert("a::one_more".to_owned(), BTreeSet::new());
        let error = excluded(&needed).unwrap_err().to_string();
        assert!(error.contains("`a::one` without `a::one_more`"), "{error}");
    }
}

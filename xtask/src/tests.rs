//! `cargo xtask test`: all set-up that the selected tests need, then the tests.
//!
//! Test and demo select the same packages, so that the features of shared dependencies agree and
//! nothing is compiled twice.

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
    /// Install nothing and take less time: leave out the tests with a line in tests/needs.txt, and the
    /// tests of documentation.
    #[arg(long)]
    quick: bool,
    /// Run the tests whose names contain one of these; what only others need is not installed.
    names: Vec<OsString>,
    /// Options of the tests: `--nocapture`.
    #[arg(last = true)]
    options: Vec<OsString>,
}

impl Test {
    /// Builds and installs what the selected tests need, and runs them.
    ///
    /// # Errors
    ///
    /// Something can't be built or installed, or a test fails.
    pub(crate) fn run(&self) -> Result<()> {
        let selects_all = self.names.is_empty() && self.options.is_empty();
        let tests_example = selects_all && !self.quick;
        let mut steps = Steps::new(3 + STEPS_FOR_TESTS + u32::from(tests_example));
        steps.step("the host and the tests", || {
            // As a test selection: dev-dependencies take part in the choice of features.
            run(native("build").args(["--bins", "--lib", "--tests"]))
        })?;
        let needs = Needs::read()?;
        let selected = self.integration_tests()?;
        if selects_all && let Some(tests) = needs.stale(&selected) {
            bail!("tests/needs.txt has a line for `{tests}`, and there is no such test");
        }
        let needed = |test: &String| (test.clone(), needs.of(test));
        let needed: BTreeMap<_, _> = selected.iter().map(needed).collect();
        let without = if self.quick {
            left_out(&needed)?
        } else {
            Vec::new()
        };

        guests::all_for_tests(&mut steps)?;
        steps.step("what else the tests need", || {
            let needs: BTreeSet<_> = needed.values().flatten().copied().collect();
            if self.quick {
                let names = Vec::from_iter(needs).join(", ");
                note(&format!(
                    "{} tests are left out, which need {names}",
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
/// The name of one is part of the name of another that needs nothing: `--skip` would leave out both.
fn left_out<'a>(needed: &'a BTreeMap<String, BTreeSet<&str>>) -> Result<Vec<&'a str>> {
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

/// A cargo command over all packages that run on this machine.
pub(crate) fn native(verb: &str) -> Command {
    let mut command = cargo(verb);
    command
        .args(["--workspace", "--exclude", TEST_GUESTS, "--target-dir"])
        .arg(workspace::target());
    command
}

/// Tells tests and benchmarks where the built guests, plugins and the host's binary are.
pub(crate) fn with_fixtures(command: &mut Command) -> &mut Command {
    command
        .env("VITALS_TEST_GUESTS", guests::test_guests_dir())
        .env("VITALS_TEST_PLUGINS", guests::plugins_dir())
        .env("VITALS_TEST_BIN", workspace::target().join("debug/vitals"))
}

#[cfg(test)]
mod leaving_out {
    use super::*;

    #[test]
    fn what_needs_nothing_is_never_left_out() {
        let mut needed = BTreeMap::from([
            ("a::one".to_owned(), BTreeSet::from(["nsd"])),
            ("a::two".to_owned(), BTreeSet::new()),
        ]);
        assert_eq!(left_out(&needed).unwrap(), ["a::one"]);
        needed.insert("a::one_more".to_owned(), BTreeSet::new());
        let error = left_out(&needed).unwrap_err().to_string();
        assert!(error.contains("`a::one` without `a::one_more`"), "{error}");
    }
}

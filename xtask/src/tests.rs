//! `cargo xtask test`: all set-up that the tests need, then every test of the repository.
//!
//! Test and demo select the same packages, so that the features of shared dependencies agree and
//! nothing is compiled twice.

use std::ffi::OsString;
use std::process::Command;

use anyhow::Result;

use crate::command::{cargo, run};
use crate::guests::{self, EXAMPLE_MANIFEST, STEPS_FOR_TESTS, TEST_GUESTS};
use crate::install::Permission;
use crate::scripts;
use crate::servers;
use crate::step::Steps;
use crate::workspace;

/// Builds what the tests need and runs them; with `args`, only those of the workspace that `cargo
/// test` then selects.
pub(crate) fn run_all(args: &[OsString]) -> Result<()> {
    let mut steps = Steps::new(STEPS_FOR_TESTS + if args.is_empty() { 8 } else { 7 });
    guests::all_for_tests(&mut steps, Permission::Given)?;
    bugsink(&mut steps, Permission::Given)?;
    celery(&mut steps, Permission::Given)?;
    deployers(&mut steps, Permission::Given)?;
    grafana(&mut steps, Permission::Given)?;
    steps.step("real servers, which checks look at", || {
        servers::install(Permission::Given)
    })?;
    steps.step("the host and the tests", || {
        let mut build = native("build");
        // As a test selection: dev-dependencies take part in the choice of features.
        build.args(["--bins", "--lib", "--tests"]);
        run(&mut build)
    })?;
    if args.is_empty() {
        steps.step("tests of the example check", || {
            run(cargo("test")
                .args(["--manifest-path", EXAMPLE_MANIFEST, "--target-dir"])
                .arg(guests::example_build_dir()))
        })?;
    }
    steps.step("tests", || {
        let mut test = native("test");
        test.arg("--no-fail-fast").args(args);
        run(with_fixtures(&mut test))
    })
}

/// Installs the server that stands for Sentry, in one step.
pub(crate) fn bugsink(steps: &mut Steps, permission: Permission) -> Result<()> {
    steps.step("bugsink, a server for error reports", || {
        let requirements = workspace::root().join("tests/bugsink/requirements.txt");
        let needed_for = "the tests of reports to Sentry";
        scripts::virtual_environment("bugsink", needed_for, &requirements, permission)?;
        Ok(())
    })
}

/// Installs Celery and Flower, which a check looks at, in one step.
pub(crate) fn celery(steps: &mut Steps, permission: Permission) -> Result<()> {
    steps.step("celery and flower, workers and what tells of them", || {
        install_celery(permission)
    })
}

/// The same without a step.
pub(crate) fn install_celery(permission: Permission) -> Result<()> {
    let requirements = workspace::root().join("tests/celery/requirements.txt");
    let needed_for = "runs of the plugin `celery`";
    scripts::virtual_environment("celery", needed_for, &requirements, permission)?;
    Ok(())
}

/// Installs what the files of `deploy/` are held to, in one step.
pub(crate) fn deployers(steps: &mut Steps, permission: Permission) -> Result<()> {
    steps.step("validators of what deploy/ has", || {
        servers::install_deployers(permission)?;
        let source = workspace::root().join("tests/deploy");
        let needed_for = "the tests of what deploy/ has";
        let requirements = source.join("requirements.txt");
        scripts::virtual_environment("kubernetes", needed_for, &requirements, permission)?;
        scripts::node_packages("kustomize", needed_for, &source, permission)?;
        Ok(())
    })
}

/// Installs Grafana's types, which dashboards are held to, in one step.
pub(crate) fn grafana(steps: &mut Steps, permission: Permission) -> Result<()> {
    steps.step("the types of Grafana", || {
        let source = workspace::root().join("tests/grafana");
        let needed_for = "the tests of dashboards";
        scripts::node_packages("grafana", needed_for, &source, permission)?;
        Ok(())
    })
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

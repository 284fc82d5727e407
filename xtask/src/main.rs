//! The commands of the repository, `cargo xtask <command>`, for newcomers and for continuous
//! integration.
//!
//! It builds and starts the crates of the workspace, and depends on none of them. Its own dependencies
//! are few and small, so that `cargo xtask demo` prints its first line within seconds.

mod bench;
mod book;
mod chaos;
mod command;
mod demo;
mod fuzz;
mod guests;
mod hostile;
mod install;
mod lint;
mod mutants;
mod needs;
mod scripts;
mod semver;
mod step;
mod tests;
mod workspace;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::step::Steps;

/// Builds, tests, measures and runs vitals.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build the plugins and the host, and run the checks of `examples/demo`.
    Demo(demo::Demo),
    /// Build and install what the tests need, and run all tests or the selected ones.
    Test(tests::Test),
    /// Build the first-party plugins into `target/plugins`.
    Plugins,
    /// Build the Rust guests of the tests into `target/test-guests`.
    Guests,
    /// Build the book from the pages in `docs` into `target/book`.
    Book,
    /// Check formatting, lints, documentation, documents and dependencies.
    Lint {
        /// Also check dependencies against the security advisories, which are fetched from GitHub.
        #[arg(long)]
        advisories: bool,
    },
    /// Run the benchmarks against their baselines; `inner` runs those of inner functions.
    Bench {
        /// Arguments of the benchmarks: their names and options.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Change the files of a running host at random, and check every page against a model.
    Chaos(chaos::Chaos),
    /// Fuzz the code that takes bytes from outside, guided by coverage.
    Fuzz(fuzz::Fuzz),
    /// Make one change at a time in the sandbox, and list the changes that no test notices.
    Mutants(mutants::Mutants),
    /// Compare the public API of the SDK with the last release.
    Semver(semver::Semver),
    /// Run the hostile-guest suite, and write its results to `docs/hostile-guests.md`.
    Hostile(hostile::Hostile),
    /// Wait for the first response of a host and print what to try; started by `demo`.
    #[command(hide = true)]
    Announce(demo::Announce),
}

fn main() -> ExitCode {
    let result = match Cli::parse().task {
        Task::Demo(demo) => demo.run(),
        Task::Test(test) => test.run(),
        Task::Plugins => guests::plugins(&mut Steps::new(2)),
        Task::Guests => guests::all_for_tests(&mut Steps::new(guests::STEPS_FOR_TESTS)),
        Task::Book => book::build(),
        Task::Lint { advisories } => lint::run_all(advisories),
        Task::Bench { args } => bench::run_all(&args),
        Task::Chaos(chaos) => chaos.run(),
        Task::Fuzz(fuzz) => fuzz.run(),
        Task::Mutants(mutants) => mutants.run(),
        Task::Semver(semver) => semver.run(),
        Task::Hostile(hostile) => hostile.run(),
        Task::Announce(announce) => announce.run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            step::error(&error);
            command::exit_code(&error)
        }
    }
}

#[cfg(test)]
mod command_line {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn it_is_consistent() {
        Cli::command().debug_assert();
    }
}

//! The verbs of the repository, `cargo xtask <verb>`: what a newcomer types first, and what the
//! continuous integration types too.
//!
//! It builds and starts the parts of the workspace and knows none of them from inside; it depends
//! on nothing heavy, so that the first answer to `cargo xtask demo` comes within seconds.

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
mod step;
mod tests;
mod workspace;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::step::Steps;

/// The verbs of the repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Build all that is needed and run the host with the checks of `examples/demo`.
    Demo(demo::Demo),
    /// Build and install what the tests need, and run them all or those that are named.
    Test(tests::Test),
    /// Build the first-party plugins into `target/plugins`.
    Plugins,
    /// Build the guests of the tests in Rust into `target/test-guests`.
    Guests,
    /// Build the book from the pages in `docs` into `target/book`.
    Book,
    /// Check format, lints, documentation and dependencies.
    Lint {
        /// Check dependencies against the database of security advisories too, which is on GitHub.
        #[arg(long)]
        advisories: bool,
    },
    /// Build all that is needed and run the benchmarks, or with `inner` those of inner functions.
    Bench {
        /// Handed to the benchmarks.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Build all that is needed and change the files of a running host at random, as long as is said.
    Chaos(chaos::Chaos),
    /// Fuzz what takes bytes from outside, guided by coverage.
    Fuzz(fuzz::Fuzz),
    /// Change the sandbox in one place at a time, and tell which changes no test notices.
    Mutants(mutants::Mutants),
    /// Build all that is needed, run the hostile-guest suite, and write a table of what became of each
    /// case.
    Hostile(hostile::Hostile),
    /// Wait for the first answer of a host and say what to try; started by `demo`.
    #[command(hide = true)]
    Announce(demo::Announce),
}

fn main() -> ExitCode {
    let result = match Cli::parse().verb {
        Verb::Demo(demo) => demo.run(),
        Verb::Test(test) => test.run(),
        Verb::Plugins => guests::plugins(&mut Steps::new(2)),
        Verb::Guests => guests::all_for_tests(&mut Steps::new(guests::STEPS_FOR_TESTS)),
        Verb::Book => book::build(),
        Verb::Lint { advisories } => lint::run_all(advisories),
        Verb::Bench { args } => bench::run_all(&args),
        Verb::Chaos(chaos) => chaos.run(),
        Verb::Fuzz(fuzz) => fuzz.run(),
        Verb::Mutants(mutants) => mutants.run(),
        Verb::Hostile(hostile) => hostile.run(),
        Verb::Announce(announce) => announce.run(),
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

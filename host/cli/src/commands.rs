//! The command line: the arguments of each command, and its exit status.
//!
//! Each command has a file of its own. This file does not know what a command does.

mod ad_hoc;
mod bench;
mod check;
mod client;
mod compile;
mod configuration;
mod inspect;
mod new;
mod output;
mod plugins;
mod probe;
mod reload;
mod report;
mod serve;
mod validate;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

pub(crate) use output::fail;
use output::{INVALID_USAGE, NOT_RUN, print};

/// Runs health checks as sandboxed WebAssembly components on a schedule.
#[derive(Debug, Parser)]
#[command(name = "vitals", version, propagate_version = true)]
pub(crate) struct Arguments {
    /// Configuration file [default: vitals.toml in the current directory, if it exists].
    #[arg(long, global = true, value_name = "FILE", env = "VITALS_CONFIG")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the host: runs the checks on their schedule and serves the HTTP endpoints.
    ///
    /// SIGINT and SIGTERM stop the host. SIGHUP reloads configuration and plugins.
    ///
    /// Exit status: 0 stopped by a signal, 1 the host could not start, 2 the configuration or the
    /// command line is not valid.
    Serve(serve::Serve),
    /// Runs one check once and prints its result.
    ///
    /// Exit status: 0 healthy, 1 degraded, 2 unhealthy, 3 the check could not be run.
    Check(check::Check),
    /// Validates the configuration and the plugins, as `serve` does, and prints every problem.
    ///
    /// Also prints what each check may reach.
    ///
    /// Exit status: 0 valid, 1 the validation could not be run, 2 not valid.
    Validate(validate::Validate),
    /// Describes a plugin file: version, settings, grants and imports.
    ///
    /// Exit status: 0 described, 1 the file is not a plugin, 2 the configuration or the command
    /// line is not valid.
    Inspect(inspect::Inspect),
    /// Creates a project for a new check that builds, passes its tests and runs.
    ///
    /// Exit status: 0 created, 1 the files could not be written, 2 the name or the command line is
    /// not valid.
    New(new::New),
    /// Runs a plugin file many times and measures time, fuel and memory of a run.
    ///
    /// Exit status: 0 measured, 3 the plugin could not be run.
    Bench(Box<bench::Bench>),
    /// Lists the plugins of a running host.
    ///
    /// Exit status: 0 listed, 3 the host did not answer.
    Plugins(plugins::Plugins),
    /// Reloads configuration and plugins of a running host, and prints the changes.
    ///
    /// Exit status: 0 reloaded, 2 the host rejected a file or reported a problem, 3 the host did
    /// not answer.
    Reload(reload::Reload),
    /// Requests an endpoint, for health checks of containers.
    ///
    /// Exit status: 0 the response is 2xx, 1 any other response or none, 2 the command line is not
    /// valid.
    Probe(probe::Probe),
    /// Compiles a plugin from standard input. The host runs this command as a child process.
    #[command(hide = true)]
    Compile(compile::Compile),
    /// Prints the JSON Schema of the configuration file, for editors.
    ///
    /// Exit status: 0 printed, 2 the command line is not valid.
    Schema,
}

impl Arguments {
    /// Runs the command that needs a process without other threads. Returns any other command.
    pub(crate) fn run_without_runtime(self) -> Result<ExitCode, Self> {
        match self.command {
            Command::Compile(compile) => Ok(compile.run()),
            command => Err(Self { command, ..self }),
        }
    }

    pub(crate) async fn run(self) -> ExitCode {
        let Self { config, command } = self;
        // An error is the exit status of a command whose errors have been printed.
        let status = match command {
            Command::Serve(serve) => serve.run(config).await,
            Command::Check(check) => check.run(config).await,
            Command::Validate(validate) => validate.run(config).await,
            Command::Inspect(inspect) => inspect.run(config).await,
            Command::New(new) => Ok(new.run()),
            Command::Bench(bench) => bench.run(config).await,
            Command::Plugins(plugins) => plugins.run(config).await,
            Command::Reload(reload) => reload.run(config).await,
            Command::Probe(probe) => Ok(probe.run().await),
            // `run_without_runtime` has run it.
            Command::Compile(compile) => Ok(compile.run()),
            Command::Schema => {
                let schema = vitals_host::config::json_schema();
                print(&format!("{schema:#}"));
                Ok(ExitCode::SUCCESS)
            }
        };
        status.unwrap_or_else(|status| status)
    }
}

/// Prints an error in the command line and returns the exit status for it.
///
/// Commands that run a check or ask a host return 3, because their status 2 means an unhealthy
/// check or a rejected file.
pub(crate) fn report_usage_error(error: &clap::Error) -> ExitCode {
    // An error here means that nobody reads standard error.
    let _ = error.print();
    let arguments = Arguments::command();
    let command =
        std::env::args_os().find(|argument| arguments.find_subcommand(argument).is_some());
    let has_own_status = ["bench", "check", "plugins", "reload"]
        .iter()
        .any(|name| command.as_deref() == Some(name.as_ref()));
    match error.exit_code() {
        0 => ExitCode::SUCCESS,
        _ if has_own_status => ExitCode::from(NOT_RUN),
        _ => ExitCode::from(INVALID_USAGE),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_definition_of_the_command_line_is_consistent() {
        super::Arguments::command().debug_assert();
    }
}

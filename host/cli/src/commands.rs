//! The command line: what each verb is told, and which exit status it ends in.

mod ad_hoc;
mod bench;
mod check;
mod compile;
mod configuration;
mod format;
mod inspect;
mod new;
mod output;
mod plugins;
mod probe;
mod reload;
mod report;
mod running;
mod serve;
mod status;
mod validate;
mod wrapped;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

pub(crate) use output::fail;
use output::print;
use status::{CONFIGURATION, NOT_RUN};

/// Runs health checks that nobody has to trust: WebAssembly components, in a sandbox, on a
/// schedule.
#[derive(Debug, Parser)]
#[command(name = "vitals", version, propagate_version = true)]
pub(crate) struct Arguments {
    /// The configuration file. Default: ./vitals.toml if there is one.
    #[arg(long, global = true, value_name = "FILE", env = "VITALS_CONFIG")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Runs the host: checks on their schedule, answers on the endpoints. Exit status: 0 ended by a
    /// signal, 1 could not start, 2 the configuration is wrong.
    Serve(serve::Serve),
    /// Runs one check once and prints the result. Exit status: 0 healthy, 1 degraded, 2 unhealthy,
    /// 3 could not be run.
    Check(check::Check),
    /// Says everything that `serve` would complain of. Exit status: 0 nothing, 2 something.
    Validate(validate::Validate),
    /// Says what a plugin file is, what it may be told, and what it wants granted. Exit status: 0, 1
    /// no plugin.
    Inspect(inspect::Inspect),
    /// Writes a check of your own, which builds, tests and runs as it stands. Exit status: 0, 1 it could
    /// not be written, 2 no check can be called so.
    New(new::New),
    /// Runs a plugin file many times and says what a run costs: time, fuel, memory. Exit status: 0, 3
    /// could not be run.
    Bench(Box<bench::Bench>),
    /// Lists the plugins of the running host. Exit status: 0, 3 the host could not be asked.
    Plugins(plugins::Plugins),
    /// Lets the running host look at files and configuration now, and says what changed. Exit
    /// status: 0, 2 something was refused, 3 the host could not be asked.
    Reload(reload::ReloadNow),
    /// Asks an endpoint. Exit status: 0 for an answer of 2xx, 1 for anything else.
    Probe(probe::Probe),
    /// Compiles what comes on standard input: the host runs this as a child process.
    #[command(hide = true)]
    Compile(compile::Compile),
    /// Prints the JSON Schema of the configuration file, for editors. Exit status: 0.
    Schema,
}

impl Arguments {
    /// Runs the verb that is for a process of its own, without a thread or anything else beside it;
    /// hands the others back.
    pub(crate) fn run_alone(self) -> Result<ExitCode, Self> {
        match self.verb {
            Verb::Compile(compile) => Ok(compile.run()),
            verb => Err(Self { verb, ..self }),
        }
    }

    pub(crate) async fn run(self) -> ExitCode {
        let Self { config, verb } = self;
        match verb {
            Verb::Serve(serve) => serve.run(config).await,
            Verb::Check(check) => check.run(config).await,
            Verb::Validate(validate) => validate.run(config).await,
            Verb::Inspect(inspect) => inspect.run(config).await,
            Verb::New(new) => new.run(),
            Verb::Bench(bench) => bench.run(config).await,
            Verb::Plugins(plugins) => plugins.run(config).await,
            Verb::Reload(reload) => reload.run(config).await,
            Verb::Probe(probe) => probe.run().await,
            // Where it starts a runtime first, it is no process of its own any more.
            Verb::Compile(compile) => compile.run(),
            Verb::Schema => {
                let schema = vitals_host::config::json_schema();
                print(&format!("{schema:#}"));
                ExitCode::SUCCESS
            }
        }
    }
}

/// Says what is wrong with the command line. Where it asks for a check or a running host, the exit
/// status is that of what was not done: 2 would say that the check is unhealthy, or something refused.
pub(crate) fn refuse(error: &clap::Error) -> ExitCode {
    // Where nobody reads there is nobody to tell.
    let _ = error.print();
    let command = Arguments::command();
    let verb = std::env::args_os().find(|argument| command.find_subcommand(argument).is_some());
    let is_asking = ["bench", "check", "plugins", "reload"]
        .iter()
        .any(|asks| verb.as_deref() == Some(asks.as_ref()));
    match error.exit_code() {
        0 => ExitCode::SUCCESS,
        _ if is_asking => ExitCode::from(NOT_RUN),
        _ => ExitCode::from(CONFIGURATION),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_holds_together() {
        super::Arguments::command().debug_assert();
    }
}

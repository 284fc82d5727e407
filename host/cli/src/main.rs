//! The binary `vitals`: parses the arguments and returns an exit status.
//!
//! The commands are in `commands`, and the host is in the library. This file knows neither.

mod commands;
mod telemetry;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let arguments = match commands::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return commands::report_usage_error(&error),
    };
    let arguments = match arguments.run_without_runtime() {
        Ok(status) => return status,
        Err(arguments) => arguments,
    };
    // The only TLS provider of the process. Libraries use the one that is installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_name("vitals-io")
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => {
            let status = runtime.block_on(arguments.run());
            // Blocking lookups that are still running must not delay the exit.
            runtime.shutdown_background();
            status
        }
        Err(error) => commands::fail(&format!("cannot start the async runtime: {error}")),
    }
}

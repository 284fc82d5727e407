//! The binary: arguments in, an exit status out. What it does is in `commands` and in the library.

mod commands;
mod telemetry;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let arguments = match commands::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return commands::refuse(&error),
    };
    let arguments = match arguments.run_alone() {
        Ok(status) => return status,
        Err(arguments) => arguments,
    };
    // The one TLS provider of the tree; libraries in it take the one that is installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_name("vitals-io")
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => {
            let status = runtime.block_on(arguments.run());
            // Blocking look-ups that nobody waits for any more must not hold the exit up.
            runtime.shutdown_background();
            status
        }
        Err(error) => commands::fail(&format!("cannot start the async runtime: {error}")),
    }
}

//! `vitals compile`: the child process in which the host compiles a plugin.
//!
//! This file does not know how plugins are compiled.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use vitals_host::plugin::{CompileJob, CompileLimits, Compiler};

/// Reads a plugin from standard input and writes the result to standard output.
#[derive(Debug, Args)]
pub(crate) struct Compile {
    /// Identifier of the engine of the host.
    #[arg(long)]
    engine: String,
    /// Limit of CPU time in seconds.
    #[arg(long)]
    seconds: u64,
    /// Limit of memory in bytes.
    #[arg(long)]
    bytes: u64,
    /// Set after the process has executed itself again to close inherited file descriptors.
    #[arg(long)]
    again: bool,
}

impl Compile {
    pub(crate) fn run(self) -> ExitCode {
        let again = || {
            let mut arguments: Vec<_> = std::env::args_os().skip(1).collect();
            arguments.push("--again".into());
            arguments
        };
        CompileJob {
            engine: self.engine,
            limits: CompileLimits {
                time: Duration::from_secs(self.seconds),
                memory: self.bytes,
            },
            reexec_args: (!self.again).then(again),
        }
        .run()
    }
}

/// Returns a compiler that runs this program as a child process.
///
/// Without access to the program's own file, for example without `/proc`, plugins are compiled in
/// this process.
pub(crate) fn compiler() -> Compiler {
    Compiler::this_program().unwrap_or_else(|error| {
        tracing::warn!(
            path = "/proc/self/exe",
            error = error.to_string(),
            "program cannot be opened, plugins are compiled in this process"
        );
        Compiler::default()
    })
}

//! `vitals compile`: what the host runs to compile a plugin, and how the binary names itself for it.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use vitals_host::plugin::{CompileJob, CompileLimits, Compiler};

/// The file comes on standard input, the answer goes to standard output.
#[derive(Debug, Args)]
pub(crate) struct Compile {
    /// The engine that the host compiles for.
    #[arg(long)]
    engine: String,
    /// Processor time that it may take.
    #[arg(long)]
    seconds: u64,
    /// Memory that it may take.
    #[arg(long)]
    bytes: u64,
    /// Set when it has executed itself once more, to get rid of inherited descriptors.
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

/// Child processes of this very program. Where it can't be found (there is no `/proc`) plugins are
/// compiled in this process.
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

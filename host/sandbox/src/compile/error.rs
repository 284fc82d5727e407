//! Why a file was not compiled, and whether the file or the host is the cause.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use rustix::io::Errno;
use vitals_values::Size;

use vitals_model::Text;

/// Why a file was not compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// The component is damaged or uses features that the host disables.
    #[error("it does not compile: {0}")]
    Refused(Text),
    /// The compilation exceeded its time limit.
    #[error(
        "compiling it takes more than {limit:?}: build it smaller (optimised for size, stripped), \
         or leave it out"
    )]
    Time {
        /// The limit.
        limit: Duration,
    },
    /// The compilation got hardly any processor time.
    #[error(
        "it was not compiled within {waited:?} and got {used:?} of processor time: the machine is \
         too busy; the host tries again later"
    )]
    Starved {
        /// How long the host waited.
        waited: Duration,
        /// The processor time that the compilation got.
        used: Duration,
    },
    /// The compilation exceeded its memory limit.
    #[error(
        "compiling it takes more than {} of memory: build it smaller (optimised for size, \
         stripped), or leave it out",
        Size::of_bytes(*.limit).rounded()
    )]
    Memory {
        /// The limit in bytes.
        limit: u64,
    },
    /// The compiled code is too large.
    #[error(
        "its compiled code has {} bytes, the limit is {limit}: build it smaller", .size
    )]
    Code {
        /// The size of the code in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The compiled code of all plugins would exceed its limit.
    #[error(
        "its compiled code has {}, and the code of the other plugins takes {} of the {} for all of \
         them: remove plugins, or build them smaller; the host tries again later",
        Size::of_bytes(*.size).rounded(), Size::of_bytes(*.loaded).rounded(),
        Size::of_bytes(*.limit).rounded()
    )]
    NoRoom {
        /// The size of this plugin's code in bytes.
        size: u64,
        /// The size of the other plugins' code in bytes.
        loaded: u64,
        /// The limit for all of them in bytes.
        limit: u64,
    },
    /// The compiler crashed.
    #[error("the compiler crashed on it ({how}){}; please report this with the file", StderrSuffix(.stderr))]
    Crashed {
        /// How it ended: a signal or an exit status.
        how: String,
        /// The last bytes of its standard error.
        stderr: Text,
    },
    /// The compiler was killed from outside.
    #[error(
        "the compiler was killed while compiling it, perhaps because the machine is out of memory; \
         the host tries again later"
    )]
    Killed,
    /// The program did not send a valid reply.
    #[error(
        "{} did not reply like a compiler ({reason}){}; it must be the binary `vitals` of version \
         {}", .program.display(), StderrSuffix(.stderr), env!("CARGO_PKG_VERSION")
    )]
    BadReply {
        /// The program.
        program: PathBuf,
        /// What was wrong with the reply.
        reason: String,
        /// The last bytes of its standard error.
        stderr: Text,
    },
    /// The compiler could not be started.
    #[error("cannot start {} to compile it: {reason}", .program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// The error of the system.
        reason: String,
    },
    /// The compiler could not lower its limits, and then compiles nothing.
    #[error("the compiler could not confine itself: {0}")]
    Confine(Text),
    /// The program that compiles has another version than the host.
    #[error(
        "{} compiles for {theirs}, this host is {ours}: name the binary `vitals` of this version",
        .program.display()
    )]
    Version {
        /// The program.
        program: PathBuf,
        /// The engine that it compiles for.
        theirs: Text,
        /// The engine of the host.
        ours: &'static str,
    },
    /// The host can't load the compiled code.
    #[error("its compiled code does not fit this host: {0}")]
    Unfit(Text),
    /// The machine has no memory for the compiled code.
    #[error("the host could not map its compiled code: {0}; the host tries again later")]
    Unmapped(Text),
    /// The compiler thread is still busy with a file that was given up.
    #[error(
        "the thread that compiles is still busy with a file that took too long: restart the \
         program without that file, or name the binary `vitals` to compile in child processes"
    )]
    Busy,
    /// There is no compiler.
    #[error(
        "this program is built without the feature `compile-in-process` and names no compiler: name \
         the binary `vitals` by `HostBuilder::compiler`, or build it with the feature"
    )]
    NoCompiler,
}

impl CompileError {
    #[cfg(feature = "compile-in-process")]
    pub(super) fn refused(error: &wasmtime::Error) -> Self {
        Self::Refused(Text::display(format_args!("{error:#}"), TEXT_BYTES))
    }

    /// Why code could not be loaded. An error of the system says nothing about the code.
    pub(crate) fn unfit(error: &wasmtime::Error) -> Self {
        let is_of_system =
            |cause: &(dyn Error + 'static)| cause.is::<io::Error>() || cause.is::<Errno>();
        let text = Text::display(format_args!("{error:#}"), TEXT_BYTES);
        if error.chain().any(is_of_system) {
            Self::Unmapped(text)
        } else {
            Self::Unfit(text)
        }
    }

    /// Whether the cause lies with the host and not in the file: the same file may compile at
    /// another time.
    pub fn is_host_error(&self) -> bool {
        match self {
            Self::Starved { .. }
            | Self::Killed
            | Self::BadReply { .. }
            | Self::Start { .. }
            | Self::Confine(_)
            | Self::Version { .. }
            | Self::Unmapped(_)
            | Self::NoRoom { .. }
            | Self::Busy
            | Self::NoCompiler => true,
            Self::Refused(_)
            | Self::Time { .. }
            | Self::Memory { .. }
            | Self::Code { .. }
            | Self::Unfit(_)
            | Self::Crashed { .. } => false,
        }
    }
}

/// What a process wrote to standard error, if anything.
struct StderrSuffix<'a>(&'a Text);

impl std::fmt::Display for StderrSuffix<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        write!(f, " and wrote: {}", self.0)
    }
}

const TEXT_BYTES: usize = 512;

//! Why a file was not compiled, told so that a reader knows whether the file is at fault.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use rustix::io::Errno;
use vitals_values::Size;

use vitals_model::Text;

/// Why a file was not compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// The component is damaged or uses features that the host leaves out.
    #[error("it does not compile: {0}")]
    Refused(Text),
    /// It used up its time.
    #[error(
        "to compile it takes more than {limit:?}: build it smaller (optimised for size, stripped), \
         or leave it out"
    )]
    Time {
        /// What is allowed.
        limit: Duration,
    },
    /// It had hardly any of the processor.
    #[error(
        "it was not compiled in {waited:?}, in which it had {used:?} of the processor: the machine is \
         too busy; it is tried again later"
    )]
    Starved {
        /// How long it was waited for.
        waited: Duration,
        /// Processor time that the compilation got.
        used: Duration,
    },
    /// It used up its memory.
    #[error(
        "to compile it takes more than {} of memory: build it smaller (optimised for size, \
         stripped), or leave it out",
        Size::of_bytes(*.limit).rounded()
    )]
    Memory {
        /// What is allowed, in bytes.
        limit: u64,
    },
    /// Its code is larger than code may be.
    #[error(
        "compiled it has {} bytes, a plugin may have {limit}: build it smaller", .size
    )]
    Code {
        /// How many it has.
        size: u64,
        /// What is allowed.
        limit: u64,
    },
    /// The code of all plugins that are loaded leaves no room for it.
    #[error(
        "its code has {}, and of {} for all plugins together {} are taken: remove plugins, or build \
         them smaller; it is tried again later",
        Size::of_bytes(*.size).rounded(), Size::of_bytes(*.limit).rounded(),
        Size::of_bytes(*.held).rounded()
    )]
    NoRoom {
        /// How many bytes of code it has.
        size: u64,
        /// How many bytes the others have.
        held: u64,
        /// What is allowed for all of them.
        limit: u64,
    },
    /// The compiler crashed.
    #[error("the compiler crashed over it ({how}){}; please report that with the file", CompilerOutput(.said))]
    Crashed {
        /// How it ended: a signal, an exit status.
        how: String,
        /// The end of what it wrote to standard error.
        said: Text,
    },
    /// The compiler was killed from outside.
    #[error(
        "the compiler was killed over it; is the machine out of memory? It is tried again later"
    )]
    Killed,
    /// The compiler gave no answer that could be one.
    #[error(
        "{} did not answer as a compiler ({what}){}; it has to be the binary `vitals` of version \
         {}", .program.display(), CompilerOutput(.said), env!("CARGO_PKG_VERSION")
    )]
    Answer {
        /// The program.
        program: PathBuf,
        /// What was wrong with its answer.
        what: String,
        /// The end of what it wrote to standard error.
        said: Text,
    },
    /// The compiler could not be started.
    #[error("cannot start {} to compile it: {why}", .program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// Why not.
        why: String,
    },
    /// The compiler could not take its limits on, and compiles nothing without.
    #[error("the compiler could not confine itself: {0}")]
    Confine(Text),
    /// The program that compiles is of another version than the host.
    #[error(
        "{} compiles for {theirs}, this host is {ours}: name the binary `vitals` of this version",
        .program.display()
    )]
    Version {
        /// The program.
        program: PathBuf,
        /// What it compiles for.
        theirs: Text,
        /// What the host runs.
        ours: &'static str,
    },
    /// The code is none that this host can load.
    #[error("its compiled code does not fit this host: {0}")]
    Unfit(Text),
    /// The machine has no room for the code.
    #[error("the host could not map its compiled code: {0}; it is tried again later")]
    Unmapped(Text),
    /// The one thread that compiles is kept by a file that was given up.
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

    /// Why code could not be loaded. What the system refused says nothing of the code.
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

    /// Whether it is the host's own trouble: what failed was not in the file, and the same file may be
    /// compiled at another time.
    pub fn is_of_host(&self) -> bool {
        match self {
            Self::Starved { .. }
            | Self::Killed
            | Self::Answer { .. }
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

/// What a process wrote to standard error, where it wrote anything.
struct CompilerOutput<'a>(&'a Text);

impl std::fmt::Display for CompilerOutput<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        write!(f, " and said: {}", self.0)
    }
}

const TEXT_BYTES: usize = 512;

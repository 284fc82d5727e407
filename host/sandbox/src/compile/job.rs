//! The child's side of a compilation: one file in, its code out. It runs alone in its process,
//! without an async runtime, and knows neither configuration nor log.

use std::ffi::OsString;
use std::io::{self, Read as _, Write};
use std::process::ExitCode;
use std::thread;

use wasmtime::OutOfMemory;

use super::frame::{self, Tag};
use super::{CompileLimits, confine, names};
use crate::engine::{self, CODE_VERSION};
use vitals_model::Text;

/// The parameters of a compiler child.
#[derive(Clone, Debug)]
pub struct CompileJob {
    /// The engine of the host.
    pub engine: String,
    /// The limits of the compilation.
    pub limits: CompileLimits,
    /// The arguments with which the child executes itself again to close inherited descriptors;
    /// `None` in the second execution.
    pub reexec_args: Option<Vec<OsString>>,
}

impl CompileJob {
    /// Confines this process, compiles the file from standard input, and replies on standard
    /// output. Call it before the process starts any thread.
    pub fn run(self) -> ExitCode {
        let (tag, body) = match self.compile() {
            Ok(code) => (Tag::Code, code),
            Err((tag, reason)) => (tag, reason.into_bytes()),
        };
        match frame::write_reply(&mut io::stdout().lock(), tag, &body) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&format!("cannot answer: {error}")),
        }
    }

    fn compile(&self) -> Result<Vec<u8>, (Tag, String)> {
        let confine = |reason| (Tag::Confine, reason);
        confine::close_inherited(self.reexec_args.as_deref()).map_err(confine)?;
        confine::apply_limits(&self.limits).map_err(confine)?;
        if self.engine != CODE_VERSION {
            return Err((Tag::Version, CODE_VERSION.into()));
        }
        let wasm = frame::read_request(&mut io::stdin().lock())
            .map_err(|error| confine(format!("cannot read the file: {error}")))?;
        exit_with_host().map_err(|error| confine(format!("cannot watch the host: {error}")))?;
        confine::forbid_children().map_err(confine)?;
        let wasm = names::strip_long_names(&wasm);
        let compiled =
            engine::build_without_pool().and_then(|engine| engine.precompile_component(&wasm));
        compiled.map_err(|error| {
            let no_memory = error.downcast_ref::<OutOfMemory>().is_some();
            let tag = if no_memory { Tag::Memory } else { Tag::Refused };
            (
                tag,
                Text::display(format_args!("{error:#}"), TEXT_BYTES).into(),
            )
        })
    }
}

/// Exits when the host closes standard input, which it keeps open while it waits.
/// (`PR_SET_PDEATHSIG` is not enough: it fires when the parent's thread exits, and threads of an
/// async runtime may exit early.)
fn exit_with_host() -> io::Result<()> {
    let wait = || {
        // The host sends nothing more: any result means that the host is gone.
        let _ = io::stdin().lock().read(&mut [0]);
        std::process::exit(1);
    };
    thread::Builder::new()
        .name("vitals-watch".into())
        .stack_size(64 << 10)
        .spawn(wait)?;
    Ok(())
}

/// The host shows no more.
const TEXT_BYTES: usize = 512;

fn fail(reason: &str) -> ExitCode {
    // There is nobody else to tell if standard error is closed.
    let _ = writeln!(io::stderr(), "{reason}");
    ExitCode::FAILURE
}

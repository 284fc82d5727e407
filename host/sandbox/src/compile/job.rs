//! The child's side: one file in, its code out. It runs alone in its process, without a runtime,
//! and knows neither configuration nor log.

use std::ffi::OsString;
use std::io::{self, Read as _, Write};
use std::process::ExitCode;
use std::thread;

use wasmtime::OutOfMemory;

use super::frame::{self, Tag};
use super::{CompileLimits, confine, names};
use crate::engine::{self, CODE_VERSION};
use vitals_model::Text;

/// What a compiling child is told.
#[derive(Clone, Debug)]
pub struct CompileJob {
    /// The engine that the host compiles for.
    pub engine: String,
    /// What it may take.
    pub limits: CompileLimits,
    /// The arguments with which it executes itself once more to get rid of what it inherited;
    /// nothing if it has done that.
    pub reexec_args: Option<Vec<OsString>>,
}

impl CompileJob {
    /// Confines this process, compiles what comes on standard input, and answers on standard
    /// output. To be called by a process that does nothing else, before it starts any thread.
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

/// The host keeps standard input open for as long as it wants an answer. (The signal that Linux
/// sends at the death of a parent is sent at that of its thread, and a thread of a runtime may end
/// early.)
fn exit_with_host() -> io::Result<()> {
    let wait = || {
        // Nothing more is said on it: whatever this returns for, the host is gone.
        let _ = io::stdin().lock().read(&mut [0]);
        std::process::exit(1);
    };
    thread::Builder::new()
        .name("vitals-watch".into())
        .stack_size(64 << 10)
        .spawn(wait)?;
    Ok(())
}

/// As much as the host shows of it.
const TEXT_BYTES: usize = 512;

fn fail(reason: &str) -> ExitCode {
    // Where nobody reads standard error there is nobody to tell.
    let _ = writeln!(io::stderr(), "{reason}");
    ExitCode::FAILURE
}

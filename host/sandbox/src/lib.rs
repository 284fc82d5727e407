//! The one crate that knows WebAssembly: admission of a file, the sandbox, one run.
//!
//! It turns bytes into a [`Plugin`] and a [`Task`] into a `RunReport`. It must not know HTTP pages,
//! the schedule or the board; `wasmtime::Error` ends at its face.

mod admission;
mod admitted;
mod bindings;
mod cache;
mod call;
mod classify;
mod compile;
mod contract;
mod describe;
mod egress;
mod engine;
mod files;
pub mod fuzzing;
pub mod grants;
mod imports;
mod io_error;
mod journal;
mod limiter;
mod load_error;
mod metrics;
mod output;
mod run;
mod run_limits;
mod sandbox;
mod schema;
mod shape;
mod state;
mod symbols;
mod system;
mod threads;
mod tls;

pub use admission::Plugin;
#[cfg(feature = "compile-in-process")]
pub use compile::CompileJob;
pub use compile::{CompileError, CompileLimits, Compiler};
pub use describe::Description;
pub use engine::WASMTIME;
pub use grants::{
    AllowKey, Channel, EntryError, Grant, GrantError, Grants, Host, HostError, HostPattern, Mark,
    Origin, Target, Wanted, parse_host,
};
pub use load_error::LoadError;
pub use run::Task;
pub use sandbox::{Sandbox, SandboxError, SandboxOptions};
pub use schema::{Binding, BindingError};

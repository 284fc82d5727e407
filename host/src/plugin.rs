//! The one room that knows WebAssembly: admission of a file, the sandbox, one run.
//!
//! It turns bytes into a [`Plugin`] and a [`Task`] into a `RunReport`. It must not know HTTP pages,
//! the schedule or the board; `wasmtime::Error` ends at its door.

mod admission;
mod admitted;
mod bindings;
mod cache;
mod capabilities;
mod classify;
mod compile;
mod describe;
mod egress;
mod engine;
mod files;
pub(crate) mod fuzzing;
pub(crate) mod grants;
mod imports;
mod io_error;
mod limiter;
mod load_error;
mod metrics;
mod output;
mod run;
mod sandbox;
mod schema;
mod shape;
mod state;
mod symbols;
mod system;
mod threads;
mod tls;

pub use admission::Plugin;
pub use capabilities::{ErrorTracker, GuestReport, PluginIdentity, Severity};
pub use compile::{CompileError, CompileJob, CompileLimits, Compiler};
pub use describe::Description;
pub use egress::{Roots, RootsError};
pub use engine::WASMTIME;
pub use grants::{
    AllowKey, Channel, EntryError, Grant, GrantError, Grants, Host, HostError, HostPattern, Mark,
    Origin, Target, Wanted, parse_host,
};
pub use load_error::LoadError;
pub use metrics::{GuestMetrics, NotTaken, Reading, Sample, VersionMetrics};
pub use run::Task;
pub use sandbox::{Sandbox, SandboxError, SandboxOptions};
pub use schema::{Binding, BindingError};
pub(crate) use threads::lower_priority;

//! The only crate that knows WebAssembly: admission of plugins, the sandbox, and one run.
//!
//! It turns bytes into a [`Plugin`], and a [`Task`] into a `RunReport`. It must not know HTTP
//! pages, the schedule or the board, and `wasmtime::Error` must not leave it.

mod admission;
mod admitted;
mod bindings;
mod cache;
mod call;
mod classify;
mod clients;
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
mod limiter;
mod load_error;
mod metrics;
mod net;
mod output;
mod plugin;
mod run;
mod run_limits;
mod run_log;
mod sandbox;
mod schema;
mod shape;
mod state;
mod symbols;
mod system;
mod threads;

pub use clients::{ClientOptions, ClientSettings, IdentityFiles, Proxy, UnusableIdentities};
#[cfg(feature = "compile-in-process")]
pub use compile::CompileJob;
pub use compile::{CompileError, CompileLimits, Compiler};
pub use describe::Description;
pub use engine::WASMTIME;
pub use grants::{Channel, Grant, GrantError, Grants, Host, HostPattern, Target, parse_host};
pub use load_error::LoadError;
pub use plugin::Plugin;
pub use run::Task;
pub use sandbox::{Sandbox, SandboxError, SandboxOptions};
pub use schema::{Binding, BindingError, Schema};

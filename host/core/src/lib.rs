//! The checks of a host: loading, scheduling, results, and the events that follow.
//!
//! Data flows in one direction: `catalog` → `schedule` → `board` → `events`. The `watch` module
//! reconciles them with files and configuration. The crate knows neither pages nor sinks: those
//! read the [`board`] and implement [`events::Sink`].

pub mod board;
mod catalog;
mod client_options;
pub mod events;
mod exposition;
#[doc(hidden)]
pub mod fuzzing;
mod host_core;
mod liveness;
mod native;
mod publisher;
pub mod schedule;
mod status;
pub mod supervisor;
mod watch;
pub mod workbench;

pub use catalog::{RegisterError, ReservedNames};
pub use exposition::{Exposition, Moment, RequestCounter};
pub use host_core::{HostCore, Parts, sandbox_options};
pub use native::{IntoOutcome, NativeCheck};
pub use status::{HostStats, HostStatus};
pub use watch::{Accepts, CatalogPage, Command, Registration, Reloader, ShutDown};

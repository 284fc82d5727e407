//! The checks of a host: what is loaded, when it runs, what came of it, and the events that follow.
//!
//! A fact goes one way through the modules: `catalog` → `schedule` → `board` → `events`, and
//! `watch` keeps the three in line with files and configuration. Knows neither pages nor sinks:
//! those read the [`board`] and implement [`events::Sink`].

mod background;
pub mod board;
mod catalog;
pub mod events;
mod exposition;
#[doc(hidden)]
pub mod fuzzing;
mod host_core;
mod liveness;
mod native;
mod publisher;
mod sandbox_options;
pub mod schedule;
mod stats;
mod status;
pub mod supervisor;
mod watch;
pub mod workbench;

pub use catalog::{RegisterError, ReservedNames};
pub use exposition::{Exposition, Moment, RequestCounter};
pub use host_core::{HostCore, Parts};
pub use native::{IntoOutcome, NativeCheck};
pub use sandbox_options::sandbox_options;
pub use stats::HostStats;
pub use status::HostStatus;
pub use watch::{CatalogPage, Command, Reloader, ShutDown};

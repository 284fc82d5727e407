//! vitals: a host that runs untrusted health checks.
//!
//! A check is a WebAssembly component. The host runs it in a sandbox, on a schedule, under hard
//! limits, and replaces it when its file changes. Probes, scrapers and people get the latest
//! results. This crate is the host as a library; the binary `vitals` is a thin wrapper.
//!
//! ```no_run
//! use vitals_host::{Host, Outcome, config::Config};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let host = Host::builder()
//!     .config("[plugins]\ndir = \"plugins\"".parse::<Config>()?)
//!     .check("database", || async { Outcome::healthy("Connection OK") })
//!     .start()
//!     .await?;
//! let service = axum::Router::<()>::new().merge(host.router());
//! # drop(service);
//! host.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! Data flows in one direction: [`config`] → `catalog` → `schedule` → [`board`] → `http`. Only
//! `plugin` knows about WebAssembly.

pub mod board;
mod catalog;
mod delivery;
mod event_log;
mod events;
#[doc(hidden)]
pub mod fuzzing;
mod host;
mod http;
pub mod metrics;
mod native;
mod notify;
mod outgoing;
mod publisher;
mod sandbox_options;
pub mod schedule;
mod sentry;
pub mod supervisor;
pub mod telemetry;
mod watch;
pub mod workbench;

pub use catalog::RegisterError;
pub use host::{Host, HostBuilder, HostStatus, StartError};
pub use native::IntoOutcome;
pub use sandbox_options::sandbox_options;
pub use vitals_config as config;
pub use vitals_io::trust::{Roots, RootsError};
use vitals_io::{blocking_pool, regular_file, trust};
pub use vitals_model as check;
pub use vitals_model::Outcome;
pub use vitals_model::reload;
pub use vitals_sandbox as plugin;
pub use watch::{Reloader, ShutDown};

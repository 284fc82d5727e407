//! vitals: a host for health checks that nobody has to trust.
//!
//! A check is a WebAssembly component; the host runs it in a sandbox, on a schedule, under hard
//! limits, swaps it when its file changes, and answers probes, scrapers and people from the last
//! results. This crate is the host as a library; the binary `vitals` is its thin user.
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
//! A fact goes one way through the rooms: [`config`] → `catalog` → `schedule` → [`board`] → `http`,
//! and only `plugin` knows that WebAssembly exists.

mod blocking_pool;
pub mod board;
mod catalog;
pub mod check;
pub mod config;
mod delivery;
#[doc(hidden)]
pub mod fuzzing;
mod host;
mod http;
pub mod metrics;
mod native;
mod notify;
mod outgoing;
mod panics;
pub mod plugin;
mod recorder;
mod regular_file;
pub mod reload;
pub mod schedule;
mod sentry;
pub mod supervisor;
pub mod telemetry;
mod watch;
pub mod workbench;

pub use check::Outcome;
pub use host::{Host, HostBuilder, RegisterError, Signs, StartError};
pub use native::IntoOutcome;

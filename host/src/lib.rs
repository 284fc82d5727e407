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
//! Features, all on by default:
//!
//! | feature | brings |
//! |---|---|
//! | `compile-in-process` | Cranelift, which compiles plugins in this program. Without it name a compiler: [`HostBuilder::compiler`] |
//! | `metrics` | `GET /metrics`, the metrics of plugins, and `Host::metrics` |
//! | `notify` | notifications: Alertmanagers and webhooks |
//! | `sentry` | reports to Sentry, `Host::capture_error` and `Host::capture_message` |
//!
//! A configuration that asks for a feature that is left out is an error: [`MissingFeature`].
//!
//! Data flows in one direction through the crates: `vitals-config` → `vitals-core` →
//! `vitals-report` and `vitals-server`. Only `vitals-sandbox` knows about WebAssembly.

mod features;
mod host;

pub use features::MissingFeature;
pub use host::{Host, HostBuilder, StartError};
pub use vitals_config as config;
#[doc(hidden)]
pub use vitals_core::fuzzing;
pub use vitals_core::{
    HostStatus, IntoOutcome, RegisterError, Reloader, ShutDown, board, sandbox_options, schedule,
    supervisor, workbench,
};
pub use vitals_io::trust::{Roots, RootsError};
pub use vitals_model as check;
pub use vitals_model::Outcome;
pub use vitals_model::reload;
#[cfg(feature = "metrics")]
pub use vitals_report::metrics;
pub use vitals_sandbox as plugin;

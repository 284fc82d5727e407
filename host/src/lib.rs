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
//! One type of a crate before its 1.0 is part of signatures: `axum::Router`, by which pages are
//! mounted. It changes only with a new minor version of this crate.
//!
//! Data flows in one direction through the crates: `vitals-config` → `vitals-core` →
//! `vitals-report` and `vitals-server`. Only `vitals-sandbox` knows about WebAssembly.

mod features;
mod host;

pub use features::MissingFeature;
pub use host::{Host, HostBuilder, StartError};
/// The typed configuration, from a file or made by the program.
pub use vitals_config as config;
pub use vitals_core::{
    HostStatus, IntoOutcome, RegisterError, Registration, Reloader, ShutDown, supervisor,
};
pub use vitals_io::trust::RootsError;
/// The values of checks: outcomes with their measurements, statuses, names.
pub use vitals_model as check;
pub use vitals_model::Outcome;
/// What a reload has changed.
pub use vitals_model::reload;
#[cfg(feature = "metrics")]
pub use vitals_report::metrics;
#[cfg(feature = "sentry")]
pub use vitals_report::sentry::NoReports;
pub use vitals_sandbox::{CompileLimits, Compiler, SandboxError, UnusableIdentities};

// For the binary, the tests and the benchmarks of this repository, without any promise.
#[doc(hidden)]
pub use vitals_core::{board, fuzzing, sandbox_options, workbench};
#[doc(hidden)]
pub use vitals_io::trust::Roots;
#[doc(hidden)]
pub use vitals_sandbox as plugin;

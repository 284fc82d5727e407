//! The sinks of a host: each tells somebody of the events that it reads.
//!
//! A new sink is one module that implements `vitals_core::events::Sink`, and one line where the host is
//! assembled. Knows neither pages nor how a check is run.

#[cfg(feature = "delivery")]
#[cfg_attr(
    not(all(feature = "notify", feature = "sentry")),
    allow(
        dead_code,
        unused_imports,
        reason = "each of the two uses a part of it"
    )
)]
mod delivery;
pub mod delivery_metrics;
pub mod event_log;
#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(feature = "notify")]
pub mod notify;
#[cfg(feature = "delivery")]
mod outgoing;
#[cfg(feature = "sentry")]
pub mod sentry;

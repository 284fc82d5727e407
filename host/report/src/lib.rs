//! The sinks of a host, each of which reads the stream of events for one destination.
//!
//! A new sink is one module that implements `vitals_core::events::Sink`, and one line where the
//! host is assembled. The crate knows neither pages nor how a check runs.

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

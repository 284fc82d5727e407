//! The sinks of a host, each of which reads the stream of events for one destination.
//!
//! A new sink is one module that implements `vitals_core::events::Sink`, and one line where the
//! host is assembled. The crate knows neither pages nor how a check runs.

mod delivery;
pub mod event_log;
pub mod metrics;
pub mod notify;
mod outgoing;
pub mod sentry;
